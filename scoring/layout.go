package scoring

import (
	"fmt"
	"slices"

	"larder/schema"
)

// A layout says where features lie in a row of an input.
type layout struct {
	shape          []int64 // of one row
	elements       int     // of one row
	firsts, widths []int   // of each feature: the index of its first element, and how many it has
	step           int     // from one element of a feature to the next
}

// layout lays features into an input. The elements of a row are:
//
//	[N]        one feature
//	[N, F]     the features one after the other, lists and vectors with all their elements
//	[N, L]     one list
//	[N, T, F]  F lists of T elements: at each time the element of each list
//	[N, ...]   anything else with as many elements, as [N, F]
func (b *binder) layout(v Value, features []int, d *schema.ModelInput) (l layout, fault string) {
	misfit := func(fits string) (layout, string) {
		return l, fmt.Sprintf("input %q is %s; %s would fit", v.Name, v.typeString(), fits)
	}
	var rest []int64 // the dimensions of one row
	for i, dim := range v.Dims {
		if i > 0 {
			rest = append(rest, dim.Size)
		}
	}
	lists := 0
	for _, f := range features {
		if b.plan.Features[f].Type.IsList() {
			lists++
		}
	}
	if lists == 0 && len(rest) < 2 && v.Dims != nil || lists == 0 && v.Dims == nil {
		return b.flat(v, rest, features, d)
	}
	sequence := len(rest) == 2 && lists == len(features) && (rest[1] == int64(len(features)) || rest[1] == AnySize && len(features) > 1)
	length := b.length(rest, features, d, sequence)
	l.step = 1
	if sequence {
		l.step = len(features)
	}
	for i, f := range features {
		width := 1
		switch t := b.plan.Features[f].Type; {
		case t.IsVector():
			width = t.Len()
		case t.IsList():
			if width = length; width <= 0 {
				return l, fmt.Sprintf("input %q is %s, and the feature %s is a %s of any length: say how many elements the input takes, "+
					"as in inputs: [{name: %s, features: [%q], length: 20, pad: end, truncate: end}]", v.Name, v.typeString(), b.plan.Features[f].Name, b.plan.Features[f].Type, v.Name, b.plan.Features[f].Name)
			}
		}
		l.firsts, l.widths = append(l.firsts, l.elements), append(l.widths, width)
		if sequence {
			l.firsts[i] = i
		}
		l.elements += width
	}
	switch {
	case v.Dims == nil:
		l.shape = []int64{int64(l.elements)}
	case len(rest) == 1:
		l.shape = []int64{int64(l.elements)}
		if rest[0] != AnySize && rest[0] != int64(l.elements) {
			return misfit(fmt.Sprintf("%s[N, %d]", v.Elem, l.elements))
		}
	case sequence:
		l.shape = []int64{int64(length), int64(len(features))}
		if i := slices.IndexFunc(l.widths, func(w int) bool { return w != length }); i >= 0 {
			return l, fmt.Sprintf("input %q is %s, and takes lists of one length, but %s has %d elements and not %d", v.Name, v.typeString(), b.plan.Features[features[i]].Name, l.widths[i], length)
		}
		if rest[0] != AnySize && rest[0] != int64(length) {
			return misfit(fmt.Sprintf("%s[N, %d, %d]", v.Elem, length, len(features)))
		}
	default:
		l.shape = rest
		if n, ok := product(rest, schema.MaxInputElements); !ok || n != int64(l.elements) || len(rest) == 0 {
			return misfit(fmt.Sprintf("%s[N, %d]", v.Elem, l.elements))
		}
	}
	return l, ""
}

// length returns how many elements an input takes of each list; 0 when nothing says so.
func (b *binder) length(rest []int64, features []int, d *schema.ModelInput, sequence bool) int {
	n := int64(len(features))
	for _, f := range features {
		if t := b.plan.Features[f].Type; t.IsVector() {
			return t.Len()
		}
	}
	switch {
	case d.Length > 0:
		return d.Length
	case len(rest) == 1 && n == 1:
		return max(0, int(rest[0]))
	case sequence:
		return max(0, int(rest[0]))
	case len(rest) == 2 && rest[0] == n:
		return max(0, int(rest[1]))
	case len(rest) > 1 && n == 1:
		if all, ok := product(rest, schema.MaxInputElements); ok {
			return int(all)
		}
	}
	return 0
}

// flat lays features that are no lists into [N] or [N, F].
func (b *binder) flat(v Value, rest []int64, features []int, d *schema.ModelInput) (l layout, fault string) {
	width := len(features)
	l = layout{shape: []int64{int64(width)}, elements: width, step: 1}
	for i := range features {
		l.firsts, l.widths = append(l.firsts, i), append(l.widths, 1)
	}
	switch {
	case v.Dims == nil:
	case len(rest) == 0 && width == 1:
		l.shape = nil
	case len(rest) == 0:
		return l, fmt.Sprintf("input %q is %s, of one feature; %s %d, and %s[N, %d] would fit", v.Name, v.typeString(), whose(d), width, v.Elem, width)
	case rest[0] == AnySize || rest[0] == int64(width):
	case width == 1 && d.Features == nil && len(b.sig.Inputs) > 1:
		return l, fmt.Sprintf("input %q is %s; an input of one feature is %s[N, 1]", v.Name, v.typeString(), v.Elem)
	default:
		return l, fmt.Sprintf("input %q is %s, %d features wide, but %s %d; %s[N, %d] would fit", v.Name, v.typeString(), rest[0], whose(d), width, v.Elem, width)
	}
	return l, ""
}
