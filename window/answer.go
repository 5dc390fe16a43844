package window

import "math"

// An Answer is the values of some outputs.
type Answer struct {
	Values []Value // in the order that was asked for; a list's items are in List
	items  []Value

	Overflows int64 // answers that are null because a sum passes int64, or top_k 256 values a tile
	NaNs      int64 // NaNs that min, max and percentiles ignored
	LongTexts int64 // texts over MaxText that first, last, last_n and top_k took for null
}

// List returns the items of a list, which are valid until the answer is used again.
func (a *Answer) List(i int) []Value {
	v := a.Values[i]
	if v.kind != kindList {
		return nil
	}
	from, n := v.bits>>32, v.bits&math.MaxUint32
	return a.items[from : from+n : from+n]
}

// IsList reports whether the value is a list, which may be empty.
func (v Value) IsList() bool { return v.kind == kindList }

func (a *Answer) reset() {
	*a = Answer{Values: a.Values[:0], items: a.items[:0]}
}

func (a *Answer) listFrom(from int) Value {
	return Value{kind: kindList, bits: uint64(from)<<32 | uint64(len(a.items)-from)}
}
