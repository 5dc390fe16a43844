package schema

import (
	"slices"
	"strings"
)

// A Plan is what one request shape needs, resolved once: which keys to send,
// which views to read, and where each value goes. It is immutable, and its
// address is a fit key for caches of what is derived from it.
type Plan struct {
	Catalog  *Catalog
	Service  *FeatureService // nil for an ad-hoc list
	Features []PlanFeature   // in the order asked for: the order of every answer
	Views    []PlanView      // read by the request, in order of first use
	Keys     []JoinKey       // the entity columns of the request, in order of first use
	Request  []Feature       // the values that must come with the request

	Model        *Model        // nil when nothing is scored
	ModelVersion *ModelVersion // with Model
}

// A PlanFeature is one feature of a vector.
type PlanFeature struct {
	Name    string // VIEW:FEATURE, or request:NAME
	Type    Type
	Default any // in the Go form of ParseValue; nil is null
	View    int // index in Plan.Views; -1 for a request value
	Request int // index in Plan.Request; -1 for a stored feature
}

// Nullable tells whether a null may stand for the feature in a vector.
func (f *PlanFeature) Nullable() bool { return f.Default == nil }

// A PlanView is one view that a plan reads.
type PlanView struct {
	*View
	KeyColumns []int  // for each of View.Keys, its index in Plan.Keys
	Slots      []Slot // what to take from a row
}

// A Slot takes one column of a view's rows to one place of the vector.
type Slot struct {
	Column  int // index in View.Features
	Feature int // index in Plan.Features
}

// Name returns what a person would call the plan.
func (p *Plan) Name() string {
	switch {
	case p.Model != nil:
		return p.Model.Name
	case p.Service != nil:
		return p.Service.Name
	}
	return "the list of features"
}

func (c *Catalog) plan(refs []string, request []Feature) (*Plan, error) {
	p := &Plan{Catalog: c, Request: request}
	seen := map[string]bool{}
	for _, ref := range refs {
		first := len(p.Features)
		if err := p.add(c, ref); err != nil {
			return nil, err
		}
		for _, f := range p.Features[first:] {
			if seen[f.Name] {
				return nil, Errorf(Invalid, "DUPLICATE_FEATURE", "feature %s is asked for twice", f.Name)
			}
			seen[f.Name] = true
		}
	}
	if len(p.Features) > MaxFeatures {
		return nil, Errorf(Invalid, "TOO_MANY_FEATURES", "%d features asked for; at most %d fit", len(p.Features), MaxFeatures)
	}
	return p, nil
}

func (p *Plan) add(c *Catalog, ref string) error {
	owner, name, found := strings.Cut(ref, ":")
	if !found {
		return Errorf(Invalid, "BAD_REFERENCE", "%q is no reference to a feature; write VIEW:FEATURE or VIEW:*", ref)
	}
	if owner == requestRef {
		return p.addRequest(name)
	}
	v, err := c.View(owner)
	if err != nil {
		return err
	}
	at, err := p.view(v)
	if err != nil {
		return err
	}
	matched := false
	for i, f := range v.Features {
		if f.Name != name && name != "*" {
			continue
		}
		matched = true
		pv := &p.Views[at]
		pv.Slots = append(pv.Slots, Slot{Column: i, Feature: len(p.Features)})
		p.Features = append(p.Features, PlanFeature{Name: v.Name + ":" + f.Name, Type: f.Type, Default: f.Default, View: at, Request: -1})
	}
	if !matched {
		existing := make([]string, len(v.Features))
		for i, f := range v.Features {
			existing[i] = f.Name
		}
		return Errorf(NotFound, "UNKNOWN_FEATURE", "feature view %q has no feature %q; %s", v.Name, name, Nearest(name, existing))
	}
	return nil
}

func (p *Plan) addRequest(name string) error {
	var existing []string
	for i, f := range p.Request {
		existing = append(existing, f.Name)
		if f.Name == name || name == "*" {
			p.Features = append(p.Features, PlanFeature{Name: requestRef + ":" + f.Name, Type: f.Type, Default: f.Default, View: -1, Request: i})
		}
	}
	if name != "*" && !slices.Contains(existing, name) {
		return Errorf(NotFound, "UNKNOWN_FEATURE", "no request value %q is declared; %s", name, Nearest(name, existing))
	}
	return nil
}

// view returns the index of v in p.Views, adding it and its keys when new.
func (p *Plan) view(v *View) (int, error) {
	for i := range p.Views {
		if p.Views[i].View == v {
			return i, nil
		}
	}
	pv := PlanView{View: v}
	for _, k := range v.Keys {
		at := slices.IndexFunc(p.Keys, func(x JoinKey) bool { return x.Name == k.Name })
		if at < 0 {
			at = len(p.Keys)
			p.Keys = append(p.Keys, k)
		} else if p.Keys[at].Type != k.Type {
			return 0, Errorf(Invalid, "JOIN_KEY_TYPES", "join key %q is %s in feature view %q and %s in another that is asked for; ask for them apart",
				k.Name, k.Type, v.Name, p.Keys[at].Type)
		}
		pv.KeyColumns = append(pv.KeyColumns, at)
	}
	p.Views = append(p.Views, pv)
	return len(p.Views) - 1, nil
}
