package dbt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// Options tune an import.
type Options struct {
	// Tag is that of the nodes that are imported. Defaults to larder.
	Tag string
	// Catalog has the columns of the tables; nil: only what the YAML files say is known.
	Catalog *Catalog
}

// An importer turns the marked nodes of one manifest into definitions.
type importer struct {
	opts     Options
	manifest *Manifest
	result   *Result
	errs     []error
	expected map[string][]expectation
	drafts   []*draft
	entities map[string]*entity
	views    map[string]*node // by the name of the view
}

// An entity is what the nodes say of it together.
type entity struct {
	name  string
	keys  []string
	types []schema.Type // 0: not known yet
	by    *node         // that said the keys
	used  bool          // by a view
}

// Import returns the definitions of the nodes that carry the tag or the key larder in their
// meta. The error names every key of a meta that is wrong, or says that no node is marked.
func Import(m *Manifest, opts Options) (*Result, error) {
	opts.Tag = cmp.Or(opts.Tag, "larder")
	i := &importer{opts: opts, manifest: m, result: &Result{}, expected: m.expectations(), entities: map[string]*entity{}, views: map[string]*node{}}
	marked := i.marked(m.nodes)
	disabled := i.marked(m.disabled)
	if len(marked)+len(disabled) == 0 {
		return nil, fmt.Errorf("no model, snapshot, seed or source of the project carries the tag %q or the key larder in its meta; mark one, as in config: {tags: [%[1]s]}, and run dbt parse", opts.Tag)
	}
	for _, n := range disabled {
		i.report(n, "it is disabled, and dbt makes no table of it", "enable it in dbt, or take the mark away")
	}
	for _, n := range marked {
		i.draft(n)
	}
	if err := errors.Join(i.errs...); err != nil {
		return nil, err
	}
	i.collectKeys()
	for _, d := range i.drafts {
		i.finish(d)
	}
	if err := errors.Join(i.errs...); err != nil {
		return nil, err
	}
	return i.result, nil
}

// marked returns the marked nodes in the order of their names, which doesn't change from run
// to run.
func (i *importer) marked(nodes []*node) []*node {
	var out []*node
	for _, n := range nodes {
		meta := n.meta()
		switch {
		case string(meta) == "false":
		case meta != nil && string(meta) != "null", slices.Contains(n.Tags, i.opts.Tag), slices.Contains(n.Config.Tags, i.opts.Tag):
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b *node) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// meta returns the key larder. Before dbt 1.10 the meta is beside config; it is copied
// there since.
func (n *node) meta() []byte {
	if n.Config.Meta.larder != nil {
		return n.Config.Meta.larder
	}
	return n.Meta.larder
}

func (c *column) meta() []byte {
	if c.Config.Meta.larder != nil {
		return c.Config.Meta.larder
	}
	return c.Meta.larder
}

// owner is who answers for a node.
func (i *importer) owner(n *node, m *meta) string {
	group := cmp.Or(n.Group, n.Config.Group)
	return cmp.Or(m.owner, n.Config.Meta.owner, n.Meta.owner, i.manifest.owners[string(group)])
}

// tags are the tags of dbt, which have no values, and those of the meta.
func (i *importer) tags(of texts, more map[string]string) map[string]string {
	out := map[string]string{}
	for _, tag := range of {
		if tag != i.opts.Tag && tag != "" {
			out[tag] = "true"
		}
	}
	for key, value := range more {
		out[key] = value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// collectKeys finds the join keys of entities: a node may name an entity whose keys another
// one says.
func (i *importer) collectKeys() {
	for _, d := range i.drafts {
		for _, e := range d.meta.entities {
			keys := d.keysOf(e)
			if len(keys) > 0 && i.entities[e.name] == nil {
				i.entities[e.name] = &entity{name: e.name, keys: keys, types: make([]schema.Type, len(keys)), by: d.node}
			}
		}
	}
}

// keysOf returns the columns that a node says are the join keys of an entity; nil when it
// doesn't say.
func (d *draft) keysOf(e entityMeta) []string {
	if e.keys != nil {
		return e.keys
	}
	only := len(d.meta.entities) == 1
	var keys []string
	for _, c := range d.columns {
		if c.meta.key && (c.meta.keyOf == e.name || c.meta.keyOf == "" && only) {
			keys = append(keys, c.name)
		}
	}
	if keys == nil && only && d.node.Kind == "snapshot" {
		for _, name := range d.node.Config.UniqueKey {
			if d.find(name) == nil { // an expression
				return nil
			}
			keys = append(keys, name)
		}
	}
	return keys
}

// relation returns the schema and the name of a node's table.
func (n *node) relation(t *table) (folder, name string) {
	if t != nil && t.schema != "" && t.name != "" {
		return t.schema, t.name
	}
	if parts := relationParts(string(n.Relation)); len(parts) >= 2 {
		return parts[len(parts)-2], parts[len(parts)-1]
	}
	return string(n.Schema), string(cmp.Or(n.Identifier, n.Alias, n.Name))
}

// relationParts splits "db"."schema"."table". Postgres reads a part without quotes in small
// letters.
func relationParts(relation string) (parts []string) {
	for relation != "" {
		var part string
		if relation[0] == '"' {
			rest := relation[1:]
			for {
				end := strings.IndexByte(rest, '"')
				if end < 0 {
					return nil
				}
				part += rest[:end]
				rest = rest[end+1:]
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				part += `"`
				rest = rest[1:]
			}
			relation = rest
		} else {
			end := strings.IndexByte(relation, '.')
			if end < 0 {
				end = len(relation)
			}
			part, relation = strings.ToLower(relation[:end]), relation[end:]
		}
		parts = append(parts, part)
		if relation != "" {
			if relation[0] != '.' {
				return nil
			}
			relation = relation[1:]
		}
	}
	return parts
}
