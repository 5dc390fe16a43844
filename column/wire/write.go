package wire

import (
	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/schema"
)

// Write returns the messages of columns, which alias their values and nothing else
// of them. The number of allocations does not depend on the number of columns.
func Write(columns []column.Column, name func(i int) string) []*larderv1.Column {
	pointers, messages := make([]*larderv1.Column, len(columns)), make([]larderv1.Column, len(columns))
	nulls, statuses := room(columns)
	boxes := newBoxes(columns)
	for i := range columns {
		from, to := &columns[i], &messages[i]
		to.Name = name(i)
		first := len(statuses)
		for _, s := range from.Statuses {
			statuses = append(statuses, larderv1.Status(s)) // their numbers are the same
		}
		to.Statuses = statuses[first:len(statuses):len(statuses)]
		first = len(nulls)
		for r, valid := range from.Valid {
			if !valid {
				nulls = append(nulls, uint32(r))
			}
		}
		to.Nulls = nulls[first:len(nulls):len(nulls)]
		boxes.put(to, from.Type, from)
		pointers[i] = to
	}
	return pointers
}

// room returns memory for the nulls and the statuses of columns.
func room(columns []column.Column) ([]uint32, []larderv1.Status) {
	nulls, statuses := 0, 0
	for i := range columns {
		statuses += len(columns[i].Statuses)
		for _, valid := range columns[i].Valid {
			if !valid {
				nulls++
			}
		}
	}
	return make([]uint32, 0, nulls), make([]larderv1.Status, 0, statuses)
}

// A box is the two messages around the values of a column.
type box[One, List any] struct {
	one  One
	list List
}

// boxes hold the messages around the values of all columns, those of a type in
// one piece of memory.
type boxes struct {
	bools      []box[larderv1.Column_Bools, larderv1.Bools]
	int32s     []box[larderv1.Column_Int32S, larderv1.Int32S]
	int64s     []box[larderv1.Column_Int64S, larderv1.Int64S]
	floats     []box[larderv1.Column_Floats, larderv1.Floats]
	doubles    []box[larderv1.Column_Doubles, larderv1.Doubles]
	strings    []box[larderv1.Column_Strings, larderv1.Strings]
	blobs      []box[larderv1.Column_Blobs, larderv1.Blobs]
	timestamps []box[larderv1.Column_Timestamps, larderv1.Int64S]
	lists      []struct {
		box[larderv1.Column_Lists, larderv1.Lists]
		elements larderv1.Column
	}
}

func newBoxes(columns []column.Column) *boxes {
	var counts [schema.Timestamp + 1]int
	lists := 0
	for i := range columns {
		counts[columns[i].Type.Elem()]++
		if columns[i].Type.IsList() {
			lists++
		}
	}
	b := new(boxes)
	reserve(&b.bools, counts[schema.Bool])
	reserve(&b.int32s, counts[schema.Int32])
	reserve(&b.int64s, counts[schema.Int64])
	reserve(&b.floats, counts[schema.Float32])
	reserve(&b.doubles, counts[schema.Float64])
	reserve(&b.strings, counts[schema.String])
	reserve(&b.blobs, counts[schema.Bytes])
	reserve(&b.timestamps, counts[schema.Timestamp])
	reserve(&b.lists, lists)
	return b
}

func reserve[T any](s *[]T, n int) {
	if n > 0 {
		*s = make([]T, n)
	}
}

func next[T any](s *[]T) *T {
	first := &(*s)[0]
	*s = (*s)[1:]
	return first
}

// put gives a message the values of a column, as values of type t.
func (b *boxes) put(to *larderv1.Column, t schema.Type, from *column.Column) {
	if t.IsList() {
		x := next(&b.lists)
		b.put(&x.elements, t.Elem(), from)
		x.list.Elements, x.list.Ends, x.one.Lists = &x.elements, from.Ends, &x.list
		to.Values = &x.one
		return
	}
	switch t {
	case schema.Bool:
		x := next(&b.bools)
		x.list.Values, x.one.Bools, to.Values = from.Bools, &x.list, &x.one
	case schema.Int32:
		x := next(&b.int32s)
		x.list.Values, x.one.Int32S, to.Values = from.Int32s, &x.list, &x.one
	case schema.Int64:
		x := next(&b.int64s)
		x.list.Values, x.one.Int64S, to.Values = from.Int64s, &x.list, &x.one
	case schema.Float32:
		x := next(&b.floats)
		x.list.Values, x.one.Floats, to.Values = from.Float32s, &x.list, &x.one
	case schema.Float64:
		x := next(&b.doubles)
		x.list.Values, x.one.Doubles, to.Values = from.Float64s, &x.list, &x.one
	case schema.String:
		x := next(&b.strings)
		x.list.Values, x.one.Strings, to.Values = from.Strings, &x.list, &x.one
	case schema.Bytes:
		x := next(&b.blobs)
		x.list.Values, x.one.Blobs, to.Values = from.Bytes, &x.list, &x.one
	case schema.Timestamp:
		x := next(&b.timestamps)
		x.list.Values, x.one.Timestamps, to.Values = from.Int64s, &x.list, &x.one
	}
}

// Statuses returns statuses as messages have them, with the same numbers.
func Statuses(from []schema.Status) []larderv1.Status {
	to := make([]larderv1.Status, len(from))
	for i, s := range from {
		to[i] = larderv1.Status(s)
	}
	return to
}

// Shape returns the shape of one row of an output as messages have it.
func Shape(shape []int64) []uint32 {
	var out []uint32
	for _, n := range shape {
		out = append(out, uint32(n))
	}
	return out
}
