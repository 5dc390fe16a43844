package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/arrowcheck"
)

const (
	magic = "PAR1"
	// trailer is the length of a footer and the magic bytes.
	trailer = 4 + len(magic)
)

// A File is a Parquet file that is read. Not safe for concurrent use.
type File struct {
	Rows     int64
	Metadata map[string]string
	Schema   *arrow.Schema // of all columns

	in     io.ReaderAt
	footer int64 // where it begins
	signed bool  // the footer has a checksum, which is right
	meta   *metadata.FileMetaData
	reader *pqarrow.FileReader
}

// A source is what the library reads from.
type source struct{ *io.SectionReader }

// Open reads the footer of a file and checks it. The file stays the caller's.
func Open(in io.ReaderAt, size int64) (*File, error) {
	f := &File{in: in, Metadata: map[string]string{}}
	err := arrowcheck.Try(func() error {
		if err := registerCodecs(); err != nil {
			return err
		}
		if err := f.readFooter(size); err != nil {
			return err
		}
		return f.open(size)
	})
	return f, err
}

func (f *File) readFooter(size int64) error {
	if size < int64(len(magic)+trailer) {
		return fmt.Errorf("not a Parquet file: it has %d bytes", size)
	}
	var first [len(magic)]byte
	end := make([]byte, trailer)
	if _, err := f.in.ReadAt(first[:], 0); err != nil {
		return err
	}
	if _, err := f.in.ReadAt(end, size-int64(trailer)); err != nil {
		return err
	}
	switch string(end[4:]) {
	case magic:
	case "PARE":
		return errors.New("it is encrypted; decrypt it first")
	default:
		return errors.New("not a Parquet file, or one that was cut short: it doesn't end in PAR1")
	}
	if string(first[:]) != magic {
		return errors.New("not a Parquet file, or a damaged one: it doesn't begin with PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if f.footer = size - int64(trailer) - n; f.footer < int64(len(magic)) {
		return fmt.Errorf("its footer should have %d bytes, and the file has %d", n, size)
	}
	footer := make([]byte, n)
	if _, err := f.in.ReadAt(footer, f.footer); err != nil {
		return err
	}
	f.signed = footerSum(footer) != nil
	if err := verifyFooter(footer); err != nil {
		return err
	}
	var err error
	if f.meta, err = metadata.NewFileMetaData(footer, nil); err != nil {
		return fmt.Errorf("its footer can't be read: %w", err)
	}
	if f.meta.Size() != len(footer) {
		return fmt.Errorf("its footer has %d bytes, of which %d are read", len(footer), f.meta.Size())
	}
	f.meta.SetSourceFileSize(size)
	return f.checkFooter()
}

// checkFooter checks the counts and places of a footer.
func (f *File) checkFooter() error {
	if f.meta.IsSetEncryptionAlgorithm() {
		return errors.New("it is encrypted; decrypt it first")
	}
	rows := int64(0)
	for g, group := range f.meta.RowGroups {
		if group.NumRows < 0 || group.NumRows > math.MaxInt64-rows {
			return fmt.Errorf("row group %d has %d rows", g, group.NumRows)
		}
		rows += group.NumRows
		if len(group.Columns) != f.meta.Schema.NumColumns() {
			return fmt.Errorf("row group %d has %d columns, and the schema %d", g, len(group.Columns), f.meta.Schema.NumColumns())
		}
		for i, c := range group.Columns {
			// The indexes of pages aren't needed, and they may be damaged.
			c.ColumnIndexOffset, c.ColumnIndexLength, c.OffsetIndexOffset, c.OffsetIndexLength = nil, nil, nil, nil
			if c.MetaData == nil || c.FilePath != nil {
				return f.columnError(g, i, errors.New("its pages are not in this file"))
			}
			if err := f.checkChunk(g, i); err != nil {
				return f.columnError(g, i, err)
			}
		}
	}
	if rows != f.meta.NumRows {
		return fmt.Errorf("its row groups have %d rows together, and the file should have %d", rows, f.meta.NumRows)
	}
	return nil
}

func (f *File) checkChunk(group, column int) error {
	c, err := f.meta.RowGroup(group).ColumnChunk(column)
	if err != nil {
		return err
	}
	of := f.meta.Schema.Column(column)
	if c.PathInSchema().String() != of.Path() || c.Type() != of.PhysicalType() {
		return fmt.Errorf("it is %q of type %s in the row group, and %q of type %s in the schema", c.PathInSchema().String(), c.Type(), of.Path(), of.PhysicalType())
	}
	if _, err := compress.GetCodec(c.Compression()); err != nil {
		return fmt.Errorf("its compression %s can't be read; write it with zstd, snappy, gzip, brotli or LZ4_RAW", c.Compression())
	}
	start, size := span(c)
	if start < int64(len(magic)) || size < 0 || start > f.footer || size > f.footer-start {
		return fmt.Errorf("its %d bytes from byte %d on are not in the file", size, start)
	}
	rows := f.meta.RowGroups[group].NumRows
	if n := c.NumValues(); n < 0 || of.MaxRepetitionLevel() == 0 && n != rows || n < rows {
		return fmt.Errorf("it has %d values, and its row group %d rows", n, rows)
	}
	return nil
}

// columnError names a column of a row group.
func (f *File) columnError(group, column int, err error) error {
	name, encoded := f.meta.Schema.Column(column).Path(), ""
	if c, e := f.meta.RowGroup(group).ColumnChunk(column); e == nil {
		encoded = " (" + encodings(c) + ")"
	}
	return fmt.Errorf("row group %d, column %q%s: %w", group, name, encoded, err)
}

func (f *File) open(size int64) error {
	f.Rows = f.meta.NumRows
	for _, kv := range f.meta.KeyValueMetadata() {
		if kv.Key != footerSumKey {
			f.Metadata[kv.Key] = kv.GetValue()
		}
	}
	if err := checkArrowSchema(f.Metadata["ARROW:schema"]); err != nil {
		return fmt.Errorf("its metadata ARROW:schema can't be read: %w", err)
	}
	properties := parquet.NewReaderProperties(memory.DefaultAllocator)
	properties.BufferedStreamEnabled, properties.BufferSize = true, 64<<10
	properties.MaxCompressedPageSize, properties.MaxUncompressedPageSize = math.MaxInt32, math.MaxInt32 // chunk.check bounds both
	in, err := file.NewParquetReader(source{io.NewSectionReader(f.in, 0, size)}, file.WithReadProps(properties), file.WithMetadata(f.meta))
	if err != nil {
		return err
	}
	if f.reader, err = pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: batchRows}, memory.DefaultAllocator); err != nil {
		return err
	}
	columns, err := f.reader.Schema()
	if err != nil {
		return err
	}
	f.Schema, err = f.schemaOf(columns)
	return err
}

// Groups returns how many row groups there are.
func (f *File) Groups() int { return len(f.meta.RowGroups) }

// GroupRows returns how many rows a row group has.
func (f *File) GroupRows(group int) int64 { return f.meta.RowGroups[group].NumRows }

// Int64Range returns the least and greatest value of a column of integers or times in
// a row group, if the footer has them and a checksum: where these values are wrong,
// rows would be left out.
func (f *File) Int64Range(group int, column string) (least, greatest int64, known bool) {
	if !f.signed {
		return 0, 0, false
	}
	_ = arrowcheck.Try(func() error {
		c, err := f.meta.RowGroup(group).ColumnChunk(f.meta.Schema.ColumnIndexByName(column))
		if err != nil {
			return err
		}
		stats, err := c.Statistics()
		if of, is := stats.(*metadata.Int64Statistics); err == nil && is && of.HasMinMax() {
			least, greatest, known = of.Min(), of.Max(), true
		}
		return err
	})
	return least, greatest, known
}

// footerSumKey is the key of the footer's checksum in the metadata of a file.
const footerSumKey = "larder.footer_crc32"

// sumDigits is the length of the checksum.
const sumDigits = 8

// footerSum finds the digits of the checksum in a footer; nil when it has none.
func footerSum(footer []byte) []byte {
	at := bytes.LastIndex(footer, []byte(footerSumKey))
	if at < 0 {
		return nil
	}
	// After the key: the head of the next field, the length of the text, the text.
	rest := footer[at+len(footerSumKey):]
	if len(rest) < 2+sumDigits || rest[0] != 1<<4|thriftBinary || rest[1] != sumDigits {
		return nil
	}
	return rest[2 : 2+sumDigits]
}
