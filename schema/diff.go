package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Diff returns the changes that turn before into after, field by field. They are
// grouped by noun, in the order of after, with removals last. storage and next are how
// the views of before and after are stored; they show which rows can still be read.
//
// The order of definitions of one noun doesn't matter, so moving one is not a change.
func Diff(before, after *Definitions, storage, next Storage) []Change {
	d := differ{before: before, after: after, storage: storage, services: map[string]*FeatureService{}, anew: map[string]bool{}, back: map[string]bool{}}
	for _, v := range next.Views {
		if old := storage.view(v.View); old != nil && old.ID != v.ID {
			d.anew[v.View] = true
		}
	}
	for _, v := range storage.TakesBack(next) {
		d.back[v.View] = true
	}
	for i := range before.FeatureServices {
		d.services[before.FeatureServices[i].Name] = &before.FeatureServices[i]
	}
	diffNoun(&d, KindEntity, before.Entities, after.Entities, func(x *Entity) string { return x.Name }, d.entityEffect)
	diffNoun(&d, KindSource, before.Sources, after.Sources, func(x *Source) string { return x.Name }, d.sourceEffect)
	diffNoun(&d, KindStream, before.Streams, after.Streams, func(x *Stream) string { return x.Name }, d.streamEffect)
	diffNoun(&d, KindFeatureView, before.FeatureViews, after.FeatureViews, func(x *FeatureView) string { return x.Name }, d.viewEffect)
	diffNoun(&d, KindAggregateView, before.AggregateViews, after.AggregateViews, func(x *AggregateView) string { return x.Name }, d.aggregateEffect)
	diffNoun(&d, KindOnDemandView, before.OnDemandViews, after.OnDemandViews, func(x *OnDemandView) string { return x.Name }, onDemandEffect)
	diffNoun(&d, KindFeatureService, before.FeatureServices, after.FeatureServices, func(x *FeatureService) string { return x.Name }, d.serviceEffect)
	d.wildcards(before)
	diffNoun(&d, KindModel, before.Models, after.Models, func(x *Model) string { return x.Name }, d.modelEffect)
	diffNoun(&d, KindRole, before.Roles, after.Roles, func(x *Role) string { return x.Name }, accessEffect)
	diffNoun(&d, KindBinding, before.Bindings, after.Bindings, func(x *Binding) string { return x.Name }, accessEffect)
	return d.changes
}

type differ struct {
	before   *Definitions
	after    *Definitions
	storage  Storage
	services map[string]*FeatureService // of before
	anew     map[string]bool            // views in both; their stored rows can't be read any more
	back     map[string]bool            // views whose rows of before are still kept
	filled   []string                   // views that the change being added stores anew
	changes  []Change
}

// diffNoun adds the changes of all definitions of one noun.
func diffNoun[T any](d *differ, noun string, before, after []T, name func(*T) string, effect func(Change, []string) string) {
	old := map[string]*T{}
	for i := range before {
		old[name(&before[i])] = &before[i]
	}
	add := func(c Change, path []string) {
		c.Noun, c.Field = noun, strings.Join(path, ".")
		d.filled = nil
		c.Effect = effect(c, path)
		c.Destroys = d.filled
		if c.Action == Remove && (len(path) == 0 || isVersion(noun, path)) {
			c.Destroys = append(c.Destroys, c.Name)
		}
		d.changes = append(d.changes, c)
	}
	for i := range after {
		n := name(&after[i])
		was := old[n]
		delete(old, n)
		if was == nil {
			add(Change{Action: Add, Name: n, After: jsonOf(after[i])}, nil)
			continue
		}
		diffValue(nil, reflect.ValueOf(*was), reflect.ValueOf(after[i]), func(c Change, path []string) {
			c.Name = n
			add(c, path)
		})
	}
	for i := range before {
		if n := name(&before[i]); old[n] != nil {
			add(Change{Action: Remove, Name: n, Before: jsonOf(before[i])}, nil)
		}
	}
}

// isVersion reports whether a path of a model is that of one version.
func isVersion(noun string, path []string) bool {
	return noun == KindModel && len(path) == 2 && path[0] == "versions"
}

// diffValue reports the differences of two values of one type.
func diffValue(path []string, before, after reflect.Value, add func(Change, []string)) {
	switch {
	case before.Kind() == reflect.Struct:
		for i := range before.NumField() {
			key, _, _ := strings.Cut(before.Type().Field(i).Tag.Get("json"), ",")
			if key == "-" || samePlace(before, i) {
				continue
			}
			diffValue(append(slices.Clone(path), key), before.Field(i), after.Field(i), add)
		}
	case before.Kind() == reflect.Slice && elementName(before.Type().Elem()) != nil:
		diffList(path, before, after, add)
	case before.Kind() == reflect.Map:
		diffMap(path, before, after, add)
	default:
		diffLeaf(path, before, after, add)
	}
}

// samePlace reports whether a field is the path of a model file, which means nothing: a
// file is known by its SHA-256.
func samePlace(v reflect.Value, field int) bool {
	return v.Type() == reflect.TypeFor[ModelVersion]() && v.Type().Field(field).Name == "ONNX"
}

func diffLeaf(path []string, before, after reflect.Value, add func(Change, []string)) {
	c := Change{Action: Modify, Before: leafJSON(before), After: leafJSON(after)}
	switch {
	case c.Before == c.After:
		return
	case c.Before == "":
		c.Action = Add
	case c.After == "":
		c.Action = Remove
	}
	add(c, path)
}

// leafJSON returns the JSON of a field's value. It returns "" for the zero value,
// which the definitions leave out.
func leafJSON(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	return jsonOf(v.Interface())
}

func diffMap(path []string, before, after reflect.Value, add func(Change, []string)) {
	var keys []string
	for _, m := range []reflect.Value{before, after} {
		for _, k := range m.MapKeys() {
			keys = append(keys, k.String())
		}
	}
	slices.Sort(keys)
	get := func(m reflect.Value, k string) string {
		if v := m.MapIndex(reflect.ValueOf(k)); v.IsValid() {
			return jsonOf(v.Interface())
		}
		return ""
	}
	for _, k := range slices.Compact(keys) {
		c := Change{Action: Modify, Before: get(before, k), After: get(after, k)}
		switch {
		case c.Before == c.After:
			continue
		case c.Before == "":
			c.Action = Add
		case c.After == "":
			c.Action = Remove
		}
		add(c, append(slices.Clone(path), k))
	}
}

// elementName returns a function that identifies the elements of a list: by their
// name, by their version, or by their value. It returns nil for other types, whose lists
// change as a whole.
func elementName(t reflect.Type) func(reflect.Value) string {
	switch {
	case t.Kind() == reflect.String:
		return func(v reflect.Value) string { return v.String() }
	case t == reflect.TypeFor[ModelVersion]():
		return func(v reflect.Value) string { return fmt.Sprint(v.Interface().(ModelVersion).Version) }
	case t == reflect.TypeFor[VersionWeight]():
		return func(v reflect.Value) string { return fmt.Sprint(v.Interface().(VersionWeight).Version) }
	case t == reflect.TypeFor[AggregateWindow]():
		return func(v reflect.Value) string { return v.Interface().(AggregateWindow).String() }
	case t.Kind() != reflect.Struct:
		return nil
	}
	if _, named := t.FieldByName("Name"); !named {
		return nil // such as what a role allows
	}
	return func(v reflect.Value) string { return v.FieldByName("Name").String() }
}

// diffList reports which elements were added, removed and changed. If the elements
// that stayed are in another order, it reports both orders.
func diffList(path []string, before, after reflect.Value, add func(Change, []string)) {
	name := elementName(before.Type().Elem())
	old, stayed := map[string]reflect.Value{}, map[string]bool{}
	var order [2][]string // of the elements that stayed
	for _, v := range before.Seq2() {
		old[name(v)] = v
	}
	for _, v := range after.Seq2() {
		at := append(slices.Clone(path), name(v))
		was, found := old[name(v)]
		if !found {
			add(Change{Action: Add, After: jsonOf(v.Interface())}, at)
			continue
		}
		stayed[name(v)] = true
		order[1] = append(order[1], name(v))
		if v.Kind() == reflect.Struct {
			diffValue(at, was, v, add)
		}
	}
	for _, v := range before.Seq2() {
		if stayed[name(v)] {
			order[0] = append(order[0], name(v))
			continue
		}
		add(Change{Action: Remove, Before: jsonOf(v.Interface())}, append(slices.Clone(path), name(v)))
	}
	// The order of a model's versions means nothing.
	if before.Type().Elem() != reflect.TypeFor[ModelVersion]() && !slices.Equal(order[0], order[1]) {
		add(Change{Action: Modify, Before: jsonOf(order[0]), After: jsonOf(order[1])}, path)
	}
}

// wildcards reports the services that list VIEW:* of a changed view, so that their
// vectors change too.
func (d *differ) wildcards(before *Definitions) {
	for i := range d.after.FeatureServices {
		s := &d.after.FeatureServices[i]
		was := d.services[s.Name]
		if was == nil {
			continue
		}
		for _, ref := range s.Features {
			owner, all, _ := strings.Cut(ref, ":")
			if all != "*" || !slices.Contains(was.Features, ref) {
				continue
			}
			c := Change{Action: Modify, Noun: KindFeatureService, Name: s.Name, Field: "features." + ref}
			c.Before, c.After = jsonOf(before.featureNames(was, owner)), jsonOf(d.after.featureNames(s, owner))
			if c.Before != c.After {
				c.Effect = vectorChanges
				d.changes = append(d.changes, c)
			}
		}
	}
}

// featureNames returns the features that OWNER:* of a service stands for.
func (d *Definitions) featureNames(s *FeatureService, owner string) []string {
	features := s.Request
	for i := range d.FeatureViews {
		if d.FeatureViews[i].Name == owner {
			features = d.FeatureViews[i].Features
		}
	}
	for i := range d.AggregateViews {
		if v := &d.AggregateViews[i]; v.Name == owner {
			features = d.expand(v).Features
		}
	}
	for i := range d.OnDemandViews {
		if o := &d.OnDemandViews[i]; o.Name == owner {
			features = o.AsFeatures()
		}
	}
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = f.Name
	}
	return names
}

func jsonOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = AppendValue(nil, v) // a default that is NaN or infinite
	}
	return string(raw)
}
