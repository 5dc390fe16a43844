package scoring

import (
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// A Binding describes how the features of a plan feed a model, and where its score is.
// It is immutable.
type Binding struct {
	// Dense reports whether the model has one float tensor [N, F] of all features in the
	// order of the feature service. Otherwise it has one input per feature.
	Dense  bool
	Inputs []Input // in the order of the model; only one when Dense

	Output string // the name of the output that holds the score
	Column int    // the column of that output, from 0
	Reason string // why this output and this column were chosen, in words

	features int  // of the plan
	elem     Elem // of the output's tensor
	source   string
	narrow   map[string]Elem // inputs and outputs of two-byte floats, which Larder feeds and reads as float32
}

// An Input is one input of a model.
type Input struct {
	Name    string
	Elem    schema.Type // of its elements: bool, int32, int64, float32, float64 or string
	Feature int         // index in the plan's features; -1 when Dense

	flat     bool // [N] rather than [N, 1]
	fallback any  // the feature's default
}

// Bind checks that a plan's features fit a model, and finds the score. Errors are
// *schema.Error of kind Invalid; Bind reports all faults of the inputs at once.
func Bind(sig *Signature, plan *schema.Plan) (*Binding, error) {
	sig, narrow := sig.widened()
	b := &Binding{features: len(plan.Features), narrow: narrow}
	faults := b.bindInputs(sig, plan)
	if len(faults) > 0 {
		return nil, schema.ModelInputs.Errorf("%s", strings.Join(faults, "\n"))
	}
	if err := b.chooseOutput(sig, plan); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Binding) bindInputs(sig *Signature, plan *schema.Plan) (faults []string) {
	if len(sig.Inputs) == 1 && !namesFeature(plan, sig.Inputs[0]) {
		b.Dense = true
		b.Inputs = []Input{{Name: sig.Inputs[0].Name, Elem: schema.Float32, Feature: -1}}
		return denseFaults(sig, plan)
	}
	fed := make([]string, len(plan.Features))
	var nameless []Value
	for _, v := range sig.Inputs {
		if findFeature(plan, v.Name) < 0 {
			nameless = append(nameless, v)
			continue
		}
		in, fault := bindInput(plan, v)
		switch {
		case fault != "":
			faults = append(faults, fault)
			continue
		case fed[in.Feature] != "":
			faults = append(faults, fmt.Sprintf("inputs %q and %q both name the feature %s", fed[in.Feature], v.Name, plan.Features[in.Feature].Name))
		}
		fed[in.Feature] = v.Name
		b.Inputs = append(b.Inputs, in)
	}
	faults = append(faults, namelessFaults(plan, nameless)...)
	if len(faults) > 0 {
		return faults // an input that matches no feature explains a feature without an input
	}
	for i, f := range plan.Features {
		if fed[i] == "" {
			faults = append(faults, fmt.Sprintf("remove the feature %s from its service, or add an input for it: the model has only the inputs %s, and none named %q",
				f.Name, strings.Join(names(sig.Inputs), ", "), inputName(f.Name)))
		}
	}
	return faults
}

// namesFeature reports whether the only input of a model is named after one feature. A
// float matrix is not: it takes the whole vector, no matter what its name is.
func namesFeature(plan *schema.Plan, v Value) bool {
	matrix := v.Elem == Float32 && (len(v.Dims) == 2 || v.Dims == nil)
	return !matrix && findFeature(plan, v.Name) >= 0
}

// denseFaults checks the one input of a model that reads whole vectors.
func denseFaults(sig *Signature, plan *schema.Plan) (faults []string) {
	v, width := sig.Inputs[0], len(plan.Features)
	fit := fmt.Sprintf("float32[N, %d] would fit, or one input per feature, each [N, 1] and named after its feature", width)
	switch {
	case v.Kind != Tensor || v.Elem != Float32:
		return []string{fmt.Sprintf("the only input %q is %s; %s", v.Name, v.typeString(), fit)}
	case v.Dims == nil:
	case len(v.Dims) != 2:
		return []string{fmt.Sprintf("input %q is %s; %s", v.Name, v.typeString(), fit)}
	case v.Dims[0].Size != AnySize:
		faults = append(faults, fixedBatch(v))
	}
	if len(v.Dims) == 2 && v.Dims[1].Size != AnySize && v.Dims[1].Size != int64(width) {
		faults = append(faults, fmt.Sprintf("input %q is %s, %d features wide, but the feature service has %d; float32[N, %d] would fit",
			v.Name, v.typeString(), v.Dims[1].Size, width, width))
	}
	if needs := sig.widths[v.Name]; needs > width {
		faults = append(faults, fmt.Sprintf("the trees of the model read feature %d (counted from 1) of input %q, but the feature service has only %d features", needs, v.Name, width))
	}
	for _, f := range plan.Features {
		if !slices.Contains(reachable[f.Type], Float32) {
			faults = append(faults, fmt.Sprintf("input %q is float32, and a %s can't become float32: leave the feature %s out, or give the model one input per feature",
				v.Name, f.Type, f.Name))
		}
	}
	return faults
}

func fixedBatch(v Value) string {
	return fmt.Sprintf("input %q is %s: it takes exactly %d rows at a time. Export the model with a free first dimension: "+
		"[None, ...] with skl2onnx and tf2onnx, dynamic_axes={%q: {0: \"N\"}} with torch", v.Name, v.typeString(), v.Dims[0].Size, v.Name)
}

// namelessFaults tells of the inputs that are not named after a feature: of the first few
// each, of the others how many there are.
func namelessFaults(plan *schema.Plan, inputs []Value) (faults []string) {
	const most = 3
	for _, v := range inputs[:min(most, len(inputs))] {
		faults = append(faults, fmt.Sprintf("input %q is not named after a feature: %s. Name it VIEW:FEATURE, VIEW__FEATURE, or FEATURE where only one view has it",
			v.Name, nearestFeature(plan, v.Name)))
	}
	switch more := len(inputs) - most; {
	case more == 1:
		faults = append(faults, fmt.Sprintf("nor is input %q", inputs[most].Name))
	case more > 1:
		faults = append(faults, fmt.Sprintf("nor are %d other inputs, such as %q", more, inputs[most].Name))
	}
	return faults
}

// bindInput finds the feature of one input of a model that has one per feature. The input
// is named after a feature.
func bindInput(plan *schema.Plan, v Value) (Input, string) {
	at := findFeature(plan, v.Name)
	f := &plan.Features[at]
	in := Input{Name: v.Name, Elem: schemaTypes[v.Elem], Feature: at, flat: len(v.Dims) == 1, fallback: f.Default}
	elems := reachable[f.Type]
	switch {
	case f.Type.IsList():
		return in, fmt.Sprintf("input %q: the feature %s is a %s, and a list has no fixed width; leave the feature out", v.Name, f.Name, f.Type)
	case len(elems) == 0:
		return in, fmt.Sprintf("input %q: the feature %s is %s, and a tensor can't hold that; leave the feature out", v.Name, f.Name, f.Type)
	case v.Kind != Tensor || !slices.Contains(elems, v.Elem):
		return in, fmt.Sprintf("input %q is %s, and the feature %s of type %s can't become that; %s would fit", v.Name, v.typeString(), f.Name, f.Type, elemList(elems))
	case v.Dims != nil && len(v.Dims) != 1 && (len(v.Dims) != 2 || v.Dims[1].Size > 1 || v.Dims[1].Size == 0):
		return in, fmt.Sprintf("input %q is %s; an input of one feature is %s[N, 1]", v.Name, v.typeString(), v.Elem)
	case len(v.Dims) > 0 && v.Dims[0].Size != AnySize:
		return in, fixedBatch(v)
	case f.Nullable() && !v.Elem.isFloat():
		return in, fmt.Sprintf("input %q is %s, and that has no value for null: give the feature %s a default", v.Name, v.typeString(), f.Name)
	}
	return in, ""
}

func elemList(elems []Elem) string {
	all := make([]string, len(elems))
	for i, e := range elems {
		all[i] = e.String() + "[N, 1]"
	}
	return strings.Join(all, " or ")
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
