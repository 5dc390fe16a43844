package serving

import (
	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/vector"
)

// viewReads says what was found in each view. All of it lies in a few pieces of
// memory, whatever the number of views.
func (c *call) viewReads() []*larderv1.ViewRead {
	views, rows := c.shape.plan.Views, c.batch.Rows()
	pointers, reads := make([]*larderv1.ViewRead, len(views)), make([]larderv1.ViewRead, len(views))
	statuses, ages := make([]larderv1.Status, len(views)*rows), make([]int64, len(views)*rows)
	for i := range reads {
		from, to := i*rows, (i+1)*rows
		r := &reads[i]
		r.FeatureView, r.Statuses, r.Ages = views[i].Name, statuses[from:to:to], ages[from:to:to]
		putStatuses(r.Statuses, c.batch.Statuses(i))
		copy(r.Ages, c.batch.Ages(i))
		pointers[i] = r
	}
	return pointers
}

func putStatuses(dst []larderv1.Status, from []schema.Status) {
	for i, s := range from {
		dst[i] = larderv1.Status(s) // their numbers are the same
	}
}

// featureColumns returns the columns of the features. Their values are the
// batch's, which it makes anew for each request; the rest is copied.
func (c *call) featureColumns() []*larderv1.Column {
	from, rows := c.batch.Columns(), c.batch.Rows()
	pointers, columns := make([]*larderv1.Column, len(from)), make([]larderv1.Column, len(from))
	statuses := make([]larderv1.Status, len(from)*rows)
	nulls := make([]uint32, 0, countNulls(from))
	boxes := newBoxes(from)
	for i := range from {
		f, to := &from[i], &columns[i]
		to.Name = c.shape.plan.Features[i].Name
		to.Statuses = statuses[i*rows : (i+1)*rows : (i+1)*rows]
		putStatuses(to.Statuses, f.Statuses)
		first := len(nulls)
		for r, valid := range f.Valid {
			if !valid {
				nulls = append(nulls, uint32(r))
			}
		}
		to.Nulls = nulls[first:len(nulls):len(nulls)]
		boxes.put(to, f.Type, f)
		pointers[i] = to
	}
	return pointers
}

func countNulls(columns []vector.Column) int {
	n := 0
	for i := range columns {
		for _, valid := range columns[i].Valid {
			if !valid {
				n++
			}
		}
	}
	return n
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

func newBoxes(columns []vector.Column) *boxes {
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
func (b *boxes) put(to *larderv1.Column, t schema.Type, from *vector.Column) {
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
