package dbt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"larder/schema"
	"larder/schema/definitions"
)

// A draft is a node on its way to a source and a view.
type draft struct {
	node    *node
	meta    meta
	columns []*draftColumn
	known   bool // the columns are all that the table has
	source  schema.Source
}

type draftColumn struct {
	name     string
	typeName string // in Postgres; "": not known
	pg       pgType
	said     *column // in a YAML file; nil: nothing
	meta     columnMeta
}

func (d *draft) find(name string) *draftColumn {
	for _, c := range d.columns {
		if c.name == name {
			return c
		}
	}
	return nil
}

// names returns the columns of a draft.
func (d *draft) names() []string {
	out := make([]string, len(d.columns))
	for i, c := range d.columns {
		out[i] = c.name
	}
	return out
}

// entitiesOfColumns returns those that columns say they are keys of.
func (d *draft) entitiesOfColumns() (all []entityMeta) {
	for _, c := range d.columns {
		e := entityMeta{name: c.meta.keyOf}
		if e.name != "" && !slices.ContainsFunc(all, func(other entityMeta) bool { return other.name == e.name }) {
			all = append(all, e)
		}
	}
	return all
}

// draft reads what is said of a node.
func (i *importer) draft(n *node) {
	r := &metaReader{place: n.place()}
	d := &draft{node: n, meta: r.node(n.meta())}
	i.readColumns(d, r)
	if len(d.meta.entities) == 0 {
		d.meta.entities = d.entitiesOfColumns()
	}
	i.errs = append(i.errs, r.errs...)
	switch {
	case i.manifest.Adapter != "" && i.manifest.Adapter != "postgres":
		i.report(n, fmt.Sprintf("its table is in %s, and Larder reads Postgres", i.manifest.Adapter), "copy it to a Postgres: as a Parquet file with larder load, or with dbt-postgres")
	case n.Config.Materialized == "ephemeral":
		i.report(n, "it is ephemeral, and has no table", "materialize it as a table, a view or incrementally")
	case len(d.columns) == 0:
		i.report(n, "its columns are not known", "run dbt docs generate after dbt run, or give its columns a data_type")
	default:
		i.drafts = append(i.drafts, d)
	}
}

// readColumns joins the columns of the table with those of the YAML files.
func (i *importer) readColumns(d *draft, r *metaReader) {
	described := map[string]*column{}
	for _, c := range d.node.Columns {
		described[strings.ToLower(string(c.Name))] = c
	}
	add := func(name, typeName string, said *column) {
		c := &draftColumn{name: name, typeName: typeName, pg: parseType(typeName), said: said}
		if said != nil {
			c.meta = r.column(name, said.meta())
		}
		d.columns = append(d.columns, c)
	}
	if i.opts.Catalog != nil {
		if t := i.opts.Catalog.tables[d.node.ID]; t != nil {
			d.known = true
			for _, c := range t.columns {
				add(c.name, c.typ, described[strings.ToLower(c.name)])
				delete(described, strings.ToLower(c.name))
			}
		}
	}
	for _, c := range d.node.Columns {
		if described[strings.ToLower(string(c.Name))] != c {
			continue
		}
		if !d.known {
			add(string(c.Name), string(c.DataType), c)
		} else if c.meta() != nil {
			r.column(string(c.Name), c.meta())
			i.report(d.node, fmt.Sprintf("its table has no column %q, which a YAML file describes", string(c.Name)), "correct the name, or run dbt run and dbt docs generate")
		}
	}
}

// finish makes the source and the view of a draft, or reports why there is none.
func (i *importer) finish(d *draft) {
	n, before := d.node, len(i.result.Report)
	i.findTimes(d)
	view := schema.FeatureView{
		Name: cmp.Or(d.meta.view, n.defaultName()), TTL: d.meta.ttl, Schedule: d.meta.schedule, KeepOld: d.meta.keepOld, MaxRun: d.meta.maxRun,
		Description: strings.TrimSpace(string(n.Description)), Owner: i.owner(n, &d.meta), Tags: i.tags(slices.Concat(n.Tags, n.Config.Tags), d.meta.tags),
	}
	d.source.Name = cmp.Or(d.meta.source.Name, n.defaultName())
	view.Source = d.source.Name
	i.place(d)
	entities := i.findEntities(d, &view)
	if len(i.result.Report) > before {
		return
	}
	comment := definitions.Comment{Key: "feature_views", Name: view.Name}
	features := i.features(d, &view, &comment)
	if len(view.Features) == 0 {
		i.report(n, "no column of it is left to be a feature", "describe more columns, or skip fewer")
		return
	}
	if !i.valid(d, &view, entities) {
		return
	}
	i.keep(d, view, entities)
	if len(comment.Lines) > 0 {
		i.result.Comments = append(i.result.Comments, comment)
	}
	i.result.Comments = append(i.result.Comments, features...)
}

// defaultName is the name of a node's view and source unless its meta has another.
func (n *node) defaultName() string {
	if n.ModelVersion != "" {
		return fmt.Sprintf("%s_v%s", n.Name, n.ModelVersion)
	}
	return string(n.Name)
}

// place says which table the source reads.
func (i *importer) place(d *draft) {
	var t *table
	if i.opts.Catalog != nil {
		t = i.opts.Catalog.tables[d.node.ID]
	}
	folder, name := d.node.relation(t)
	switch {
	case name == "":
		i.report(d.node, "its table has no name", "run dbt parse again")
	case folder == "":
		d.source.Query = "SELECT * FROM " + quoted(name)
	case strings.Contains(folder+name, "."):
		d.source.Query = "SELECT * FROM " + quoted(folder) + "." + quoted(name)
	default:
		d.source.Table = folder + "." + name
	}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// findTimes finds the columns that the source needs.
func (i *importer) findTimes(d *draft) {
	d.source = d.meta.source
	s := &d.source
	marked := func(is func(columnMeta) bool) string {
		for _, c := range d.columns {
			if is(c.meta) {
				return c.name
			}
		}
		return ""
	}
	s.TimestampField = cmp.Or(s.TimestampField, marked(func(m columnMeta) bool { return m.event }), d.node.snapshotColumn("dbt_valid_from"), string(d.node.Config.EventTime))
	s.CreatedTimestampColumn = cmp.Or(s.CreatedTimestampColumn, marked(func(m columnMeta) bool { return m.ingest }))
	s.DeletedColumn = cmp.Or(s.DeletedColumn, marked(func(m columnMeta) bool { return m.deleted }))
	if loaded := string(d.node.LoadedAt); s.CreatedTimestampColumn == "" && loaded != s.TimestampField && d.find(loaded) != nil {
		s.CreatedTimestampColumn = loaded
	}
	if s.TimestampField == "" {
		i.report(d.node, "nothing says when its rows were true", "add timestamp_field: COLUMN to its meta.larder"+d.suggest(schema.Timestamp))
		return
	}
	for _, x := range []struct {
		key, name string
		want      schema.Type
	}{{"timestamp_field", s.TimestampField, schema.Timestamp}, {"created_timestamp_column", s.CreatedTimestampColumn, schema.Timestamp}, {"deleted_column", s.DeletedColumn, schema.Bool}} {
		i.checkColumn(d, x.key, x.name, x.want)
	}
}

// suggest names the columns of a type, if they are few.
func (d *draft) suggest(t schema.Type) string {
	var names []string
	for _, c := range d.columns {
		if c.pg.typ == t {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 || len(names) > 4 {
		return ""
	}
	return ", such as " + schema.OneOf(names)
}

// checkColumn reports a column of the source that can't be what its key says.
func (i *importer) checkColumn(d *draft, key, name string, want schema.Type) {
	if name == "" {
		return
	}
	c := d.find(name)
	switch {
	case c == nil && d.known:
		i.report(d.node, fmt.Sprintf("%s is %q, and its table has no such column", key, name), schema.Nearest(name, d.names()))
	case c == nil || c.typeName == "":
	case c.pg.typ != want:
		i.report(d.node, fmt.Sprintf("%s is %q, which has the type %s", key, name, c.typeName), "name a column that is "+map[schema.Type]string{schema.Timestamp: "a timestamptz", schema.Bool: "a boolean"}[want])
	case c.pg.naive && d.source.TimeZone == "":
		i.report(d.node, fmt.Sprintf("%s is %q, which has no time zone", key, name), "add time_zone: UTC, or the zone that its times are in, to its meta.larder")
	}
}

// snapshotColumn is the name of a column that dbt adds to a snapshot.
func (n *node) snapshotColumn(name string) string {
	if n.Kind != "snapshot" {
		return ""
	}
	return cmp.Or(string(n.Config.SnapshotMeta[name]), name)
}

// findEntities finds the entities of a view, and the types of their keys.
func (i *importer) findEntities(d *draft, view *schema.FeatureView) (all []schema.Entity) {
	if len(d.meta.entities) == 0 {
		i.report(d.node, "nothing says whose features it has", "add entity: NAME and join_keys: [COLUMN] to its meta.larder")
	}
	for _, m := range d.meta.entities {
		e := i.entities[m.name]
		if e == nil {
			i.report(d.node, fmt.Sprintf("the entity %q has no join keys in any node", m.name), "add join_keys: [COLUMN] to its meta.larder")
			continue
		}
		if own := d.keysOf(m); own != nil && !slices.Equal(own, e.keys) {
			i.report(d.node, fmt.Sprintf("its entity %q has the join keys %s, and %s in %s", m.name, strings.Join(own, ", "), strings.Join(e.keys, ", "), e.by.title()), "name the columns alike in both, or give one entity another name")
			continue
		}
		view.Entities = append(view.Entities, m.name)
		out := schema.Entity{Name: m.name}
		for k, name := range e.keys {
			t := i.keyType(d, e, name)
			if t != 0 && e.types[k] != 0 && e.types[k] != t {
				i.report(d.node, fmt.Sprintf("the join key %q is %s in it, and %s in another node", name, t, e.types[k]), "cast it to one type in both")
			}
			out.JoinKeys = append(out.JoinKeys, schema.JoinKey{Name: name, Type: cmp.Or(t, e.types[k])})
		}
		all = append(all, out)
	}
	return all
}

// keyType returns the type of a join key, or reports why it has none.
func (i *importer) keyType(d *draft, e *entity, name string) schema.Type {
	c := d.find(name)
	if c == nil {
		i.report(d.node, fmt.Sprintf("it has no column %q, the join key of %s", name, e.name), schema.Nearest(name, d.names()))
		return 0
	}
	t := cmp.Or(c.meta.typ, c.pg.typ)
	switch {
	case c.meta.typ != 0:
	case c.typeName == "":
		i.report(d.node, fmt.Sprintf("the type of the join key %q is not known", name), "run dbt docs generate, give the column a data_type, or add type: TYPE to its meta.larder")
		return 0
	case t == 0 || c.pg.float || t.IsList():
		i.report(d.node, fmt.Sprintf("the join key %q has the type %s, and keys are whole numbers, texts, times or bytes", name, c.typeName), "cast it in the model, as in "+name+"::bigint")
		return 0
	case c.pg.naive && d.source.TimeZone == "":
		i.report(d.node, fmt.Sprintf("the join key %q has no time zone", name), "add time_zone: UTC, or the zone that its times are in, to its meta.larder")
		return 0
	}
	return t
}

// valid reports what keeps a view from being a definition.
func (i *importer) valid(d *draft, view *schema.FeatureView, entities []schema.Entity) bool {
	if other := i.views[view.Name]; other != nil {
		i.report(d.node, fmt.Sprintf("its view %q has the name of that of %s", view.Name, other.title()), "add view: NAME to the meta.larder of one")
		return false
	}
	for _, s := range i.result.Definitions.Sources {
		if s.Name == d.source.Name {
			i.report(d.node, fmt.Sprintf("its source %q has the name of another", s.Name), "add source: NAME to its meta.larder")
			return false
		}
	}
	alone := schema.Definitions{Entities: entities, Sources: []schema.Source{d.source}, FeatureViews: []schema.FeatureView{*view}}
	err := alone.Validate()
	var problems schema.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			what, do, _ := strings.Cut(p.Message, "; ")
			i.report(d.node, what, cmp.Or(do, "correct it in dbt"))
		}
	}
	return err == nil
}

// keep adds a view and what it needs to the result.
func (i *importer) keep(d *draft, view schema.FeatureView, entities []schema.Entity) {
	i.views[view.Name] = d.node
	defs := &i.result.Definitions
	for _, made := range entities {
		e := i.entities[made.Name]
		for k, key := range made.JoinKeys {
			e.types[k] = key.Type
		}
		if !e.used {
			e.used = true
			defs.Entities = append(defs.Entities, made)
		}
	}
	defs.Sources = append(defs.Sources, d.source)
	defs.FeatureViews = append(defs.FeatureViews, view)
	from := "dbt's " + d.node.title()
	if file := string(d.node.Path); file != "" {
		from += ", " + file
	}
	i.result.Comments = append(i.result.Comments, definitions.Comment{Key: "sources", Name: d.source.Name, Lines: []string{from}})
}
