package offline

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column/arrows"
	"larder/schema"
)

// A column collects the values of one column of a batch. Values go to plain slices and
// not to Arrow's builders, since builders can't remove the first columns of a row when
// its last column turns out to be bad.
type column struct {
	typ    schema.Type
	arrow  arrow.DataType
	append func(c *column, raw []byte) schema.BadReason // appends one element, or only returns a reason
	lists  listDecoder                                  // appends the elements of a list; nil when there are none

	// The elements, in the slice of their type.
	bools []bool
	i32   []int32
	i64   []int64 // also timestamps
	f32   []float32
	f64   []float64
	data  []byte  // strings and bytes, end to end
	ends  []int32 // where each of them ends

	rows  []int32 // of a list: how many elements there are after each row
	valid []bool  // of each row
	nulls int
}

// add appends one value, as Postgres sent it; nil is null. When it returns a reason,
// it may have appended a part: truncate removes that.
func (c *column) add(raw []byte) schema.BadReason {
	if raw == nil {
		c.addNull()
		return ""
	}
	if c.typ.IsList() {
		return c.addList(raw)
	}
	if reason := c.append(c, raw); reason != "" {
		return reason
	}
	c.valid = append(c.valid, true)
	return ""
}

func (c *column) addNull() {
	c.valid = append(c.valid, false)
	c.nulls++
	if c.typ.IsList() {
		c.rows = append(c.rows, int32(c.elements()))
		return
	}
	switch c.typ {
	case schema.Bool:
		c.bools = append(c.bools, false)
	case schema.Int32:
		c.i32 = append(c.i32, 0)
	case schema.Int64, schema.Timestamp:
		c.i64 = append(c.i64, 0)
	case schema.Float32:
		c.f32 = append(c.f32, 0)
	case schema.Float64:
		c.f64 = append(c.f64, 0)
	case schema.String, schema.Bytes:
		c.ends = append(c.ends, int32(len(c.data)))
	}
}

// addList appends a list.
func (c *column) addList(raw []byte) schema.BadReason {
	if reason := c.lists(c, raw); reason != "" {
		return reason
	}
	if c.lastListBytes() > schema.MaxValueBytes {
		return schema.TooLarge
	}
	if c.typ.CheckLen(c.elements()-c.firstElement(len(c.rows))) != nil {
		return schema.BadLength
	}
	c.rows = append(c.rows, int32(c.elements()))
	c.valid = append(c.valid, true)
	return ""
}

// appendArray appends a one-dimensional array. Its format: the number of
// dimensions, whether there are nulls, the type of the elements; for each
// dimension its length and lower bound; then the elements, each after its length.
func appendArray(c *column, raw []byte) schema.BadReason {
	const head, perDimension = 12, 8
	if len(raw) < head {
		return malformed
	}
	dimensions := binary.BigEndian.Uint32(raw)
	rest := raw[head:]
	if dimensions > 1 {
		return schema.BadShape
	}
	if dimensions == 1 {
		if len(rest) < perDimension {
			return malformed
		}
		n := binary.BigEndian.Uint32(rest)
		rest = rest[perDimension:]
		if len(rest) > schema.MaxValueBytes*3 { // elements are preceded by 4 bytes each
			return schema.TooLarge
		}
		for range n {
			if len(rest) < 4 {
				return malformed
			}
			size := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			if size == -1 {
				return schema.NullInList
			}
			if size < 0 || int(size) > len(rest) {
				return malformed
			}
			if reason := c.append(c, rest[:size]); reason != "" {
				return reason
			}
			rest = rest[size:]
		}
	}
	if len(rest) != 0 {
		return malformed
	}
	return ""
}

// lastListBytes returns the size of the elements past the last whole row.
func (c *column) lastListBytes() int {
	from := c.firstElement(len(c.rows))
	n := c.elements() - from
	switch c.typ.Elem() {
	case schema.Bool:
		return n
	case schema.Int32, schema.Float32:
		return 4 * n
	case schema.String, schema.Bytes:
		return len(c.data) - c.startOf(from) + 4*n
	}
	return 8 * n
}

// elements returns the number of elements. Scalars have one for each row.
func (c *column) elements() int {
	return len(c.bools) + len(c.i32) + len(c.i64) + len(c.f32) + len(c.f64) + len(c.ends)
}

// firstElement returns the index of the first element of a row of a list.
func (c *column) firstElement(row int) int {
	if row == 0 {
		return 0
	}
	return int(c.rows[row-1])
}

func (c *column) startOf(element int) int {
	if element == 0 {
		return 0
	}
	return int(c.ends[element-1])
}

// truncate drops what was added past the first rows rows.
func (c *column) truncate(rows int) {
	for _, valid := range c.valid[min(rows, len(c.valid)):] {
		if !valid {
			c.nulls--
		}
	}
	c.valid = c.valid[:min(rows, len(c.valid))]
	elements := rows
	if c.typ.IsList() {
		elements = c.firstElement(rows)
		c.rows = c.rows[:min(rows, len(c.rows))]
	}
	c.bools = c.bools[:min(elements, len(c.bools))]
	c.i32 = c.i32[:min(elements, len(c.i32))]
	c.i64 = c.i64[:min(elements, len(c.i64))]
	c.f32 = c.f32[:min(elements, len(c.f32))]
	c.f64 = c.f64[:min(elements, len(c.f64))]
	c.ends = c.ends[:min(elements, len(c.ends))]
	c.data = c.data[:c.startOf(len(c.ends))]
}

// take returns the column as an Arrow array and starts a new one. The array owns its
// memory: the caller may keep it.
func (c *column) take() arrow.Array {
	rows := len(c.valid)
	var validity *memory.Buffer
	if c.nulls > 0 {
		validity = memory.NewBufferBytes(arrows.PackBits(c.valid))
	}
	var data arrow.ArrayData
	if c.typ.IsList() {
		child := c.elementData(c.arrow.(*arrow.ListType).Elem(), c.elements(), nil, 0)
		offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(append([]int32{0}, c.rows...)))
		data = array.NewData(c.arrow, rows, []*memory.Buffer{validity, offsets}, []arrow.ArrayData{child}, c.nulls, 0)
	} else {
		data = c.elementData(c.arrow, rows, validity, c.nulls)
	}
	fresh := column{typ: c.typ, arrow: c.arrow, append: c.append, lists: c.lists, valid: c.valid[:0]}
	fresh.i32, fresh.i64 = make([]int32, 0, len(c.i32)), make([]int64, 0, len(c.i64))
	fresh.f32, fresh.f64 = make([]float32, 0, len(c.f32)), make([]float64, 0, len(c.f64))
	fresh.data = make([]byte, 0, len(c.data))
	fresh.bools, fresh.ends, fresh.rows = c.bools[:0], c.ends[:0], c.rows[:0] // these were copied
	*c = fresh
	return array.MakeFromData(data)
}

func (c *column) elementData(t arrow.DataType, n int, validity *memory.Buffer, nulls int) arrow.ArrayData {
	buffers := []*memory.Buffer{validity, nil}
	switch c.typ.Elem() {
	case schema.Bool:
		buffers[1] = memory.NewBufferBytes(arrows.PackBits(c.bools))
	case schema.Int32:
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.i32))
	case schema.Int64, schema.Timestamp:
		buffers[1] = memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.i64))
	case schema.Float32:
		buffers[1] = memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(c.f32))
	case schema.Float64:
		buffers[1] = memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(c.f64))
	case schema.String, schema.Bytes:
		offsets := append([]int32{0}, c.ends...)
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))
		buffers = append(buffers, memory.NewBufferBytes(c.data))
	}
	return array.NewData(t, n, buffers, nil, nulls, 0)
}
