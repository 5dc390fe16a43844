package window

import (
	"math"
	"slices"
)

// A top counts values, of which it holds 256 at most. With more it overflows, and only
// knows that.
type top struct {
	counts []valueCount // by value
	over   bool
	long   int64 // texts that were too long to keep
}

type valueCount struct {
	value Value
	n     int64
}

func (t *top) reset() { *t = top{counts: t.counts[:0]} }

func (t *top) find(v Value) (int, bool) {
	return slices.BinarySearchFunc(t.counts, v, func(c valueCount, v Value) int { return compareValues(c.value, v) })
}

func (t *top) add(v Value, n int64, limit int) {
	if t.over {
		return
	}
	v = equalZero(v)
	i, found := t.find(v)
	if !found {
		if len(t.counts) == limit {
			t.over, t.counts = true, t.counts[:0]
			return
		}
		t.counts = slices.Insert(t.counts, i, valueCount{value: v})
	}
	t.counts[i].n += n
}

func (t *top) sub(v Value) bool {
	if t.over {
		return false
	}
	i, found := t.find(equalZero(v))
	if !found {
		return false
	}
	if t.counts[i].n--; t.counts[i].n == 0 {
		t.counts = slices.Delete(t.counts, i, i+1)
	}
	return true
}

// append writes the texts that were too long, the number of values, 257 if they are too
// many, and each value with its count.
func (t *top) append(dst []byte, f FieldType) []byte {
	dst = appendUint(dst, t.long)
	if t.over {
		return appendUint(dst, maxTop+1)
	}
	dst = appendUint(dst, int64(len(t.counts)))
	for _, c := range t.counts {
		dst = appendValue(dst, f, c.value)
		dst = appendUint(dst, c.n)
	}
	return dst
}

func (t *top) decode(r *reader, f FieldType, events int64) {
	t.reset()
	t.long = r.count(events)
	left := events - t.long
	n := r.count(maxTop + 1)
	if t.over = n > maxTop; t.over {
		if left <= maxTop {
			r.bad("an overflow")
		}
		return
	}
	for i := range int(n) {
		v := r.value(f)
		k := r.count(left)
		left -= k
		if k == 0 || v != equalZero(v) || i > 0 && compareValues(t.counts[i-1].value, v) >= 0 {
			r.bad("a count of a value")
		}
		if r.failed() {
			return
		}
		t.counts = append(t.counts, valueCount{v, k})
	}
}

func (s *State) topK(o *outputPlan, v *view, out *Answer) Value {
	x := &s.view.top
	x.reset()
	for _, t := range v.tiles {
		y := &t.tops[o.part]
		x.long += y.long
		x.over = x.over || y.over
		for _, c := range y.counts {
			x.add(c.value, c.n, math.MaxInt)
		}
	}
	s.each(v, func(e *entry) {
		switch y := e.values[o.field.field]; {
		case y.kind >= kindHash:
			x.long++
		case !y.IsNull():
			x.add(y, 1, math.MaxInt)
		}
	})
	out.LongTexts += x.long
	if x.over || s.topOverflows(o, v) {
		out.Overflows++
		return Null()
	}
	slices.SortStableFunc(x.counts, func(a, b valueCount) int {
		return int(min(max(b.n-a.n, -1), 1))
	})
	from := len(out.items)
	for i := 0; i < len(x.counts) && i < o.n; i++ {
		out.items = append(out.items, x.counts[i].value)
	}
	return out.listFrom(from)
}

// topOverflows reports whether a tile would overflow if its pending entries were folded:
// which of them are is no part of the answer.
func (s *State) topOverflows(o *outputPlan, v *view) bool {
	x := &s.view.tile
	for _, t := range v.tiles {
		counts := t.tops[o.part].counts
		if len(counts) <= maxTop-MaxPending {
			continue
		}
		x.reset()
		x.counts = append(x.counts, counts...)
		s.each(v, func(e *entry) {
			if y := e.values[o.field.field]; !y.IsNull() && y.kind < kindHash && v.row.start(e.time) == t.start {
				x.add(y, 1, maxTop)
			}
		})
		if x.over {
			return true
		}
	}
	return false
}
