package definitions

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"larder/schema"
)

// A walker reads the syntax tree of one file into the Go types of package schema.
type walker struct {
	*reader
	name string
}

// nouns name a value of each type in messages.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[schema.Definitions]():      "a definition file",
	reflect.TypeFor[schema.Entity]():           "an entity",
	reflect.TypeFor[schema.JoinKey]():          "a join key",
	reflect.TypeFor[schema.Source]():           "a source",
	reflect.TypeFor[schema.FeatureView]():      "a feature view",
	reflect.TypeFor[schema.Expectations]():     "what a view expects",
	reflect.TypeFor[schema.ExpectedRows]():     "an expected number of rows",
	reflect.TypeFor[schema.ExpectedFeature]():  "an expected feature",
	reflect.TypeFor[schema.Stream]():           "a stream",
	reflect.TypeFor[schema.StreamField]():      "a field of a stream",
	reflect.TypeFor[schema.StreamLog]():        "a stream's log",
	reflect.TypeFor[schema.StreamFormat]():     "a stream's format",
	reflect.TypeFor[schema.KafkaSource]():      "a Kafka source",
	reflect.TypeFor[schema.RabbitMQSource]():   "a RabbitMQ source",
	reflect.TypeFor[schema.NATSSource]():       "a NATS source",
	reflect.TypeFor[schema.CDCSource]():        "a source of a table's changes",
	reflect.TypeFor[schema.PushSource]():       "a source of pushed events",
	reflect.TypeFor[schema.SASL]():             "a SASL login",
	reflect.TypeFor[schema.SourceTLS]():        "the TLS of a source",
	reflect.TypeFor[schema.AggregateView]():    "an aggregate view",
	reflect.TypeFor[schema.AggregateFeature](): "an aggregate",
	reflect.TypeFor[schema.AggregateWindow]():  "a window",
	reflect.TypeFor[schema.Feature]():          "a feature",
	reflect.TypeFor[schema.OnDemandView]():     "an on-demand view",
	reflect.TypeFor[schema.OnDemandFeature]():  "an on-demand feature",
	reflect.TypeFor[schema.FeatureService]():   "a feature service",
	reflect.TypeFor[schema.Model]():            "a model",
	reflect.TypeFor[schema.ModelVersion]():     "a model version",
	reflect.TypeFor[schema.ModelInput]():       "an input of a model",
	reflect.TypeFor[schema.ModelLog]():         "a model's log",
	reflect.TypeFor[schema.ModelMonitor]():     "how a model is watched",
	reflect.TypeFor[schema.Labels]():           "a model's labels",
	reflect.TypeFor[schema.LabelColumn]():      "a column of labels",
	reflect.TypeFor[schema.MLflowAlias]():      "an alias of MLflow",
	reflect.TypeFor[schema.VersionWeight]():    "a version's share of the traffic",
	reflect.TypeFor[schema.Ramp]():             "a ramp",
	reflect.TypeFor[schema.Guards]():           "a ramp's guards",
	reflect.TypeFor[schema.ModelLimits]():      "a model's limits",
	reflect.TypeFor[schema.Batching]():         "a model's batching",
	reflect.TypeFor[schema.Provider]():         "a provider",
	reflect.TypeFor[schema.Role]():             "a role",
	reflect.TypeFor[schema.Allowance]():        "an allowance",
	reflect.TypeFor[schema.Binding]():          "a binding",
}

func (w *walker) document(doc *ast.DocumentNode) {
	switch doc.Body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return // an empty document, or comments only
	}
	before := w.defs.Project
	w.value(doc.Body, "", reflect.ValueOf(&w.defs).Elem())
	if after := w.defs.Project; before != "" && after != before {
		w.addf(w.projectAt(doc.Body), "this folder has the projects %s and %s; give each project a folder of its own", clip(before, maxQuoted), clip(after, maxQuoted))
	}
}

// projectAt returns where a document names its project.
func (w *walker) projectAt(body ast.Node) place {
	entries, _ := entriesOf(body)
	for _, e := range entries {
		if keyOf(e) == "project" {
			return w.place(e.Key)
		}
	}
	return w.place(body)
}

// fault reports a value that can't be read.
func (w *walker) fault(node ast.Node, path, format string, args ...any) {
	w.faulty[path] = true
	w.addf(w.place(node), format, args...)
}

// value reads node into v.
func (w *walker) value(node ast.Node, path string, v reflect.Value) {
	if _, known := w.at[path]; !known {
		w.at[path] = w.place(node)
	}
	_, isMapping := entriesOf(node)
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && !(isMapping && v.Kind() == reflect.Struct) {
		w.text(node, path, text)
		return
	}
	if literal, ok := v.Addr().Interface().(*schema.Literal); ok {
		w.literal(node, path, literal)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		w.value(node, path, v.Elem())
	case reflect.Struct:
		w.mapping(node, path, v)
	case reflect.Slice:
		w.list(node, path, v)
	case reflect.Map:
		if v.Type().Elem().Kind() == reflect.Float64 {
			w.numbers(node, path, v)
			return
		}
		w.tags(node, path, v)
	case reflect.String:
		if s, ok := textOf(node); ok {
			v.SetString(s)
			return
		}
		if isName(path) {
			w.partial = true
		}
		w.fault(node, path, "%s must be a string; got %s%s", last(path), describe(node), quoteRemedy(node))
	case reflect.Int, reflect.Int64:
		w.integer(node, path, v)
	case reflect.Float64:
		w.float(node, path, v)
	case reflect.Bool:
		b, ok := node.(*ast.BoolNode)
		if !ok {
			w.fault(node, path, "%s must be true or false; got %s", last(path), describe(node))
			return
		}
		v.SetBool(b.Value)
	default:
		panic(fmt.Sprintf("definitions: a field of Go type %s", v.Type()))
	}
}

// isName reports whether a path is a name that references use.
func isName(path string) bool { return last(path) == "name" }

// mapping reads a mapping into a struct; the json tags of the struct are the keys.
func (w *walker) mapping(node ast.Node, path string, v reflect.Value) {
	entries, ok := entriesOf(node)
	if !ok {
		w.partial = true
		w.fault(node, path, "%s must be a mapping of keys and values, as in name: %s; got %s", nouns[v.Type()], exampleName, describe(node))
		return
	}
	keys, fields := fieldsOf(v.Type())
	lines := map[string]int{}
	var fallback ast.Node
	for _, e := range entries {
		key, at := keyOf(e), w.place(e.Key)
		i, exists := fields[key]
		if !exists {
			w.unknown[path] = true
			w.partial = w.partial || path == "" || v.FieldByName("Name").IsValid() && !hasKey(entries, "name")
			w.addf(at, "%s has no key %q; %s", nouns[v.Type()], clip(key, maxQuoted), schema.Nearest(clip(key, maxQuoted), keys))
			continue
		}
		if line := lines[key]; line > 0 {
			w.addf(at, "duplicate key %q, first on line %d; remove one", key, line)
			if path != "" {
				continue
			}
		}
		lines[key] = at.line
		field := join(path, key)
		switch {
		case v.Field(i).Kind() == reflect.Interface: // the value of another key is its type
			w.at[field] = w.place(e.Value)
			fallback = e.Value
		case isNull(e.Value):
			w.faulty[field] = true
			w.partial = w.partial || path == "" || isName(field)
			w.addf(at, "%s has no value; write one, or leave out the key", key)
		default:
			w.value(e.Value, field, v.Field(i))
		}
	}
	if fallback == nil {
		return
	}
	switch f := v.Addr().Interface().(type) {
	case *schema.Feature:
		f.Default = w.fallback(fallback, join(path, "default"), f.Name, f.Type)
	case *schema.OnDemandFeature:
		f.Default = w.fallback(fallback, join(path, "default"), f.Name, f.Type)
	}
}

func hasKey(entries []*ast.MappingValueNode, key string) bool {
	return slices.ContainsFunc(entries, func(e *ast.MappingValueNode) bool { return keyOf(e) == key })
}

// list reads a list. The lists of several files for one key are joined.
func (w *walker) list(node ast.Node, path string, v reflect.Value) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		w.partial = true
		form := fmt.Sprintf("- name: %s", exampleName)
		if v.Type().Elem().Kind() == reflect.String {
			form = "[" + exampleName + "]"
		}
		w.fault(node, path, "%s must be a list, as in %s; got %s", last(path), form, describe(node))
		return
	}
	for _, item := range seq.Values {
		element := reflect.New(v.Type().Elem()).Elem()
		at := fmt.Sprintf("%s[%d]", path, v.Len())
		if isNull(item) {
			w.partial = true
			w.fault(seq, at, "%s has an empty element; write a value, or remove its dash or comma", last(path))
		} else {
			w.value(item, at, element)
		}
		v.Set(reflect.Append(v, element))
	}
}

// tags reads a mapping of strings.
func (w *walker) tags(node ast.Node, path string, v reflect.Value) {
	entries, ok := entriesOf(node)
	if !ok {
		w.fault(node, path, "%s must be a mapping of strings, as in {team: risk}; got %s", last(path), describe(node))
		return
	}
	tags := map[string]string{}
	for _, e := range entries {
		key := keyOf(e)
		if _, twice := tags[key]; twice {
			w.addf(w.place(e.Key), "duplicate key %q; remove one", clip(key, maxQuoted))
		}
		text, ok := textOf(e.Value)
		if !ok {
			w.addf(w.place(e.Key), "tag %q must be a string; got %s%s", clip(key, maxQuoted), describe(e.Value), quoteRemedy(e.Value))
		}
		tags[key] = text
	}
	v.Set(reflect.ValueOf(tags))
}

// numbers reads a mapping of numbers.
func (w *walker) numbers(node ast.Node, path string, v reflect.Value) {
	entries, ok := entriesOf(node)
	if !ok {
		w.fault(node, path, "%s must be a mapping of numbers, as in {auc: 0.87}; got %s", last(path), describe(node))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range entries {
		key := keyOf(e)
		if v.MapIndex(reflect.ValueOf(key)).IsValid() {
			w.addf(w.place(e.Key), "duplicate key %q; remove one", clip(key, maxQuoted))
		}
		number := reflect.New(v.Type().Elem()).Elem()
		w.value(e.Value, join(path, key), number)
		v.SetMapIndex(reflect.ValueOf(key), number)
	}
}

// fieldsOf returns the keys of a struct, in order, and the field of each key.
func fieldsOf(t reflect.Type) (keys []string, fields map[string]int) {
	fields = make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); key != "-" {
			keys, fields[key] = append(keys, key), i
		}
	}
	return keys, fields
}

func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func keyOf(e *ast.MappingValueNode) string {
	if key, ok := textOf(e.Key); ok {
		return key
	}
	return e.Key.GetToken().Value
}

// place returns where a reader sees a node begin: a mapping begins at its first key.
func (w *walker) place(node ast.Node) place {
	switch n := node.(type) {
	case nil:
		return place{w.name, 1, 1}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return w.place(n.Values[0])
		}
	case *ast.MappingValueNode:
		return w.place(n.Key)
	}
	return placeOf(w.name, node.GetToken())
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// last returns the last key of a path, for messages: features of
// feature_views[0].features[3].
func last(path string) string {
	key := path[strings.LastIndexByte(path, '.')+1:]
	if name, index, found := strings.Cut(key, "["); found {
		n, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
		return fmt.Sprintf("element %d of %s", n+1, name)
	}
	return key
}
