package verify

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
)

type arrowRecord = arrow.Record

// keyValues are keys to compare: for each, the values of its join keys.
type keyValues [][]any

// of returns the keys of some differences.
func (k keyValues) of(differ []different) keyValues {
	out := make(keyValues, len(differ))
	for i, d := range differ {
		out[i] = k[d.at]
	}
	return out
}

// columns returns the keys as the columns of a request.
func (k keyValues) columns(joinKeys []schema.JoinKey) column.Columns {
	out := column.Columns{Values: make([]column.Column, len(joinKeys))}
	for i, key := range joinKeys {
		out.Names = append(out.Names, key.Name)
		out.Values[i].Type = key.Type
	}
	for _, values := range k {
		for i, v := range values {
			push(&out.Values[i], v)
		}
	}
	return out
}

func push(c *column.Column, value any) {
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

// timeColumn is the spine's column of times. No join key can have this name.
const timeColumn = "event time"

// spine returns the keys, each with a time, as the spine of a training set.
func (k keyValues) spine(joinKeys []schema.JoinKey, times []int64) array.RecordReader {
	fields := make([]arrow.Field, 0, len(joinKeys)+1)
	for _, key := range joinKeys {
		fields = append(fields, arrow.Field{Name: key.Name, Type: arrows.Type(key.Type)})
	}
	fields = append(fields, arrow.Field{Name: timeColumn, Type: arrows.Type(schema.Timestamp)})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	b.Reserve(len(k))
	for i, values := range k {
		for at, v := range values {
			arrows.AppendValue(b.Field(at), v)
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
