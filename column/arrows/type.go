package arrows

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column"
	"larder/schema"
)

// A kind is what a type is in Arrow.
type kind struct {
	arrow arrow.DataType
	// buffers are those of the values of a column, or of the elements of its lists.
	buffers func(c *column.Column) [][]byte
	// append appends value i of a column of a type that converts to this one.
	append func(b array.Builder, c *column.Column, i int)
}

// kinds is the table of types.
var kinds = [...]kind{
	schema.Bool: {
		arrow.FixedWidthTypes.Boolean,
		func(c *column.Column) [][]byte { return [][]byte{PackBits(c.Bools)} },
		func(b array.Builder, c *column.Column, i int) { b.(*array.BooleanBuilder).Append(c.Bools[i]) },
	},
	schema.Int32: {
		arrow.PrimitiveTypes.Int32,
		func(c *column.Column) [][]byte { return [][]byte{arrow.Int32Traits.CastToBytes(c.Int32s)} },
		func(b array.Builder, c *column.Column, i int) { b.(*array.Int32Builder).Append(int32(c.Integer(i))) },
	},
	schema.Int64: {
		arrow.PrimitiveTypes.Int64, int64Buffers,
		func(b array.Builder, c *column.Column, i int) { b.(*array.Int64Builder).Append(c.Integer(i)) },
	},
	schema.Float32: {
		arrow.PrimitiveTypes.Float32,
		func(c *column.Column) [][]byte { return [][]byte{arrow.Float32Traits.CastToBytes(c.Float32s)} },
		func(b array.Builder, c *column.Column, i int) {
			if c.Type.Elem() == schema.Float32 { // bit for bit, also what is not a number
				b.(*array.Float32Builder).Append(c.Float32s[i])
				return
			}
			b.(*array.Float32Builder).Append(float32(c.Number(i)))
		},
	},
	schema.Float64: {
		arrow.PrimitiveTypes.Float64,
		func(c *column.Column) [][]byte { return [][]byte{arrow.Float64Traits.CastToBytes(c.Float64s)} },
		func(b array.Builder, c *column.Column, i int) { b.(*array.Float64Builder).Append(c.Number(i)) },
	},
	schema.String: {
		arrow.BinaryTypes.String,
		func(c *column.Column) [][]byte { return join(c.Strings) },
		func(b array.Builder, c *column.Column, i int) { b.(*array.StringBuilder).Append(c.Strings[i]) },
	},
	schema.Bytes: {
		arrow.BinaryTypes.Binary,
		func(c *column.Column) [][]byte { return join(c.Bytes) },
		func(b array.Builder, c *column.Column, i int) { b.(*array.BinaryBuilder).Append(c.Bytes[i]) },
	},
	schema.Timestamp: {
		&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, int64Buffers,
		func(b array.Builder, c *column.Column, i int) {
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(c.Int64s[i]))
		},
	},
}

func int64Buffers(c *column.Column) [][]byte {
	return [][]byte{arrow.Int64Traits.CastToBytes(c.Int64s)}
}

// Type returns the Arrow type of a column. The elements of lists are never null.
func Type(t schema.Type) arrow.DataType {
	elem := kinds[t.Elem()].arrow
	if t.IsList() {
		return arrow.ListOfNonNullable(elem)
	}
	return elem
}
