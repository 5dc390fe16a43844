package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The limits on expressions.
const (
	MaxExprBytes      = 4096 // of one expression
	MaxOnDemandSource = 64   // views that one on-demand view may read
)

// AsFeature returns f as a feature: its name, type and default, and whether it is sensitive.
func (f *OnDemandFeature) AsFeature() Feature {
	return Feature{Name: f.Name, Type: f.Type, Default: f.Default, Sensitive: f.Sensitive}
}

// AsFeatures returns all features of o.
func (o *OnDemandView) AsFeatures() []Feature {
	features := make([]Feature, len(o.Features))
	for i := range o.Features {
		features[i] = o.Features[i].AsFeature()
	}
	return features
}

// UnmarshalJSON reads a feature; the type says how to read the default.
func (f *OnDemandFeature) UnmarshalJSON(raw []byte) error {
	type plain OnDemandFeature
	var v struct {
		*plain
		Default json.RawMessage `json:"default"`
	}
	v.plain = (*plain)(f)
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	f.Default = nil
	if v.Default == nil {
		return nil
	}
	var err error
	if f.Default, err = ParseValue(f.Type, v.Default); err != nil {
		return fmt.Errorf("default of feature %q: %w", f.Name, err)
	}
	return nil
}

// MarshalJSON writes a feature as UnmarshalJSON reads it.
func (f OnDemandFeature) MarshalJSON() ([]byte, error) {
	type plain OnDemandFeature
	v := struct {
		plain
		Default json.RawMessage `json:"default,omitempty"`
	}{plain: plain(f)}
	if f.Default != nil {
		v.Default = AppendValue(nil, f.Default)
	}
	return json.Marshal(v)
}

// onDemandView checks an on-demand view without its expressions. Package vector checks
// those, because it knows their language.
func (v *validator) onDemandView(path string, o *OnDemandView) {
	owner := fmt.Sprintf("on-demand view %q", o.Name)
	if v.views[o.Name] != nil {
		v.addf(path+".name", "%s has the same name as a feature view; rename one", owner)
	}
	if len(o.Request) > 0 {
		v.features(path+".request", owner, o.Request)
	}
	for i := range o.Features {
		f := &o.Features[i]
		at := fmt.Sprintf("%s.features[%d].expr", path, i)
		if strings.TrimSpace(f.Expr) == "" {
			v.addf(at, `%s: feature %q has no expression; write expr: "..."`, owner, f.Name)
		} else if len(f.Expr) > MaxExprBytes {
			v.addf(at, "%s: the expression of feature %q has %d bytes (limit %d); move parts of it into another on-demand view", owner, f.Name, len(f.Expr), MaxExprBytes)
		}
	}
	v.features(path+".features", owner, o.AsFeatures())
	v.onDemandSources(path+".sources", owner, o)
}

func (v *validator) onDemandSources(path, owner string, o *OnDemandView) {
	if len(o.Sources) > MaxOnDemandSource {
		v.addf(path, "%s reads %d views; use at most %d", owner, len(o.Sources), MaxOnDemandSource)
	}
	seen, called := map[string]bool{}, map[string]string{}
	for i, name := range o.Sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		local := LocalName(name)
		switch {
		case called[local] != "" && called[local] != name:
			v.addf(at, "%s reads %s and %s, which are both called %s in its expressions; read one of them through another on-demand view", owner, called[local], name, local)
		case seen[name]:
			v.addf(at, "%s lists source %q twice; remove one", owner, name)
		case name == o.Name:
			v.addf(at, "%s reads itself; a feature may read only features of other views", owner)
		case v.views[name] == nil && v.onDemand[name] == nil:
			v.unknownf(name, slices.Concat(names(v.views), names(v.onDemand)), at, "%s: no feature view or on-demand view %q", owner, name)
		}
		seen[name], called[local] = true, name
	}
}

// onDemandCycles reports each cycle of on-demand views once.
func (v *validator) onDemandCycles() {
	const open, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		o := v.onDemand[name]
		if o == nil || state[name] == done {
			return
		}
		if state[name] == open {
			cycle := append(slices.Clone(path[slices.Index(path, name):]), name)
			if len(cycle) > 2 { // a view that reads itself is reported already
				at := slices.IndexFunc(v.defs.OnDemandViews, func(x OnDemandView) bool { return x.Name == name })
				v.addf(fmt.Sprintf("on_demand_views[%d].sources", at), "on-demand views read each other in a cycle: %s; remove one of these sources", strings.Join(cycle, " -> "))
			}
			return
		}
		state[name] = open
		path = append(path, name)
		for _, source := range o.Sources {
			visit(source)
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for i := range v.defs.OnDemandViews {
		visit(v.defs.OnDemandViews[i].Name)
	}
}

// closure calls visit for an on-demand view and for all views that it reads; a view
// comes after the views that it reads.
func (v *validator) closure(name string, seen map[string]bool, visit func(name string)) {
	if seen[name] {
		return
	}
	seen[name] = true
	if o := v.onDemand[name]; o != nil {
		for _, source := range o.Sources {
			v.closure(source, seen, visit)
		}
	}
	visit(name)
}

// sameRequest reports request values that are declared twice with different types or defaults.
func (v *validator) sameRequest(path, service, owner string, declared []Feature, values map[string]requestValue) {
	for _, f := range declared {
		other, found := values[f.Name]
		switch {
		case !found:
			values[f.Name] = requestValue{f, owner}
		case other.Type != f.Type:
			v.addf(path, "feature service %q: request value %q is %s in %s but %s in %s; rename one", service, f.Name, f.Type, owner, other.Type, other.owner)
		case !sameDefault(other.Feature, f):
			v.addf(path, "feature service %q: request value %q has different defaults in %s and %s; use the same default", service, f.Name, owner, other.owner)
		}
	}
}

type requestValue struct {
	Feature
	owner string
}

func sameDefault(a, b Feature) bool { return jsonOfDefault(a) == jsonOfDefault(b) }

func jsonOfDefault(f Feature) string {
	if f.Default == nil {
		return ""
	}
	return string(AppendValue(nil, f.Default))
}
