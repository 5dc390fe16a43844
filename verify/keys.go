package verify

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/schema"
	"larder/store/row"
	"larder/training"
	"larder/vector"
)

type arrowRecord = arrow.Record

// keyColumns returns encoded keys as the columns of a request.
func keyColumns(joinKeys []schema.JoinKey, keys [][]byte) (vector.Columns, error) {
	out := vector.Columns{Values: make([]vector.Column, len(joinKeys))}
	for i, k := range joinKeys {
		out.Names = append(out.Names, k.Name)
		out.Values[i].Type = k.Type
	}
	for _, key := range keys {
		_, values, err := row.DecodeKey(key, joinKeys)
		if err != nil {
			return out, err
		}
		for i, v := range values {
			push(&out.Values[i], v)
		}
	}
	return out, nil
}

func push(c *vector.Column, value any) {
	switch v := value.(type) {
	case bool:
		c.Bools = append(c.Bools, v)
	case int32:
		c.Int32s = append(c.Int32s, v)
	case int64:
		c.Int64s = append(c.Int64s, v)
	case time.Time:
		c.Int64s = append(c.Int64s, v.UnixMicro())
	case string:
		c.Strings = append(c.Strings, v)
	case []byte:
		c.Bytes = append(c.Bytes, v)
	}
}

// timeColumn is the spine's column of times; no join key can be called so.
const timeColumn = "event time"

// newSpine returns the spine of keys, which were decoded before, at times.
func newSpine(joinKeys []schema.JoinKey, keys [][]byte, times []int64) array.RecordReader {
	fields := make([]arrow.Field, 0, len(joinKeys)+1)
	for _, k := range joinKeys {
		fields = append(fields, arrow.Field{Name: k.Name, Type: training.ArrowType(k.Type)})
	}
	fields = append(fields, arrow.Field{Name: timeColumn, Type: training.ArrowType(schema.Timestamp)})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	b.Reserve(len(keys))
	for i, key := range keys {
		_, values, _ := row.DecodeKey(key, joinKeys)
		for k, v := range values {
			appendKey(b.Field(k), v)
		}
		b.Field(len(joinKeys)).(*array.TimestampBuilder).Append(arrow.Timestamp(times[i]))
	}
	rec := b.NewRecord()
	defer rec.Release()
	spine, err := array.NewRecordReader(rec.Schema(), []arrow.Record{rec})
	if err != nil {
		panic("verify: " + err.Error()) // a record of its own schema
	}
	return spine
}

func appendKey(b array.Builder, value any) {
	switch v := value.(type) {
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case int32:
		b.(*array.Int32Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case time.Time:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
	case string:
		b.(*array.StringBuilder).Append(v)
	case []byte:
		b.(*array.BinaryBuilder).Append(v)
	}
}
