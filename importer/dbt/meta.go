package dbt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"larder/schema"
)

// A meta is the key larder in the meta of a node.
type meta struct {
	off      bool // larder: false
	view     string
	entities []entityMeta
	joinKeys []string // of the only entity
	source   schema.Source
	ttl      schema.Duration
	schedule schema.Duration
	keepOld  *schema.Duration
	maxRun   schema.Duration
	skip     []string
	features []string // nil: all
	owner    string
	tags     map[string]string
}

type entityMeta struct {
	name string
	keys []string // nil: another node says
}

// A columnMeta is the key larder in the meta of a column.
type columnMeta struct {
	typ      schema.Type
	fallback json.RawMessage // the default
	skip     bool
	key      bool
	keyOf    string // "": of the only entity
	event    bool
	ingest   bool
	deleted  bool
	tags     map[string]string
}

// A metaReader reads metas of a node and collects what is wrong in them.
type metaReader struct {
	place string // of what errors are about
	errs  []error
}

func (r *metaReader) fault(path, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s: %s", r.place, path, fmt.Sprintf(format, args...)))
}

// A metaKey reads the value of a key. Its error says what the value should be.
type metaKey func(raw json.RawMessage) error

// object reads an object by its known keys.
func (r *metaReader) object(path string, raw json.RawMessage, known map[string]metaKey) {
	seen := map[string]bool{}
	err := eachKey(json.NewDecoder(bytes.NewReader(raw)), func(key string, d *json.Decoder) error {
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		at := path + "." + key
		read := known[key]
		switch {
		case read == nil:
			r.fault(at, "there is no such key; %s", schema.Nearest(key, keysOf(known)))
		case seen[key]:
			r.fault(at, "it is there twice; keep one")
		default:
			if err := read(value); err != nil {
				r.fault(at, "%v", err)
			}
		}
		seen[key] = true
		return nil
	})
	if err != nil {
		r.fault(path, "it must be an object of keys, or true")
	}
}

func keysOf(known map[string]metaKey) []string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	return names
}

// node reads the meta of a node. It may be true or null, which only marks the node.
func (r *metaReader) node(raw json.RawMessage) (m meta) {
	switch string(bytes.TrimSpace(raw)) {
	case "false":
		m.off = true
		return m
	case "true", "null", "":
		return m
	}
	const path = "meta.larder"
	s := &m.source
	r.object(path, raw, map[string]metaKey{
		"view":      textKey(&m.view),
		"source":    textKey(&s.Name),
		"entity":    func(raw json.RawMessage) error { return r.entity(path+".entity", raw, &m.entities) },
		"entities":  func(raw json.RawMessage) error { return r.entityList(path+".entities", raw, &m.entities) },
		"join_keys": namesKey(&m.joinKeys),
		"ttl":       durationKey(&m.ttl),
		"schedule":  durationKey(&m.schedule),
		"max_run":   durationKey(&m.maxRun),
		"keep_old":  optionalDuration(&m.keepOld),
		"skip":      namesKey(&m.skip),
		"features":  namesKey(&m.features),
		"owner":     textKey(&m.owner),
		"tags":      tagsKey(&m.tags),

		"timestamp_field":          textKey(&s.TimestampField),
		"created_timestamp_column": textKey(&s.CreatedTimestampColumn),
		"deleted_column":           textKey(&s.DeletedColumn),
		"time_zone":                textKey(&s.TimeZone),
		"lateness":                 optionalDuration(&s.Lateness),
		"on_bad_row":               textKey((*string)(&s.OnBadRow)),
		"max_bad_share":            shareKey(&s.MaxBadShare),
	})
	if len(m.joinKeys) > 0 && len(m.entities) != 1 {
		r.fault(path+".join_keys", "it belongs to one entity; write entity: NAME beside it, or the keys of each in entities: [{name: NAME, join_keys: [COLUMN]}]")
	} else if len(m.joinKeys) > 0 {
		if m.entities[0].keys != nil {
			r.fault(path+".join_keys", "the entity has join keys of its own; keep one of them")
		}
		m.entities[0].keys = m.joinKeys
	}
	return m
}

// column reads the meta of a column. true and null say nothing; false leaves it out.
func (r *metaReader) column(name string, raw json.RawMessage) (m columnMeta) {
	switch string(bytes.TrimSpace(raw)) {
	case "false":
		m.skip = true
		return m
	case "true", "null", "":
		return m
	}
	path := "column " + name + ": meta.larder"
	r.object(path, raw, map[string]metaKey{
		"type": func(raw json.RawMessage) error {
			var name string
			if err := textKey(&name)(raw); err != nil {
				return err
			}
			t, err := schema.ParseType(name)
			m.typ = t
			return err
		},
		"default": func(raw json.RawMessage) error { m.fallback = raw; return nil },
		"skip":    boolKey(&m.skip),
		"join_key": func(raw json.RawMessage) error {
			if boolKey(&m.key)(raw) == nil {
				return nil
			}
			m.key = true
			if textKey(&m.keyOf)(raw) != nil {
				return errors.New("it must be true, or the name of the entity")
			}
			return nil
		},
		"timestamp_field":          boolKey(&m.event),
		"created_timestamp_column": boolKey(&m.ingest),
		"deleted_column":           boolKey(&m.deleted),
		"tags":                     tagsKey(&m.tags),
	})
	return m
}

// entity reads NAME or {name: NAME, join_keys: [COLUMN]}.
func (r *metaReader) entity(path string, raw json.RawMessage, into *[]entityMeta) error {
	var e entityMeta
	if textKey(&e.name)(raw) != nil {
		if len(raw) == 0 || raw[0] != '{' {
			return errors.New("it must be a name, or {name: NAME, join_keys: [COLUMN]}")
		}
		r.object(path, raw, map[string]metaKey{"name": textKey(&e.name), "join_keys": namesKey(&e.keys)})
		if e.name == "" {
			r.fault(path, "it has no name; write {name: NAME, join_keys: [COLUMN]}")
			return nil
		}
	}
	*into = append(*into, e)
	return nil
}

func (r *metaReader) entityList(path string, raw json.RawMessage, into *[]entityMeta) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return errors.New("it must be a list of entities, as in [customer, {name: merchant, join_keys: [merchant_id]}]")
	}
	for i, one := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := r.entity(at, one, into); err != nil {
			r.fault(at, "%v", err)
		}
	}
	return nil
}

func textKey(into *string) metaKey {
	return func(raw json.RawMessage) error {
		var value *string
		if err := json.Unmarshal(raw, &value); err != nil || value == nil || *value == "" {
			return errors.New("it must be a text")
		}
		*into = *value
		return nil
	}
}

func boolKey(into *bool) metaKey {
	return func(raw json.RawMessage) error {
		var value *bool
		if err := json.Unmarshal(raw, &value); err != nil || value == nil {
			return errors.New("it must be true or false")
		}
		*into = *value
		return nil
	}
}

// namesKey reads a list of columns; one needs no list.
func namesKey(into *[]string) metaKey {
	return func(raw json.RawMessage) error {
		var one string
		if textKey(&one)(raw) == nil {
			*into = []string{one}
			return nil
		}
		var list []*string
		if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
			return errors.New("it must be a list of columns, as in [customer_id]")
		}
		seen := map[string]bool{}
		*into = nil
		for _, name := range list {
			if name == nil || *name == "" || seen[*name] {
				return errors.New("it must be a list of columns, each once, as in [customer_id]")
			}
			seen[*name] = true
			*into = append(*into, *name)
		}
		return nil
	}
}

// durationKey reads a duration; 0 may be a number.
func durationKey(into *schema.Duration) metaKey {
	return func(raw json.RawMessage) error {
		value := "0"
		if string(raw) != "0" {
			if err := textKey(&value)(raw); err != nil {
				return errors.New("it must be a duration, as in 30s, 15m, 12h or 90d")
			}
		}
		parsed, err := schema.ParseDuration(value)
		*into = parsed
		return err
	}
}

func optionalDuration(into **schema.Duration) metaKey {
	return func(raw json.RawMessage) error {
		*into = new(schema.Duration)
		return durationKey(*into)(raw)
	}
}

func shareKey(into **float64) metaKey {
	return func(raw json.RawMessage) error {
		if err := json.Unmarshal(raw, into); err != nil || *into == nil {
			return errors.New("it must be a number from 0 to 1")
		}
		return nil
	}
}

// tagsKey reads tags with values, which may be numbers or booleans.
func tagsKey(into *map[string]string) metaKey {
	return func(raw json.RawMessage) error {
		var values map[string]any
		if err := json.Unmarshal(raw, &values); err != nil || values == nil {
			return errors.New(`it must be an object of texts, as in {pii: "false"}`)
		}
		*into = map[string]string{}
		for key, value := range values {
			switch value.(type) {
			case string, bool, float64:
				(*into)[key] = strings.TrimSpace(fmt.Sprint(value))
			default:
				return fmt.Errorf(`the value of %q must be a text, as in {pii: "false"}`, key)
			}
		}
		return nil
	}
}
