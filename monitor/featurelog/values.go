package featurelog

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/vector"
)

// arrowType returns the type of a column of values.
func arrowType(t schema.Type) arrow.DataType {
	types := [...]arrow.DataType{
		schema.Bool: arrow.FixedWidthTypes.Boolean, schema.Int32: arrow.PrimitiveTypes.Int32, schema.Int64: arrow.PrimitiveTypes.Int64,
		schema.Float32: arrow.PrimitiveTypes.Float32, schema.Float64: arrow.PrimitiveTypes.Float64,
		schema.String: arrow.BinaryTypes.String, schema.Bytes: arrow.BinaryTypes.Binary, schema.Timestamp: arrow.FixedWidthTypes.Timestamp_us,
	}
	if t.IsList() {
		return arrow.ListOf(types[t.Elem()])
	}
	return types[t]
}

// appendValue appends the value of a row as one of type t: a request may have sent
// a number of another type that was taken for it.
func appendValue(b array.Builder, c *vector.Column, t schema.Type, row int) {
	if c.IsNull(row) {
		b.AppendNull()
		return
	}
	if !t.IsList() {
		appendElement(b, c, t, row)
		return
	}
	list := b.(*array.ListBuilder)
	list.Append(true)
	start, end := c.List(row)
	for i := start; i < end; i++ {
		appendElement(list.ValueBuilder(), c, t.Elem(), int(i))
	}
}

func appendElement(b array.Builder, c *vector.Column, t schema.Type, i int) {
	switch t {
	case schema.Bool:
		b.(*array.BooleanBuilder).Append(c.Bools[i])
	case schema.Int32:
		b.(*array.Int32Builder).Append(int32(whole(c, i)))
	case schema.Int64:
		b.(*array.Int64Builder).Append(whole(c, i))
	case schema.Float32:
		if c.Type.Elem() == schema.Float32 { // bit for bit, also what is no number
			b.(*array.Float32Builder).Append(c.Float32s[i])
			return
		}
		b.(*array.Float32Builder).Append(float32(number(c, i)))
	case schema.Float64:
		b.(*array.Float64Builder).Append(number(c, i))
	case schema.String:
		b.(*array.StringBuilder).Append(c.Strings[i])
	case schema.Bytes:
		b.(*array.BinaryBuilder).Append(c.Bytes[i])
	case schema.Timestamp:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(c.Int64s[i]))
	}
}

// whole returns a value of an integer column, number one of any numbers.
func whole(c *vector.Column, i int) int64 {
	if c.Type.Elem() == schema.Int32 {
		return int64(c.Int32s[i])
	}
	return c.Int64s[i]
}

func number(c *vector.Column, i int) float64 {
	switch c.Type.Elem() {
	case schema.Float32:
		return float64(c.Float32s[i])
	case schema.Float64:
		return c.Float64s[i]
	}
	return float64(whole(c, i))
}
