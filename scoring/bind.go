package scoring

import (
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// A Binding describes how the features of a plan feed a model. It is immutable.
type Binding struct {
	// Dense reports whether the model has one float32 tensor [N, F] of all features, each a
	// number or bool, in the order of the feature service.
	Dense  bool
	Inputs []Input // in the order of the model

	feeds  []feed          // of each feature of the plan
	narrow map[string]Elem // inputs of two-byte floats, which Larder feeds as float32
	single string          // the input whose file fixes the number of rows to 1; "" when none does
}

// An Input is one input of a model.
type Input struct {
	Name     string
	Elem     schema.Type // of its elements: bool, int32, int64, float32, float64 or string
	Features []int       // indexes in the plan's features, in the order of its elements; none for a mask

	shape []int64 // of one row: empty for [N]
	width int     // elements of one row
}

// A feed is where a feature goes.
type feed struct {
	input               int
	first, width, steps int // index of its first element in a row, how many it has, and from one to the next
	fit                 schema.ListFit
	mask                int // the input that says which elements are a list's own; -1 when none does
	fallback            any // the feature's default
}

// Bind checks that a plan's features fit the inputs of a model. Errors are *schema.Error
// of kind Invalid; Bind reports all faults at once.
func Bind(sig *Signature, plan *schema.Plan) (*Binding, error) {
	sig, narrow := sig.widened()
	b := &binder{sig: sig, plan: plan, Binding: &Binding{narrow: narrow, feeds: make([]feed, len(plan.Features))}, fed: make([]string, len(plan.Features))}
	b.bind()
	if len(b.faults) > 0 {
		return nil, schema.ModelInputs.Errorf("%s", strings.Join(b.faults, "\n"))
	}
	return b.Binding, nil
}

// Same reports whether what feeds one model feeds another.
func (b *Binding) Same(other *Binding) bool {
	return b.Dense == other.Dense && slices.EqualFunc(b.feeds, other.feeds, func(x, y feed) bool {
		return b.Inputs[x.input].Elem == other.Inputs[y.input].Elem && x.width == y.width && x.fit == y.fit
	})
}

// Types returns the type of each feature as the model takes it: of a list of numbers the
// list itself.
func (b *Binding) Types(plan *schema.Plan) []schema.Type {
	types := make([]schema.Type, len(b.feeds))
	for i := range types {
		if types[i] = plan.Features[i].Type; !types[i].IsList() {
			types[i] = b.Inputs[b.feeds[i].input].Elem
		}
	}
	return types
}

// A binder makes a Binding.
type binder struct {
	*Binding
	sig    *Signature
	plan   *schema.Plan
	fed    []string // the input that each feature feeds; "" when none was found yet
	faults []string
}

func (b *binder) faultf(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (b *binder) bind() {
	declared, masks := b.declared()
	var nameless []Value
	for _, v := range b.sig.Inputs {
		if masks[v.Name] {
			b.Inputs = append(b.Inputs, Input{Name: v.Name, Elem: schemaTypes[v.Elem]}) // its shape is that of the lists
			continue
		}
		features, d := b.featuresOf(v, declared[v.Name])
		if features == nil {
			nameless = append(nameless, v)
			continue
		}
		b.input(v, features, d)
	}
	b.namelessFaults(nameless)
	if len(b.faults) > 0 {
		return // an input that matches no feature explains a feature without an input
	}
	for i, f := range b.plan.Features {
		if b.fed[i] == "" {
			b.faultf("remove the feature %s from its service, or add an input for it: the model has only the inputs %s, and none named %q",
				f.Name, strings.Join(names(b.sig.Inputs), ", "), inputName(f.Name))
		}
	}
	for _, d := range declared {
		if d.Mask != "" {
			b.mask(d)
		}
	}
	b.Dense = b.isDense()
}

// declared returns what the definitions say of inputs, by name, and which of them are
// masks.
func (b *binder) declared() (inputs map[string]*schema.ModelInput, masks map[string]bool) {
	inputs, masks = map[string]*schema.ModelInput{}, map[string]bool{}
	known := func(name string) {
		if !slices.ContainsFunc(b.sig.Inputs, func(v Value) bool { return v.Name == name }) {
			b.faultf("the definitions name an input %q, which the model doesn't have; %s", name, schema.Nearest(name, names(b.sig.Inputs)))
		}
	}
	if b.plan.Model == nil {
		return inputs, masks
	}
	for i := range b.plan.Model.Inputs {
		d := &b.plan.Model.Inputs[i]
		known(d.Name)
		inputs[d.Name] = d
		if d.Mask != "" {
			known(d.Mask)
			masks[d.Mask] = true
		}
	}
	return inputs, masks
}

// featuresOf returns the features that feed an input; nil when nothing says so.
func (b *binder) featuresOf(v Value, declared *schema.ModelInput) ([]int, *schema.ModelInput) {
	if declared != nil {
		features := []int{}
		for _, ref := range declared.Features {
			features = append(features, b.find(v.Name, ref)...)
		}
		return features, declared
	}
	none := &schema.ModelInput{Name: v.Name}
	if len(b.sig.Inputs) == 1 && !b.namesFeature(v) {
		features := make([]int, len(b.plan.Features))
		for i := range features {
			features[i] = i
		}
		return features, none
	}
	if at := findFeature(b.plan, v.Name); at >= 0 {
		return []int{at}, none
	}
	return nil, none
}

// find returns the features that a reference of a declared input names.
func (b *binder) find(input, ref string) []int {
	if view, all := strings.CutSuffix(ref, ":*"); all {
		var found []int
		for i, f := range b.plan.Features {
			if owner, _, _ := strings.Cut(f.Name, ":"); owner == view {
				found = append(found, i)
			}
		}
		if found == nil {
			b.faultf("input %q: the feature service has no feature of %q", input, view)
		}
		return found
	}
	at := findFeature(b.plan, ref)
	if at < 0 {
		b.faultf("input %q: the feature service has no feature %q; %s", input, ref, nearestFeature(b.plan, ref))
		return nil
	}
	return []int{at}
}

// namesFeature reports whether the only input of a model is named after one feature. A
// float matrix is not: it takes the whole vector, no matter what its name is.
func (b *binder) namesFeature(v Value) bool {
	matrix := v.Elem == Float32 && (len(v.Dims) == 2 || v.Dims == nil) && len(b.plan.Features) > 1
	return !matrix && findFeature(b.plan, v.Name) >= 0
}

// isDense reports whether vectors go to the one input as they are.
func (b *binder) isDense() bool {
	if len(b.Inputs) != 1 || b.Inputs[0].Elem != schema.Float32 || len(b.Inputs[0].shape) != 1 {
		return false
	}
	for i, f := range b.Inputs[0].Features {
		if f != i || b.plan.Features[i].Type.IsList() {
			return false
		}
	}
	return true
}

// input makes an input that features feed.
func (b *binder) input(v Value, features []int, d *schema.ModelInput) {
	if !b.fitsType(v, features, d) || !b.freeRows(v) {
		return
	}
	in := Input{Name: v.Name, Elem: schemaTypes[v.Elem], Features: features}
	place, fault := b.layout(v, features, d)
	if fault != "" {
		b.faultf("%s", fault)
		return
	}
	in.shape, in.width = place.shape, place.elements
	if in.width > schema.MaxInputElements {
		b.faultf("input %q takes %d elements for each row; at most %d fit", v.Name, in.width, schema.MaxInputElements)
		return
	}
	if needs := b.sig.widths[v.Name]; needs > in.width {
		b.faultf("the trees of the model read feature %d (counted from 1) of input %q, but %s only %d features", needs, v.Name, whose(d), in.width)
		return
	}
	for i, f := range features {
		if b.fed[f] != "" {
			b.faultf("inputs %q and %q both name the feature %s", b.fed[f], v.Name, b.plan.Features[f].Name)
		}
		b.fed[f] = v.Name
		b.feeds[f] = feed{
			input: len(b.Inputs), first: place.firsts[i], width: place.widths[i], steps: place.step, fit: d.Fit(), mask: -1, fallback: b.plan.Features[f].Default,
		}
	}
	b.Inputs = append(b.Inputs, in)
}

// whose says where the features of an input come from.
func whose(d *schema.ModelInput) string {
	if d.Features != nil {
		return "the input lists"
	}
	return "the feature service has"
}

// freeRows reports whether an input takes any number of rows, or one at a time.
func (b *binder) freeRows(v Value) bool {
	if len(v.Dims) == 0 {
		if v.Dims != nil {
			b.faultf("input %q is %s, which has no dimension for rows; export the model with a first dimension that is free", v.Name, v.typeString())
		}
		return v.Dims == nil
	}
	switch size := v.Dims[0].Size; size {
	case AnySize:
		return true
	case 1:
		b.single = v.Name
		return true
	default:
		b.faultf("input %q is %s: it takes exactly %d rows at a time. Export the model with a free first dimension: "+
			"[None, ...] with skl2onnx and tf2onnx, dynamic_axes={%q: {0: \"N\"}} with torch", v.Name, v.typeString(), size, v.Name)
		return false
	}
}

// fitsType reports whether features can become the elements of an input.
func (b *binder) fitsType(v Value, features []int, d *schema.ModelInput) bool {
	before := len(b.faults)
	alone := len(features) == 1
	if _, known := schemaTypes[v.Elem]; v.Kind != Tensor || !known {
		if alone {
			f := &b.plan.Features[features[0]]
			b.faultf("input %q is %s, and the feature %s of type %s can't become that; %s", v.Name, v.typeString(), f.Name, f.Type, wouldFit(f.Type))
		} else {
			b.faultf("input %q is %s, which features can't become; a tensor of bool, int32, int64, float16, float32, float64 or string would fit", v.Name, v.typeString())
		}
		return false
	}
	for _, i := range features {
		f := &b.plan.Features[i]
		elems := reachable[f.Type.Elem()]
		switch {
		case len(elems) == 0:
			b.faultf("input %q: the feature %s is %s, and a tensor can't hold that; leave the feature out", v.Name, f.Name, f.Type)
		case slices.Contains(elems, v.Elem):
			if f.Nullable() && !v.Elem.isFloat() && d.Pad == schema.NoEnd {
				b.faultf("input %q is %s, and that has no value for null: give the feature %s a default", v.Name, v.typeString(), f.Name)
			}
		case alone:
			b.faultf("input %q is %s, and the feature %s of type %s can't become that; %s", v.Name, v.typeString(), f.Name, f.Type, wouldFit(f.Type))
		default:
			b.faultf("input %q is %s, and a %s can't become %s: leave the feature %s out, or give the model another input for it",
				v.Name, v.typeString(), f.Type, v.Elem, f.Name)
		}
	}
	return len(b.faults) == before
}

// wouldFit lists the inputs that a feature could feed alone.
func wouldFit(t schema.Type) string {
	shape := "[N, 1]"
	if t.IsList() {
		shape = "[N, L]"
	}
	elems := reachable[t.Elem()]
	all := make([]string, len(elems))
	for i, e := range elems {
		all[i] = e.String() + shape
	}
	if len(all) == 0 {
		return "leave the feature out"
	}
	return strings.Join(all, " or ") + " would fit"
}

// namelessFaults tells of the inputs that no feature feeds: of the first few each, of the
// others how many there are.
func (b *binder) namelessFaults(inputs []Value) {
	const most = 3
	for _, v := range inputs[:min(most, len(inputs))] {
		b.faultf("input %q is not named after a feature: %s. Name it VIEW:FEATURE, VIEW__FEATURE, or FEATURE where only one view has it, "+
			"or list its features in the model's definition: inputs: [{name: %s, features: [...]}]", v.Name, nearestFeature(b.plan, v.Name), v.Name)
	}
	switch more := len(inputs) - most; {
	case more == 1:
		b.faultf("nor is input %q", inputs[most].Name)
	case more > 1:
		b.faultf("nor are %d other inputs, such as %q", more, inputs[most].Name)
	}
}

// mask gives the mask of a declared input its shape.
func (b *binder) mask(d *schema.ModelInput) {
	at := slices.IndexFunc(b.sig.Inputs, func(v Value) bool { return v.Name == d.Mask })
	of := slices.IndexFunc(b.Inputs, func(in Input) bool { return in.Name == d.Name })
	v, in := b.sig.Inputs[at], &b.Inputs[of]
	if len(in.Features) != 1 || len(in.shape) != 1 {
		b.faultf("input %q has a mask, so it must be [N, L], of one list", d.Name)
		return
	}
	numeric := v.Elem.size() > 0 && schemaTypes[v.Elem] != 0
	if v.Kind != Tensor || !numeric || len(v.Dims) != 2 && v.Dims != nil || len(v.Dims) == 2 && v.Dims[1].Size != AnySize && v.Dims[1].Size != int64(in.width) {
		b.faultf("input %q is %s, and it is the mask of %q; %s[N, %d] would fit", v.Name, v.typeString(), d.Name, Int64, in.width)
		return
	}
	if !b.freeRows(v) {
		return
	}
	m := &b.Inputs[slices.IndexFunc(b.Inputs, func(in Input) bool { return in.Name == d.Mask })]
	m.shape, m.width = in.shape, in.width
	b.feeds[in.Features[0]].mask = slices.IndexFunc(b.Inputs, func(in Input) bool { return in.Name == d.Mask })
}

// findFeature returns the index of the feature that an input is named after: by its
// full name, by VIEW__FEATURE (for exporters that allow no colon), or by FEATURE alone
// when no two views have it. It returns -1 when there is none.
func findFeature(plan *schema.Plan, name string) int {
	bare, count := -1, 0
	for i, f := range plan.Features {
		if name == f.Name || name == inputName(f.Name) {
			return i
		}
		if _, own, _ := strings.Cut(f.Name, ":"); own == name {
			bare = i
			count++
		}
	}
	if count != 1 {
		return -1
	}
	return bare
}

func inputName(feature string) string { return strings.Replace(feature, ":", "__", 1) }

func nearestFeature(plan *schema.Plan, name string) string {
	var existing, same []string
	for _, f := range plan.Features {
		_, own, _ := strings.Cut(f.Name, ":")
		if own == name {
			same = append(same, f.Name)
		}
		existing = append(existing, own)
	}
	if len(same) > 1 {
		return "it could be " + strings.Join(same, " or ")
	}
	return schema.Nearest(name, existing)
}
