package vector

import (
	"encoding/binary"
	"math"

	"larder/schema"
	"larder/store/row"
)

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

// Len returns the number of rows.
func (c *Column) Len() int {
	if c.Type.IsList() {
		return len(c.Ends)
	}
	return c.elements()
}

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

// newColumn returns a column of n nulls. A list's elements come later.
func newColumn(t schema.Type, n int) Column {
	c := Column{Type: t, Valid: make([]bool, n), Statuses: make([]schema.Status, n)}
	if t.IsList() {
		c.Ends = make([]uint32, n)
		return c
	}
	switch t {
	case schema.Bool:
		c.Bools = make([]bool, n)
	case schema.Int32:
		c.Int32s = make([]int32, n)
	case schema.Int64, schema.Timestamp:
		c.Int64s = make([]int64, n)
	case schema.Float32:
		c.Float32s = make([]float32, n)
	case schema.Float64:
		c.Float64s = make([]float64, n)
	case schema.String:
		c.Strings = make([]string, n)
	case schema.Bytes:
		c.Bytes = make([][]byte, n)
	}
	return c
}

// setRaw sets row i of a scalar column from the bytes of a stored row.
func (c *Column) setRaw(i int, stored []byte, offset int) error {
	c.Valid[i] = true
	b := stored[offset:]
	switch c.Type {
	case schema.Bool:
		c.Bools[i] = b[0] != 0
	case schema.Int32:
		c.Int32s[i] = int32(binary.LittleEndian.Uint32(b))
	case schema.Int64, schema.Timestamp:
		c.Int64s[i] = int64(binary.LittleEndian.Uint64(b))
	case schema.Float32:
		c.Float32s[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
	case schema.Float64:
		c.Float64s[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
	default:
		raw, err := row.Variable(stored, offset)
		if err != nil {
			return err
		}
		if c.Type == schema.String {
			c.Strings[i] = string(raw)
		} else {
			c.Bytes[i] = append([]byte{}, raw...)
		}
	}
	return nil
}

// copyRow sets row i of a scalar column from row j of another of the same type.
func (c *Column) copyRow(i int, from *Column, j int) {
	c.Valid[i] = true
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

// appendRaw appends the elements of a stored list.
func (c *Column) appendRaw(list []byte) error {
	switch t := c.Type.Elem(); t {
	case schema.String:
		return row.EachText(list, func(b []byte) { c.Strings = append(c.Strings, string(b)) })
	case schema.Bytes:
		return row.EachText(list, func(b []byte) { c.Bytes = append(c.Bytes, append([]byte{}, b...)) })
	default:
		n, err := row.ListLen(t, list)
		if err != nil || n == 0 {
			return err
		}
		for w := len(list) / n; len(list) > 0; list = list[w:] {
			c.appendElement(list)
		}
		return nil
	}
}

func (c *Column) appendElement(b []byte) {
	switch c.Type.Elem() {
	case schema.Bool:
		c.Bools = append(c.Bools, b[0] != 0)
	case schema.Int32:
		c.Int32s = append(c.Int32s, int32(binary.LittleEndian.Uint32(b)))
	case schema.Int64, schema.Timestamp:
		c.Int64s = append(c.Int64s, int64(binary.LittleEndian.Uint64(b)))
	case schema.Float32:
		c.Float32s = append(c.Float32s, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case schema.Float64:
		c.Float64s = append(c.Float64s, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
}

// appendList appends the elements of row j of another list column of the same type.
func (c *Column) appendList(from *Column, j int) {
	start := uint32(0)
	if j > 0 {
		start = from.Ends[j-1]
	}
	end := from.Ends[j]
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

// float32At returns row i of a column of bools or numbers as a float tensor
// holds it.
func (c *Column) float32At(i int) float32 {
	switch c.Type {
	case schema.Bool:
		return boolFloat(c.Bools[i])
	case schema.Int32:
		return float32(c.Int32s[i])
	case schema.Int64, schema.Timestamp:
		return float32(c.Int64s[i])
	case schema.Float32:
		return c.Float32s[i]
	}
	return float32(c.Float64s[i])
}

func boolFloat(v bool) float32 {
	if v {
		return 1
	}
	return 0
}

// rawFloat32 returns the value of type t at the start of b as a float tensor holds it.
func rawFloat32(t schema.Type, b []byte) float32 {
	switch t {
	case schema.Bool:
		return float32(b[0])
	case schema.Int32:
		return float32(int32(binary.LittleEndian.Uint32(b)))
	case schema.Float32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case schema.Float64:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return float32(int64(binary.LittleEndian.Uint64(b)))
}
