package column

import "larder/schema"

// A Column is one value per row, of one type. The slice of that type holds the
// values; the others are nil. Timestamps are Int64s, in microseconds since 1970
// UTC. Where Valid says false the slice holds a zero value.
type Column struct {
	Type     schema.Type // 0: no values
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

// New returns a column of n zero values, or of n empty lists, all of them valid.
func New(t schema.Type, n int) Column {
	c := Column{Type: t}
	if t.IsList() {
		c.Ends = make([]uint32, n)
		return c
	}
	c.Reserve(n)
	c.Resize(n)
	return c
}

// Len returns the number of rows.
func (c *Column) Len() int {
	if c.Type.IsList() {
		return len(c.Ends)
	}
	return c.Elements()
}

// Elements returns the number of values: of rows, or of elements of all lists.
func (c *Column) Elements() int { return kindOf(c.Type).len(c) }

// IsNull reports whether row i has no value.
func (c *Column) IsNull(i int) bool { return c.Valid != nil && !c.Valid[i] }

// List returns where the elements of row i of a column of lists begin and end.
func (c *Column) List(i int) (start, end uint32) {
	if i > 0 {
		start = c.Ends[i-1]
	}
	return start, c.Ends[i]
}

// elements returns where the values of row i begin and end, of lists or not.
func (c *Column) elements(i int) (start, end uint32) {
	if c.Type.IsList() {
		return c.List(i)
	}
	return uint32(i), uint32(i + 1)
}

// Even reports whether the column has a number of rows, and lists that lie within
// their elements.
func (c *Column) Even(rows int) bool {
	return c.Len() == rows && (c.Valid == nil || len(c.Valid) == rows) && c.EndsFit()
}

// EndsFit reports whether lists lie within their elements, and leave none over. Any
// other column fits.
func (c *Column) EndsFit() bool {
	if !c.Type.IsList() || len(c.Ends) == 0 {
		return true
	}
	for i := 1; i < len(c.Ends); i++ {
		if c.Ends[i] < c.Ends[i-1] {
			return false
		}
	}
	return int(c.Ends[len(c.Ends)-1]) == c.Elements()
}

// CopyRow sets row i of a scalar column from row j of another of the same type. Valid
// and Statuses stay as they are. A row of lists can't be set: CopyRow does nothing.
func (c *Column) CopyRow(i int, from *Column, j int) {
	if !c.Type.IsList() {
		kindOf(c.Type).copy(c, i, from, j)
	}
}

// Copy sets the values of a scalar column from another of the same type and length.
func (c *Column) Copy(from *Column) { kindOf(c.Type).fill(c, from) }

// AppendElements appends the values start to end of another column, of rows or of
// elements of lists, which have the type of c's. The end of the row that they belong
// to, where c is of lists, is the caller's to append or set.
func (c *Column) AppendElements(from *Column, start, end uint32) {
	kindOf(c.Type).append(c, from, start, end)
}

// AppendList appends the elements of row i of another column of lists, as
// AppendElements does.
func (c *Column) AppendList(from *Column, i int) {
	start, end := from.List(i)
	c.AppendElements(from, start, end)
}

// AppendRow appends row i of another column of the same type, and whether it is
// null where that column says so.
func (c *Column) AppendRow(from *Column, i int) {
	start, end := from.elements(i)
	c.AppendElements(from, start, end)
	if c.Type.IsList() {
		c.Ends = append(c.Ends, uint32(c.Elements()))
	}
	if from.Valid != nil {
		c.Valid = append(c.Valid, from.Valid[i])
	}
	if from.Statuses != nil {
		c.Statuses = append(c.Statuses, from.Statuses[i])
	}
}

// Lists returns a column of lists of the values of c, width values to each row. The values
// are shared.
func (c *Column) Lists(width int) Column {
	out := *c
	out.Type, out.Ends = schema.List(c.Type), make([]uint32, c.Elements()/width)
	for r := range out.Ends {
		out.Ends[r] = uint32((r + 1) * width)
	}
	return out
}

// Clone returns a copy of the values of c. The bytes of its texts are shared.
func (c *Column) Clone() Column {
	out := Column{Type: c.Type, Ends: append([]uint32(nil), c.Ends...), Valid: append([]bool(nil), c.Valid...)}
	out.AppendElements(c, 0, uint32(c.Elements()))
	return out
}

// Pick returns a column of some rows of c, in the order that they are listed.
func (c *Column) Pick(rows []int) Column {
	out := Column{Type: c.Type}
	for _, i := range rows {
		out.AppendRow(c, i)
	}
	return out
}

// Pick returns columns of some rows of others.
func (c Columns) Pick(rows []int) Columns {
	out := Columns{Names: append([]string(nil), c.Names...)}
	for i := range c.Values {
		out.Values = append(out.Values, c.Values[i].Pick(rows))
	}
	return out
}

// Reset leaves no columns, and keeps the memory of their headers.
func (c *Columns) Reset() {
	clear(c.Names)
	clear(c.Values)
	c.Names, c.Values = c.Names[:0], c.Values[:0]
}

// Add appends a column.
func (c *Columns) Add(name string, values Column) {
	c.Names, c.Values = append(c.Names, name), append(c.Values, values)
}

// Reserve makes room for n values, or elements of all lists, in the slice of c's
// type, which it keeps where it has the room.
func (c *Column) Reserve(n int) { kindOf(c.Type).reserve(c, n) }

// Resize gives a column that was reserved n values, or elements.
func (c *Column) Resize(n int) { kindOf(c.Type).resize(c, n) }

// Divide gives columns of some numbers room for rows values each, out of one piece
// of memory for all values of a type, that of slab where it is enough: the number of
// allocations depends on neither rows nor columns. Lists get their elements later.
func Divide(columns []Column, numbers []int, rows int, slab *Column) {
	var counts [len(kinds)]int // of scalar columns, by type
	lists := 0
	for _, i := range numbers {
		if t := columns[i].Type; t.IsList() {
			lists++
		} else {
			counts[stored(t)]++
		}
	}
	for t, n := range counts {
		if n > 0 {
			kinds[t].reserve(slab, n*rows)
		}
	}
	slab.Ends = room(slab.Ends, lists*rows)
	var used [len(kinds)]int // values of slab, by type
	ends := 0
	for _, i := range numbers {
		to := &columns[i]
		if to.Type.IsList() {
			to.Ends = slab.Ends[ends : ends+rows : ends+rows]
			ends += rows
			continue
		}
		t := stored(to.Type)
		kinds[t].share(slab, to, used[t], rows)
		used[t] += rows
	}
}

// stored returns the type that has the slice of a type's values.
func stored(t schema.Type) schema.Type {
	if t == schema.Timestamp {
		return schema.Int64
	}
	return t
}

// room returns an empty slice with room for n values.
func room[T any](s []T, n int) []T {
	if s == nil || cap(s) < n {
		return make([]T, 0, n)
	}
	return s[:0]
}
