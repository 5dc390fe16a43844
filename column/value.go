package column

import "larder/schema"

// Value returns the value of row i in the Go form of [schema.ParseValue]; nil is
// null. It is for showing and comparing: it allocates.
func (c *Column) Value(i int) any {
	if c.IsNull(i) {
		return nil
	}
	k := kindOf(c.Type)
	if !c.Type.IsList() {
		return k.value(c, i)
	}
	list := []any{}
	for start, end := c.List(i); start < end; start++ {
		list = append(list, k.value(c, int(start)))
	}
	return list
}

// AppendValue appends a row with a value in the Go form of [schema.ParseValue]; for nil,
// a zero value or an empty list. The caller sets Valid.
func (c *Column) AppendValue(v any) {
	k := kindOf(c.Type)
	if !c.Type.IsList() {
		k.add(c, v)
		return
	}
	list, _ := v.([]any)
	for _, element := range list {
		k.add(c, element)
	}
	c.Ends = append(c.Ends, uint32(k.len(c)))
}

// EqualRow reports whether row i is the same as row j of another column of the same
// type: null or not, floats bit for bit, lists element by element.
func (c *Column) EqualRow(i int, other *Column, j int) bool {
	if c.IsNull(i) || other.IsNull(j) {
		return c.IsNull(i) == other.IsNull(j)
	}
	start, end := c.elements(i)
	from, to := other.elements(j)
	if end-start != to-from {
		return false
	}
	k := kindOf(c.Type)
	for n := range int(end - start) {
		if !k.equal(c, int(start)+n, other, int(from)+n) {
			return false
		}
	}
	return true
}

// AppendJSON appends the value of row i as [schema.AppendValue] would write it.
func (c *Column) AppendJSON(dst []byte, i int) []byte {
	if c.IsNull(i) {
		return append(dst, "null"...)
	}
	k := kindOf(c.Type)
	if !c.Type.IsList() {
		return k.json(dst, c, i)
	}
	dst = append(dst, '[')
	start, end := c.List(i)
	for at := start; at < end; at++ {
		if at > start {
			dst = append(dst, ',')
		}
		dst = k.json(dst, c, int(at))
	}
	return append(dst, ']')
}

// RowBytes returns about how much memory the value of row i takes.
func (c *Column) RowBytes(i int) int {
	start, end := c.elements(i)
	return kindOf(c.Type).size(c, start, end)
}

// MemoryBytes returns about how much memory the values take.
func (c *Column) MemoryBytes() int {
	return kindOf(c.Type).size(c, 0, uint32(c.Elements())) + 4*len(c.Ends)
}

// Integer returns value i of a column of integers.
func (c *Column) Integer(i int) int64 {
	if c.Type.Elem() == schema.Int32 {
		return int64(c.Int32s[i])
	}
	return c.Int64s[i]
}

// Number returns value i of a column of numbers as a float, which may round it.
func (c *Column) Number(i int) float64 {
	switch c.Type.Elem() {
	case schema.Float32:
		return float64(c.Float32s[i])
	case schema.Float64:
		return c.Float64s[i]
	}
	return float64(c.Integer(i))
}
