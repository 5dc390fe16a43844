package arrows

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// SameDictionaries reports whether the columns of two records with one schema have
// equal dictionaries, so that Arrow can join them: it can't merge dictionaries of
// every type.
func SameDictionaries(a, b arrow.Record) bool {
	for i, column := range a.Columns() {
		if !sameDictionaries(column.Data(), b.Column(i).Data()) {
			return false
		}
	}
	return true
}

func sameDictionaries(a, b arrow.ArrayData) bool {
	if _, encoded := a.DataType().(*arrow.DictionaryType); encoded {
		x, y := a.Dictionary(), b.Dictionary()
		if x == y {
			return true
		}
		left, right := array.MakeFromData(x), array.MakeFromData(y)
		defer left.Release()
		defer right.Release()
		return array.Equal(left, right)
	}
	for i, child := range a.Children() {
		if !sameDictionaries(child, b.Children()[i]) {
			return false
		}
	}
	return true
}

// A PlainReader reads the records of another reader with the values of categories in
// place of their numbers: a file can't hold dictionaries that change from record to
// record. Dictionaries within lists and structs stay.
type PlainReader struct {
	array.RecordReader
	columns *arrow.Schema
	rec     arrow.Record
	err     error
}

// NewPlainReader returns a reader of the records of in. The caller still owns in.
func NewPlainReader(in array.RecordReader) *PlainReader {
	fields := slices.Clone(in.Schema().Fields())
	for i := range fields {
		if d, encoded := fields[i].Type.(*arrow.DictionaryType); encoded {
			fields[i].Type = d.ValueType
		}
	}
	metadata := in.Schema().Metadata()
	return &PlainReader{RecordReader: in, columns: arrow.NewSchema(fields, &metadata)}
}

// Schema returns the columns, none of which is a dictionary.
func (r *PlainReader) Schema() *arrow.Schema { return r.columns }

// Record returns the current record, valid until the next.
func (r *PlainReader) Record() arrow.Record { return r.rec }

// Err returns why reading stopped before the end.
func (r *PlainReader) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.RecordReader.Err()
}

// Next reads the next record and reports whether there is one.
func (r *PlainReader) Next() bool {
	if r.err != nil || !r.RecordReader.Next() {
		return false
	}
	rec := r.RecordReader.Record()
	columns := slices.Clone(rec.Columns())
	for i, column := range columns {
		if d, encoded := column.(*array.Dictionary); encoded {
			if columns[i], r.err = plain(d); r.err != nil {
				r.err = fmt.Errorf("column %q: %w", rec.ColumnName(i), r.err)
				return false
			}
		}
	}
	r.rec = array.NewRecord(r.columns, columns, rec.NumRows())
	return true
}

// plain returns the values of a dictionary's rows.
func plain(a *array.Dictionary) (arrow.Array, error) {
	values := a.Dictionary()
	if a.Len() == 0 || values.Len() == 0 {
		return array.MakeArrayOfNull(memory.DefaultAllocator, values.DataType(), a.Len()), nil
	}
	valid, nulls := make([]bool, a.Len()), 0
	rows := make([]arrow.Array, a.Len())
	for i := range rows {
		at := 0
		if a.IsValid(i) {
			at = a.GetValueIndex(i)
		}
		if at < 0 || at >= values.Len() {
			return nil, fmt.Errorf("row %d has category %d of %d; the file is damaged", i, at, values.Len())
		}
		rows[i] = array.NewSlice(values, int64(at), int64(at)+1)
		if valid[i] = a.IsValid(i) && values.IsValid(at); !valid[i] {
			nulls++
		}
	}
	all, err := array.Concatenate(rows, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	buffers := slices.Clone(all.Data().Buffers())
	if len(buffers) > 0 {
		buffers[0] = memory.NewBufferBytes(PackBits(valid))
	}
	return array.MakeFromData(array.NewData(all.DataType(), all.Len(), buffers, all.Data().Children(), nulls, 0)), nil
}
