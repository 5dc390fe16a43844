package arrows

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column"
	"larder/schema"
)

// Write returns a column as an Arrow array. Numbers and times stay where they lie,
// so they must not be written again.
func Write(c *column.Column) arrow.Array {
	rows, nulls := c.Len(), 0
	for _, valid := range c.Valid {
		if !valid {
			nulls++
		}
	}
	var validity *memory.Buffer
	if nulls > 0 {
		validity = memory.NewBufferBytes(PackBits(c.Valid))
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
	return array.MakeFromData(array.NewData(Type(c.Type), rows, buffers, []arrow.ArrayData{child}, nulls, 0))
}

// elements returns the values of a column, or the elements of its lists.
func elements(c *column.Column, n int, validity *memory.Buffer, nulls int) arrow.ArrayData {
	k := &kinds[c.Type.Elem()]
	buffers := []*memory.Buffer{validity}
	for _, raw := range k.buffers(c) {
		buffers = append(buffers, memory.NewBufferBytes(raw))
	}
	return array.NewData(k.arrow, n, buffers, nil, nulls, 0)
}

// join lays texts end to end, as offsets and data.
func join[T string | []byte](texts []T) [][]byte {
	size := 0
	for _, s := range texts {
		size += len(s)
	}
	offsets, data := make([]int32, 1, len(texts)+1), make([]byte, 0, size)
	for _, s := range texts {
		data = append(data, s...)
		offsets = append(offsets, int32(len(data)))
	}
	return [][]byte{arrow.Int32Traits.CastToBytes(offsets), data}
}

// PackBits returns one bit for each bool, as Arrow has them.
func PackBits(bits []bool) []byte {
	packed := make([]byte, bitutil.BytesForBits(int64(len(bits))))
	for i, bit := range bits {
		if bit {
			packed[i>>3] |= 1 << (i & 7)
		}
	}
	return packed
}

// Append appends row i of a column to a builder of type t. A number may be of another
// type than t that vector converts to it.
func Append(b array.Builder, c *column.Column, t schema.Type, i int) {
	if c.IsNull(i) {
		b.AppendNull()
		return
	}
	put := kinds[t.Elem()].append
	if !t.IsList() {
		put(b, c, i)
		return
	}
	list := b.(*array.ListBuilder)
	list.Append(true)
	for start, end := c.List(i); start < end; start++ {
		put(list.ValueBuilder(), c, int(start))
	}
}

// AppendValue appends a value, in the Go form of [schema.ParseValue], to a builder of its
// type; nil is null.
func AppendValue(b array.Builder, value any) {
	switch v := value.(type) {
	case nil:
		b.AppendNull()
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case int32:
		b.(*array.Int32Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case float32:
		b.(*array.Float32Builder).Append(v)
	case float64:
		b.(*array.Float64Builder).Append(v)
	case string:
		b.(*array.StringBuilder).Append(v)
	case []byte:
		b.(*array.BinaryBuilder).Append(v)
	case time.Time:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
	case []any:
		list := b.(*array.ListBuilder)
		list.Append(true)
		for _, x := range v {
			AppendValue(list.ValueBuilder(), x)
		}
	}
}
