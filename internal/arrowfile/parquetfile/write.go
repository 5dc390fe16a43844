package parquetfile

import (
	"errors"
	"fmt"
	"io"

	arrow18 "github.com/apache/arrow-go/v18/arrow"
	array18 "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/background"
)

// Options tune a Writer.
type Options struct {
	// GroupRows is how many rows a row group has at most. 0: each record that is
	// written is a row group.
	GroupRows int64
	// NoDictionaries writes every value as it is.
	NoDictionaries bool
}

// groupBytes is the compressed size from which a row group ends before it has GroupRows
// rows: a writer holds a row group in memory.
const groupBytes = 64 << 20

// A Writer writes a file.
type Writer struct {
	columns *arrow18.Schema
	pages   *pageSums
	out     *pqarrow.FileWriter
	groups  bool // each record is a row group
}

// NewWriter begins a file with the columns and the metadata of a schema. It doesn't close out.
func NewWriter(out io.Writer, columns *arrow.Schema, opts Options) (*Writer, error) {
	w := &Writer{pages: &pageSums{out: out}, groups: opts.GroupRows == 0}
	properties := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDictionaryDefault(!opts.NoDictionaries)}
	if opts.GroupRows > 0 {
		properties = append(properties, parquet.WithMaxRowGroupLength(opts.GroupRows))
	}
	for _, f := range columns.Fields() {
		if f.Type.ID() == arrow.FLOAT32 || f.Type.ID() == arrow.FLOAT64 { // a dictionary would make every NaN the same one
			properties = append(properties, parquet.WithDictionaryFor(f.Name, false))
		}
	}
	err := background.Try(func() (err error) {
		if err := registerCodecs(); err != nil {
			return err
		}
		if w.columns, err = schema18(columns); err != nil {
			return err
		}
		w.out, err = pqarrow.NewFileWriter(w.columns, w.pages, parquet.NewWriterProperties(properties...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		return err
	})
	return w, w.because(err)
}

// because returns why a file can't be written: the library panics where out has no
// room.
func (w *Writer) because(err error) error {
	var p *background.Panic
	if errors.As(err, &p) && w.pages.err != nil {
		return w.pages.err
	}
	return err
}

// Write appends a record.
func (w *Writer) Write(rec arrow.Record) error {
	return w.because(background.Try(func() error {
		columns := make([]arrow18.Array, rec.NumCols())
		for i, c := range rec.Columns() {
			if c.DataType().ID() == arrow.FIXED_SIZE_LIST && c.NullN() > 0 { // the library refuses it without its name
				return fmt.Errorf("column %q has nulls, which Parquet is not written with in a %s; cast it to a list, or write .arrow", rec.ColumnName(i), c.DataType())
			}
			data, err := data18(c.Data(), w.columns.Field(i).Type)
			if err != nil {
				return fmt.Errorf("column %q: %w", rec.ColumnName(i), err)
			}
			columns[i] = array18.MakeFromData(data)
		}
		batch := array18.NewRecordBatch(w.columns, columns, rec.NumRows())
		if w.groups {
			return w.out.Write(batch)
		}
		if w.out.RowGroupTotalCompressedBytes() >= groupBytes {
			w.out.NewBufferedRowGroup()
		}
		return w.out.WriteBuffered(batch)
	}))
}

// Close writes the end of the file.
func (w *Writer) Close() error {
	return w.because(background.Try(func() error {
		if err := w.out.AppendKeyValueMetadata(footerSumKey, "00000000"); err != nil {
			return err
		}
		if err := w.out.Close(); err != nil {
			return err
		}
		return w.pages.finish()
	}))
}
