package training

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/schema"
	"larder/vector"
)

// ArrowType returns the Arrow type of a feature's column.
func ArrowType(t schema.Type) arrow.DataType {
	types := [...]arrow.DataType{
		schema.Bool: arrow.FixedWidthTypes.Boolean, schema.Int32: arrow.PrimitiveTypes.Int32, schema.Int64: arrow.PrimitiveTypes.Int64,
		schema.Float32: arrow.PrimitiveTypes.Float32, schema.Float64: arrow.PrimitiveTypes.Float64,
		schema.String: arrow.BinaryTypes.String, schema.Bytes: arrow.BinaryTypes.Binary,
		schema.Timestamp: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
	}
	if t.IsList() {
		return arrow.ListOfNonNullable(types[t.Elem()])
	}
	return types[t]
}

// writeColumn returns a vector's column as an Arrow array. Numbers stay where
// they lie: the column's values are never written again.
func writeColumn(c *vector.Column) arrow.Array {
	rows := c.Len()
	nulls := 0
	for _, valid := range c.Valid {
		if !valid {
			nulls++
		}
	}
	var validity *memory.Buffer
	if nulls > 0 {
		validity = memory.NewBufferBytes(packBits(c.Valid))
	}
	if !c.Type.IsList() {
		return array.MakeFromData(elements(c, rows, validity, nulls))
	}
	offsets := make([]int32, 1, rows+1)
	for _, end := range c.Ends {
		offsets = append(offsets, int32(end))
	}
	child := elements(c, int(offsets[rows]), nil, 0)
	buffers := []*memory.Buffer{validity, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	return array.MakeFromData(array.NewData(ArrowType(c.Type), rows, buffers, []arrow.ArrayData{child}, nulls, 0))
}

// elements returns the values of a column, or the elements of its lists.
func elements(c *vector.Column, n int, validity *memory.Buffer, nulls int) arrow.ArrayData {
	elem := c.Type.Elem()
	buffers := []*memory.Buffer{validity}
	add := func(raw []byte) { buffers = append(buffers, memory.NewBufferBytes(raw)) }
	switch elem {
	case schema.Bool:
		add(packBits(c.Bools))
	case schema.Int32:
		add(arrow.Int32Traits.CastToBytes(c.Int32s))
	case schema.Int64, schema.Timestamp:
		add(arrow.Int64Traits.CastToBytes(c.Int64s))
	case schema.Float32:
		add(arrow.Float32Traits.CastToBytes(c.Float32s))
	case schema.Float64:
		add(arrow.Float64Traits.CastToBytes(c.Float64s))
	case schema.String:
		offsets, data := joinTexts(c.Strings)
		add(arrow.Int32Traits.CastToBytes(offsets))
		add(data)
	case schema.Bytes:
		offsets, data := joinTexts(c.Bytes)
		add(arrow.Int32Traits.CastToBytes(offsets))
		add(data)
	}
	return array.NewData(ArrowType(elem), n, buffers, nil, nulls, 0)
}

func joinTexts[T string | []byte](texts []T) (offsets []int32, data []byte) {
	size := 0
	for _, s := range texts {
		size += len(s)
	}
	offsets, data = make([]int32, 1, len(texts)+1), make([]byte, 0, size)
	for _, s := range texts {
		data = append(data, s...)
		offsets = append(offsets, int32(len(data)))
	}
	return offsets, data
}

func packBits(bits []bool) []byte {
	packed := make([]byte, bitutil.BytesForBits(int64(len(bits))))
	for i, bit := range bits {
		if bit {
			packed[i>>3] |= 1 << (i & 7)
		}
	}
	return packed
}
