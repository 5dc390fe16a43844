package offline

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column/arrows"
	"larder/schema"
)

// The bounds of a batch. The first one reached ends the batch.
const (
	maxBatchRows  = 8192
	maxBatchBytes = 8 << 20 // as Postgres sent them
)

// samplesPerReason is how many bad rows of a batch get a sample.
const samplesPerReason = 5

// A batch collects rows until they make a record.
type batch struct {
	source  []sourceColumn
	schema  *arrow.Schema
	columns []column
	keys    int // the first columns
	rows    int
	bytes   int
	bad     []schema.BadRow
	sampled map[schema.BadReason]int
}

func newBatch(source []sourceColumn, keys int) *batch {
	b := &batch{source: source, keys: keys, columns: make([]column, len(source)), sampled: map[schema.BadReason]int{}}
	fields := make([]arrow.Field, len(source))
	for i, s := range source {
		b.columns[i] = column{typ: s.typ, arrow: arrows.Type(s.typ), append: s.decode, lists: s.lists}
		fields[i] = arrow.Field{Name: s.name, Type: b.columns[i].arrow, Nullable: s.null == ""}
	}
	b.schema = arrow.NewSchema(fields, nil)
	return b
}

// add appends one row, to the record or to the bad rows. It returns the column of
// bytes that are not in the format of their type; -1 when there is none.
func (b *batch) add(values [][]byte) int {
	for i := range b.columns {
		reason := b.source[i].null
		if values[i] != nil || reason == "" {
			reason = b.columns[i].add(values[i])
		}
		if reason == "" {
			b.bytes += len(values[i])
			continue
		}
		for j := range i + 1 {
			b.columns[j].truncate(b.rows)
		}
		if reason == malformed {
			return i
		}
		b.addBad(reason, i, values)
		return -1
	}
	b.rows++
	return -1
}

func (b *batch) addBad(reason schema.BadReason, at int, values [][]byte) {
	row := schema.BadRow{Reason: reason}
	if b.sampled[reason] < samplesPerReason {
		b.sampled[reason]++
		row.Sample = sample(reason, b.source, b.keys, at, values)
	}
	b.bad = append(b.bad, row)
}

func (b *batch) full() bool {
	return b.rows+len(b.bad) >= maxBatchRows || b.bytes >= maxBatchBytes
}

func (b *batch) empty() bool { return b.rows == 0 && len(b.bad) == 0 }

// take returns what was collected and starts again.
func (b *batch) take() (arrow.Record, []schema.BadRow) {
	arrays := make([]arrow.Array, len(b.columns))
	for i := range b.columns {
		arrays[i] = b.columns[i].take()
	}
	rec := array.NewRecord(b.schema, arrays, int64(b.rows))
	bad := b.bad
	b.rows, b.bytes, b.bad = 0, 0, nil
	clear(b.sampled)
	return rec, bad
}
