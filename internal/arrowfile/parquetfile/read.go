package parquetfile

import (
	"context"
	"errors"
	"fmt"

	arrow18 "github.com/apache/arrow-go/v18/arrow"
	array18 "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/internal/arrowcheck"
)

// batchRows is how many rows are read at once.
const batchRows = 8192

// A Reader reads row groups batch by batch, one after the other. Its records are the
// collector's: nobody needs to release them.
type Reader struct {
	file   *File
	ctx    context.Context //nolint:containedctx // the interface of Arrow's readers has none
	schema *arrow.Schema
	leaves []int
	groups []int // still to be read

	group  int // being read
	left   int64
	fields []*pqarrow.ColumnReader
	record arrow.Record
	err    error
}

var _ array.RecordReader = (*Reader)(nil)

// Read reads the columns with the given names, all when columns is nil, of the given row
// groups, all when groups is nil. Columns come in the order of the file.
func (f *File) Read(ctx context.Context, columns []string, groups []int) (*Reader, error) {
	r := &Reader{file: f, ctx: ctx, groups: groups}
	if groups == nil {
		for g := range f.Groups() {
			r.groups = append(r.groups, g)
		}
	}
	err := arrowcheck.Try(func() error {
		if err := r.selectColumns(columns); err != nil {
			return err
		}
		_, selected, err := f.reader.GetFieldReaders(ctx, r.leaves, []int{})
		if err != nil {
			return err
		}
		r.schema, err = f.schemaOf(selected)
		return err
	})
	return r, err
}

// selectColumns finds the leaves of columns.
func (r *Reader) selectColumns(columns []string) error {
	names := map[string]bool{}
	for _, name := range columns {
		names[name] = true
	}
	columnsOf := r.file.meta.Schema
	for i := range columnsOf.NumColumns() {
		root := columnsOf.ColumnRoot(i).Name()
		if columns == nil || names[root] {
			r.leaves = append(r.leaves, i)
		}
	}
	if len(r.leaves) == 0 {
		return errors.New("it has none of the columns that are read")
	}
	return nil
}

// Schema returns the columns that are read.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Record returns the batch that Next read.
func (r *Reader) Record() arrow.Record { return r.record }

// Err returns why reading ended before the end.
func (r *Reader) Err() error { return r.err }

// Retain does nothing.
func (r *Reader) Retain() {}

// Release does nothing.
func (r *Reader) Release() {}

// Next reads the next batch and reports whether there is one.
func (r *Reader) Next() bool {
	r.record = nil
	if r.err != nil {
		return false
	}
	for r.left == 0 {
		if len(r.groups) == 0 {
			return false
		}
		if r.err = r.begin(r.groups[0]); r.err != nil {
			return false
		}
		r.groups = r.groups[1:]
	}
	if r.err = r.ctx.Err(); r.err == nil {
		r.err = r.batch()
	}
	return r.err == nil
}

// begin checks the pages of a row group and begins to read it.
func (r *Reader) begin(group int) error {
	r.group, r.left = group, r.file.GroupRows(group)
	if r.left == 0 {
		return nil
	}
	var buffer []byte
	for _, leaf := range r.leaves {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		err := arrowcheck.Try(func() error {
			meta, err := r.file.meta.RowGroup(group).ColumnChunk(leaf)
			if err != nil {
				return err
			}
			c := &chunk{in: r.file.in, meta: meta, column: r.file.meta.Schema.Column(leaf), rows: r.left, buffer: buffer}
			err = c.check()
			buffer = c.buffer
			return err
		})
		if err != nil {
			return r.file.columnError(group, leaf, err)
		}
	}
	err := arrowcheck.Try(func() (err error) {
		r.fields, _, err = r.file.reader.GetFieldReaders(r.ctx, r.leaves, []int{group})
		return err
	})
	if err != nil {
		return fmt.Errorf("row group %d: %w", group, err)
	}
	return nil
}

// batch reads the next rows of a row group.
func (r *Reader) batch() error {
	n := min(r.left, batchRows)
	columns := make([]arrow.Array, len(r.fields))
	for i, field := range r.fields {
		err := arrowcheck.Try(func() (err error) {
			columns[i], err = r.column(field, n, r.schema.Field(i).Type)
			return err
		})
		if err != nil {
			return r.fieldError(i, err)
		}
	}
	r.left -= n
	r.record = array.NewRecord(r.schema, columns, n)
	if err := arrowcheck.Record(r.record); err != nil {
		return fmt.Errorf("row group %d: %w", r.group, err)
	}
	return nil
}

// column reads the next n rows of a column.
func (r *Reader) column(field *pqarrow.ColumnReader, n int64, t arrow.DataType) (arrow.Array, error) {
	chunks, err := field.NextBatch(n)
	if err != nil {
		return nil, err
	}
	if int64(chunks.Len()) != n {
		return nil, fmt.Errorf("it ends after %d of %d rows", r.file.GroupRows(r.group)-r.left+int64(chunks.Len()), r.file.GroupRows(r.group))
	}
	whole := chunks.Chunk(0)
	if len(chunks.Chunks()) > 1 {
		if whole, err = array18.Concatenate(chunks.Chunks(), memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	return array17(whole, t)
}

// fieldError names the first leaf of a column of the schema.
func (r *Reader) fieldError(field int, err error) error {
	name := r.schema.Field(field).Name
	for _, leaf := range r.leaves {
		if r.file.meta.Schema.ColumnRoot(leaf).Name() == name {
			return r.file.columnError(r.group, leaf, err)
		}
	}
	return fmt.Errorf("row group %d, column %q: %w", r.group, name, err)
}

// array17 returns an array for arrow v17 with the same buffers, and checks it.
func array17(a arrow18.Array, t arrow.DataType) (arrow.Array, error) {
	data, err := data17(a.Data(), t)
	if err != nil {
		return nil, err
	}
	return array.MakeFromData(data), nil
}
