package vector

import "larder/schema"

// A Column is one value per row, of one type. The slice of that type holds the
// values; the others are nil. Timestamps are Int64s, in microseconds since 1970
// UTC. Where Valid says false the slice holds a zero value.
type Column struct {
	Type     schema.Type
	Bools    []bool
	Int32s   []int32
	Int64s   []int64
	Float32s []float32
	Float64s []float64
	Strings  []string
	Bytes    [][]byte
	// Ends is for lists: the slice above holds the elements of all rows end to
	// end, and Ends[i] is the index just past the last element of row i.
	Ends     []uint32
	Valid    []bool          // nil: no value is null
	Statuses []schema.Status // of features, in answers
}

// Columns are columns of a request, by name. Names and Values have one length.
type Columns struct {
	Names  []string
	Values []Column
}

// Len returns the number of rows.
func (c *Column) Len() int {
	if c.Type.IsList() {
		return len(c.Ends)
	}
	return c.elements()
}

// elements returns the number of values: of rows, or of elements of all lists.
func (c *Column) elements() int {
	switch c.Type.Elem() {
	case schema.Bool:
		return len(c.Bools)
	case schema.Int32:
		return len(c.Int32s)
	case schema.Int64, schema.Timestamp:
		return len(c.Int64s)
	case schema.Float32:
		return len(c.Float32s)
	case schema.Float64:
		return len(c.Float64s)
	case schema.String:
		return len(c.Strings)
	}
	return len(c.Bytes)
}

// IsNull tells whether row i has no value.
func (c *Column) IsNull(i int) bool { return c.Valid != nil && !c.Valid[i] }

// List returns where the elements of row i of a column of lists begin and end.
func (c *Column) List(i int) (start, end uint32) {
	if i > 0 {
		start = c.Ends[i-1]
	}
	return start, c.Ends[i]
}

// copyRow sets row i of a scalar column from row j of another of the same type.
func (c *Column) copyRow(i int, from *Column, j int) {
	switch c.Type {
	case schema.Bool:
		c.Bools[i] = from.Bools[j]
	case schema.Int32:
		c.Int32s[i] = from.Int32s[j]
	case schema.Int64, schema.Timestamp:
		c.Int64s[i] = from.Int64s[j]
	case schema.Float32:
		c.Float32s[i] = from.Float32s[j]
	case schema.Float64:
		c.Float64s[i] = from.Float64s[j]
	case schema.String:
		c.Strings[i] = from.Strings[j]
	case schema.Bytes:
		c.Bytes[i] = from.Bytes[j]
	}
}

// appendList appends the elements of row j of another list column of the same type.
func (c *Column) appendList(from *Column, j int) {
	start, end := from.List(j)
	switch c.Type.Elem() {
	case schema.Bool:
		c.Bools = append(c.Bools, from.Bools[start:end]...)
	case schema.Int32:
		c.Int32s = append(c.Int32s, from.Int32s[start:end]...)
	case schema.Int64, schema.Timestamp:
		c.Int64s = append(c.Int64s, from.Int64s[start:end]...)
	case schema.Float32:
		c.Float32s = append(c.Float32s, from.Float32s[start:end]...)
	case schema.Float64:
		c.Float64s = append(c.Float64s, from.Float64s[start:end]...)
	case schema.String:
		c.Strings = append(c.Strings, from.Strings[start:end]...)
	case schema.Bytes:
		c.Bytes = append(c.Bytes, from.Bytes[start:end]...)
	}
}

// reserve makes room for n elements of a type in the slice that holds them, which
// it keeps where it has the room.
func (c *Column) reserve(t schema.Type, n int) {
	switch t {
	case schema.Bool:
		c.Bools = room(c.Bools, n)
	case schema.Int32:
		c.Int32s = room(c.Int32s, n)
	case schema.Int64, schema.Timestamp:
		c.Int64s = room(c.Int64s, n)
	case schema.Float32:
		c.Float32s = room(c.Float32s, n)
	case schema.Float64:
		c.Float64s = room(c.Float64s, n)
	case schema.String:
		c.Strings = room(c.Strings, n)
	case schema.Bytes:
		c.Bytes = room(c.Bytes, n)
	}
}

// room returns an empty slice with room for n values.
func room[T any](s []T, n int) []T {
	if s == nil || cap(s) < n {
		return make([]T, 0, n)
	}
	return s[:0]
}

// resize gives a column that was reserved n zero values.
func (c *Column) resize(n int) {
	switch c.Type.Elem() {
	case schema.Bool:
		c.Bools = c.Bools[:n]
	case schema.Int32:
		c.Int32s = c.Int32s[:n]
	case schema.Int64, schema.Timestamp:
		c.Int64s = c.Int64s[:n]
	case schema.Float32:
		c.Float32s = c.Float32s[:n]
	case schema.Float64:
		c.Float64s = c.Float64s[:n]
	case schema.String:
		c.Strings = c.Strings[:n]
	case schema.Bytes:
		c.Bytes = c.Bytes[:n]
	}
}

// newColumn returns a column of n zero values, or of n empty lists, all of them
// valid.
func newColumn(t schema.Type, n int) Column {
	c := Column{Type: t}
	if t.IsList() {
		c.Ends = make([]uint32, n)
		return c
	}
	c.reserve(t, n)
	c.resize(n)
	return c
}

// setValues gives columns of some features room for rows values each, out of one
// piece of memory for all values of a type, that of slab where it is enough: the
// number of allocations depends on neither rows nor features. Lists get their
// elements later.
func setValues(columns []Column, features []int, rows int, slab *Column) {
	var counts [schema.Timestamp + 1]int // of scalar columns, by type
	lists := 0
	for _, i := range features {
		switch t := columns[i].Type; {
		case t.IsList():
			lists++
		case t == schema.Timestamp:
			counts[schema.Int64]++
		default:
			counts[t]++
		}
	}
	for t, n := range counts {
		if n > 0 {
			slab.reserve(schema.Type(t), n*rows)
		}
	}
	slab.Ends = room(slab.Ends, lists*rows)
	rest := *slab
	for _, i := range features {
		rest.cutInto(&columns[i], rows)
	}
}

// cutInto gives a column the next n values, or ends of lists, of c's memory.
func (c *Column) cutInto(to *Column, n int) {
	if to.Type.IsList() {
		to.Ends = cut(&c.Ends, n)
		return
	}
	switch to.Type {
	case schema.Bool:
		to.Bools = cut(&c.Bools, n)
	case schema.Int32:
		to.Int32s = cut(&c.Int32s, n)
	case schema.Int64, schema.Timestamp:
		to.Int64s = cut(&c.Int64s, n)
	case schema.Float32:
		to.Float32s = cut(&c.Float32s, n)
	case schema.Float64:
		to.Float64s = cut(&c.Float64s, n)
	case schema.String:
		to.Strings = cut(&c.Strings, n)
	case schema.Bytes:
		to.Bytes = cut(&c.Bytes, n)
	}
}

// cut takes the next n values of a slice's memory off it.
func cut[T any](slab *[]T, n int) []T {
	head := (*slab)[:n:n]
	*slab = (*slab)[n:cap(*slab)]
	return head
}
