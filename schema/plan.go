package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A Plan says what one request shape needs, resolved once: which keys to send, which
// views to read, and where each value goes. It is immutable. Caches of what is derived
// from it may use its address as a key.
type Plan struct {
	Catalog  *Catalog
	Service  *FeatureService // nil for an ad-hoc list
	Features []PlanFeature   // in the order of the request and of every response
	Inputs   []PlanFeature   // what expressions read besides Features; their numbers follow those of Features
	Computed []int           // the on-demand features among Features and Inputs, each after what it reads
	Views    []PlanView      // read by the request, in order of first use
	Keys     []JoinKey       // the entity columns of the request, in order of first use
	Request  []Feature       // the values that a request may send; it must send those in Features and Inputs

	Model        *Model        // nil when nothing is scored
	ModelVersion *ModelVersion // with Model
}

// A PlanFeature is one feature of a vector.
type PlanFeature struct {
	Name    string // VIEW:FEATURE, or request:NAME
	Type    Type
	Default any             // in the Go form of ParseValue; nil is null
	View    int             // index in Plan.Views; -1 when not stored
	Request int             // index in Plan.Request; -1 when not a request value
	Expr    *PlanExpression // of an on-demand feature
	// Sensitive: its value is withheld from callers without the right read_sensitive on it.
	Sensitive bool
}

// A PlanExpression computes an on-demand feature.
type PlanExpression struct {
	View    *OnDemandView
	Feature *OnDemandFeature
	Inputs  []int // what it reads: numbers among Features and Inputs
}

// Nullable reports whether the feature may be null in a vector.
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
	Feature int // number among Plan.Features and Plan.Inputs
}

// Sensitive returns the names of the features whose values are sensitive.
func (p *Plan) Sensitive() (names []string) {
	for _, f := range p.Features {
		if f.Sensitive {
			names = append(names, f.Name)
		}
	}
	return names
}

// Feature returns a feature by its number among Features and Inputs.
func (p *Plan) Feature(number int) *PlanFeature {
	if n := len(p.Features); number >= n {
		return &p.Inputs[number-n]
	}
	return &p.Features[number]
}

// KeyType returns the type of a join key of requests for the plan; 0 when it has no key
// with that name.
func (p *Plan) KeyType(name string) Type {
	for i := range p.Keys {
		if p.Keys[i].Name == name {
			return p.Keys[i].Type
		}
	}
	return 0
}

// RequestType returns the type of a value that a request for the plan may send: a
// declared request value, or a feature of the plan, which the sent value replaces. It
// returns 0 when the request may send no value with that name.
func (p *Plan) RequestType(name string) Type {
	for i := range p.Request {
		if p.Request[i].Name == name {
			return p.Request[i].Type
		}
	}
	for i := range len(p.Features) + len(p.Inputs) {
		if f := p.Feature(i); f.Name == name {
			return f.Type
		}
	}
	return 0
}

// Name returns the name of the plan for messages.
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
	b := planner{Plan: &Plan{Catalog: c, Request: slices.Clip(request)}, numbers: map[string]int{}}
	for _, ref := range refs {
		if err := b.add(ref); err != nil {
			return nil, err
		}
	}
	if len(b.Features) > MaxFeatures {
		return nil, TooManyFeatures.Errorf("the request names %d features; ask for at most %d", len(b.Features), MaxFeatures)
	}
	for number := range b.Features {
		if err := b.compute(number); err != nil {
			return nil, err
		}
	}
	return b.Plan, nil
}

// A planner makes a plan.
type planner struct {
	*Plan
	numbers map[string]int // of each feature, by its full name
}

// add adds the features that a reference names.
func (b *planner) add(ref string) error {
	owner, name, found := strings.Cut(ref, ":")
	if !found {
		return BadReference.Errorf("%q is not a reference to a feature; write VIEW:FEATURE or VIEW:*", ref)
	}
	what, existing, err := b.existing(owner)
	if err != nil {
		return err
	}
	names := existing
	if name != "*" {
		if names = []string{name}; !slices.Contains(existing, name) {
			return UnknownFeature.Errorf(what+"; %s", name, Nearest(name, existing))
		}
	}
	for _, name := range names {
		full := owner + ":" + name
		if _, twice := b.numbers[full]; twice {
			return DuplicateFeature.Errorf("the request names feature %s twice; remove one", full)
		}
		b.numbers[full] = len(b.Features)
		f, err := b.feature(owner, name, len(b.Features))
		if err != nil {
			return err
		}
		b.Features = append(b.Features, f)
	}
	return nil
}

// existing returns the names that may follow an owner in a reference, and the format of
// the message for any other name.
func (b *planner) existing(owner string) (what string, existing []string, err error) {
	if owner == requestRef {
		for _, f := range b.Request {
			existing = append(existing, f.Name)
		}
		return "no request value %q is declared", existing, nil
	}
	if o := b.Catalog.onDemand[owner]; o != nil {
		for _, f := range o.Features {
			existing = append(existing, f.Name)
		}
		return fmt.Sprintf("on-demand view %q has no feature ", owner) + "%q", existing, nil
	}
	v, err := b.Catalog.View(owner)
	if err != nil {
		return "", nil, err
	}
	for _, f := range v.Features {
		existing = append(existing, f.Name)
	}
	return fmt.Sprintf("feature view %q has no feature ", owner) + "%q", existing, nil
}

// feature returns the feature with the given name and gives it a number. A stored
// feature gets a slot too.
func (b *planner) feature(owner, name string, number int) (PlanFeature, error) {
	out := PlanFeature{Name: owner + ":" + name, View: -1, Request: -1}
	declared := func(f Feature) { out.Type, out.Default, out.Sensitive = f.Type, f.Default, f.Sensitive }
	if owner == requestRef {
		out.Request = slices.IndexFunc(b.Request, func(f Feature) bool { return f.Name == name })
		declared(b.Request[out.Request])
		return out, nil
	}
	if o := b.Catalog.onDemand[owner]; o != nil {
		f := &o.Features[slices.IndexFunc(o.Features, func(f OnDemandFeature) bool { return f.Name == name })]
		declared(f.AsFeature())
		out.Expr = &PlanExpression{View: o, Feature: f}
		return out, nil
	}
	v, err := b.Catalog.View(owner)
	if err != nil {
		return out, err
	}
	if out.View, err = b.view(v); err != nil {
		return out, err
	}
	column := slices.IndexFunc(v.Features, func(f Feature) bool { return f.Name == name })
	declared(v.Features[column])
	b.Views[out.View].Slots = append(b.Views[out.View].Slots, Slot{Column: column, Feature: number})
	return out, nil
}

// compute adds everything that an on-demand feature reads, directly or indirectly, and
// then the feature itself. Definitions have no cycles.
func (b *planner) compute(number int) error {
	if b.Feature(number).Expr == nil || slices.Contains(b.Computed, number) {
		return nil
	}
	var inputs []int
	for _, in := range b.Catalog.Reads(b.Feature(number).Expr.View, b.Feature(number).Expr.Feature) {
		input, err := b.input(in)
		if err != nil {
			return err
		}
		inputs = append(inputs, input)
		if err := b.compute(input); err != nil {
			return err
		}
	}
	f := b.Feature(number)
	f.Expr.Inputs = inputs // after the last append to Inputs
	for _, input := range inputs {
		f.Sensitive = f.Sensitive || b.Feature(input).Sensitive
	}
	b.Computed = append(b.Computed, number)
	return nil
}

// input returns the number of a feature that an expression reads.
func (b *planner) input(in Input) (int, error) {
	if in.Owner == requestRef {
		at := slices.IndexFunc(b.Request, func(f Feature) bool { return f.Name == in.Name })
		if at < 0 {
			b.Request = append(b.Request, in.Declared)
		} else if x := b.Request[at]; x.Type != in.Declared.Type || !sameDefault(x, in.Declared) {
			return 0, RequestValues.Errorf("request value %q has two types or defaults among these features; ask for them in separate requests", in.Name)
		}
	}
	if number, found := b.numbers[in.String()]; found {
		return number, nil
	}
	number := len(b.Features) + len(b.Inputs)
	b.numbers[in.String()] = number
	f, err := b.feature(in.Owner, in.Name, number)
	if err != nil {
		return 0, err
	}
	b.Inputs = append(b.Inputs, f)
	return number, nil
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
			return 0, JoinKeyTypes.Errorf("join key %q is %s in feature view %q but %s in another view; ask for them in separate requests",
				k.Name, k.Type, v.Name, p.Keys[at].Type)
		}
		pv.KeyColumns = append(pv.KeyColumns, at)
	}
	p.Views = append(p.Views, pv)
	return len(p.Views) - 1, nil
}
