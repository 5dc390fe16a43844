package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A ModelInput says which features feed one input of a model's file. It is needed where
// the input is not named after a feature and doesn't take the whole vector, and for lists
// of varying length.
type ModelInput struct {
	Name     string   `json:"name"`
	Features []string `json:"features"` // VIEW:FEATURE, VIEW:*, or FEATURE where only one view has it

	// Length is how many elements the input takes of each list; 0 means what the file says.
	Length int `json:"length,omitempty"`
	// Pad is the end of a shorter list that is filled up with PadValue; empty means that no
	// list may be shorter. A nil PadValue means 0. Strings are filled up with "".
	Pad      ListEnd  `json:"pad,omitempty"`
	PadValue *float64 `json:"pad_value,omitempty"`
	// Truncate is the end that is cut off a longer list; empty means that no list may be
	// longer.
	Truncate ListEnd `json:"truncate,omitempty"`
	// Mask names another input of the file. It gets 1 for each element of the list, and 0
	// for padding.
	Mask string `json:"mask,omitempty"`
}

// A ListEnd is one end of a list.
type ListEnd string

// The ends of a list.
const (
	NoEnd     ListEnd = ""
	ListStart ListEnd = "start"
	ListTail  ListEnd = "end"
)

// A ListFit says how lists of any length fit a number of elements.
type ListFit struct {
	Pad, Truncate ListEnd
	PadValue      float64
}

// Fit returns how the lists of the input's features fit it.
func (in *ModelInput) Fit() ListFit {
	f := ListFit{Pad: in.Pad, Truncate: in.Truncate}
	if in.PadValue != nil {
		f.PadValue = *in.PadValue
	}
	return f
}

// MaxInputElements bounds the elements of one row of an input.
const MaxInputElements = 1 << 16

func (v *validator) modelInputs(path string, m *Model) {
	taken := map[string]bool{}
	var known []string // the features of the service
	if s := v.services[m.FeatureService]; s != nil {
		for _, ref := range s.Features {
			full, _ := v.expand(s, ref)
			known = append(known, full...)
		}
	}
	name := func(at, name, what string) {
		switch {
		case name == "":
			v.addf(at, "model %q: %s has no name; write the name of an input of the model's file", m.Name, what)
		case taken[name]:
			v.addf(at, "model %q names the input %q twice; remove one", m.Name, name)
		}
		taken[name] = true
	}
	for i := range m.Inputs {
		in, at := &m.Inputs[i], fmt.Sprintf("%s.inputs[%d]", path, i)
		name(at+".name", in.Name, "an input")
		if in.Mask != "" {
			name(at+".mask", in.Mask, "a mask")
		}
		if len(in.Features) == 0 {
			v.addf(at+".features", "model %q: input %q lists no feature; write features: [VIEW:FEATURE, ...]", m.Name, in.Name)
		}
		for k, ref := range in.Features {
			if len(known) > 0 && !slices.ContainsFunc(known, func(full string) bool { return refersTo(ref, full) }) {
				v.danglef(fmt.Sprintf("%s.features[%d]", at, k), "model %q: input %q: feature service %q has no feature %q; %s", m.Name, in.Name, m.FeatureService, ref, Nearest(ref, known))
			}
		}
		if in.Length < 0 || in.Length > MaxInputElements {
			v.addf(at+".length", "model %q: input %q: length must be from 1 to %d, not %d", m.Name, in.Name, MaxInputElements, in.Length)
		}
		ends := []ListEnd{NoEnd, ListStart, ListTail}
		if !slices.Contains(ends, in.Pad) {
			v.addf(at+".pad", "model %q: input %q: pad must be start or end, or left out, not %q", m.Name, in.Name, in.Pad)
		}
		if !slices.Contains(ends, in.Truncate) {
			v.addf(at+".truncate", "model %q: input %q: truncate must be start or end, or left out, not %q", m.Name, in.Name, in.Truncate)
		}
		switch {
		case in.PadValue != nil && in.Pad == NoEnd:
			v.addf(at+".pad_value", "model %q: input %q has a pad_value but no pad; write pad: end", m.Name, in.Name)
		case in.PadValue != nil && math.IsInf(*in.PadValue, 0):
			v.addf(at+".pad_value", "model %q: input %q: pad_value must be a finite number", m.Name, in.Name)
		}
		if in.Mask != "" && in.Pad == NoEnd {
			v.addf(at+".mask", "model %q: input %q has a mask but no pad; write pad: end", m.Name, in.Name)
		}
	}
}

// refersTo reports whether VIEW:FEATURE, VIEW:* or FEATURE means a feature.
func refersTo(ref, full string) bool {
	view, own, _ := strings.Cut(full, ":")
	return ref == full || ref == own || ref == view+":*"
}
