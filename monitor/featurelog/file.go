package featurelog

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column"
	"larder/column/arrows"
	"larder/internal/arrowfile/parquetfile"
	"larder/monitor"
	"larder/schema"
)

// batchRows is how many rows are gathered into columns before they are written.
const batchRows = 8192

// A file is a file being written.
type file struct {
	path    string // its path when finished
	temp    *os.File
	written countingWriter
	out     *parquetfile.Writer
	rows    int
	begun   time.Time

	columns []field
	record  *array.RecordBuilder
	waiting int // rows in record
}

// The beginnings of the names of the columns of the model's inputs and outputs.
const (
	vectorPrefix = "vector:"
	outputPrefix = "output:"
	// PositionPrefix begins the names of the columns with the batches of aggregate views.
	positionPrefix = "position:"
)

// Keys of a file's metadata.
const (
	SHA256Key      = "larder.model_sha256" // of the model's file, in hex
	FingerprintKey = "larder.fingerprint"  // of the definitions
)

// originOf returns the metadata of files of a plan.
func originOf(p *schema.Plan) arrow.Metadata {
	return arrow.NewMetadata([]string{SHA256Key, FingerprintKey}, []string{p.ModelVersion.SHA256, p.Catalog.Fingerprint})
}

// A field writes a value of an entry's row into the file.
type field struct {
	name string
	typ  arrow.DataType
	put  func(b array.Builder, e *entry, row int)
}

type countingWriter struct {
	f *os.File
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.n += int64(n)
	return n, err
}

// newFile begins a file for entries like e.
func newFile(dir string, e *entry) (begun *file, err error) {
	dir = filepath.Join(dir, FolderOf(e.Plan.Model.Name))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	now := time.Now()
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	name := fmt.Sprintf("%d-%d-%s-%s.parquet", e.Plan.ModelVersion.Version, e.Plan.Catalog.Version, now.UTC().Format("20060102T150405.000"), hex.EncodeToString(random[:]))
	f := &file{path: filepath.Join(dir, name), begun: now, columns: columnsOf(e)}
	fields := make([]arrow.Field, len(f.columns))
	for i, c := range f.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	origin := originOf(e.Plan)
	columns := arrow.NewSchema(fields, &origin)
	if f.temp, err = os.OpenFile(f.path+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640); err != nil {
		return nil, err
	}
	defer func() {
		if f.record == nil { // also after a panic
			err = errors.Join(err, f.abandon())
		}
	}()
	f.written.f = f.temp
	f.out, err = parquetfile.NewWriter(&f.written, columns, parquetfile.Options{NoDictionaries: true})
	if err != nil {
		return nil, err
	}
	f.record = array.NewRecordBuilder(memory.DefaultAllocator, columns)
	return f, nil
}

// add appends the rows of an entry, except those to skip; left are the others. They count as
// rows of the file also when it fails.
func (f *file) add(e *entry, skip []bool, left int) error {
	f.rows += left
	for row := range e.Rows {
		if skip != nil && skip[row] {
			continue
		}
		for i, c := range f.columns {
			c.put(f.record.Field(i), e, row)
		}
		if f.waiting++; f.waiting == batchRows {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *file) flush() error {
	if f.waiting == 0 {
		return nil
	}
	rec := f.record.NewRecord()
	defer rec.Release()
	f.waiting = 0
	return f.out.Write(rec) // a row group
}

// size returns the bytes written, without the rows that wait.
func (f *file) size() int64 { return f.written.n }

// finish ends the file and gives it its name.
func (f *file) finish() (size int64, err error) {
	err = errors.Join(f.flush(), f.out.Close(), f.temp.Sync(), f.temp.Close())
	if err != nil {
		return 0, err
	}
	f.record.Release()
	if err := os.Rename(f.path+unfinished, f.path); err != nil {
		return 0, err
	}
	dir := filepath.Dir(f.path)
	return f.written.n, syncFolders(dir, filepath.Dir(dir))
}

// abandon removes the unfinished file.
func (f *file) abandon() error {
	_ = f.temp.Close() // it may be closed already
	return os.Remove(f.path + unfinished)
}

// columnsOf returns the columns of entries like e, by its plan and its model's kind of
// input.
func columnsOf(e *entry) []field {
	p := e.Plan
	var all []field
	for _, k := range p.Keys {
		all = append(all, field{k.Name, arrowType(k.Type), func(b array.Builder, e *entry, row int) {
			appendNamed(b, &e.Keys, k.Name, k.Type, row)
		}})
	}
	for _, f := range p.Request {
		all = append(all, field{f.Name, arrowType(f.Type), func(b array.Builder, e *entry, row int) {
			appendNamed(b, &e.Request, f.Name, f.Type, row)
		}})
	}
	all = append(all, logColumns...)
	for i := range p.Views {
		all = append(all,
			field{"status:" + p.Views[i].Name, arrow.PrimitiveTypes.Int8, func(b array.Builder, e *entry, row int) {
				b.(*array.Int8Builder).Append(int8(e.Statuses[i*e.Rows+row]))
			}},
			field{"age_us:" + p.Views[i].Name, arrow.PrimitiveTypes.Int64, func(b array.Builder, e *entry, row int) {
				b.(*array.Int64Builder).Append(e.Ages[i*e.Rows+row])
			}})
		if p.Views[i].Aggregates != nil {
			all = append(all, field{positionPrefix + p.Views[i].Name, arrow.PrimitiveTypes.Int64, func(b array.Builder, e *entry, row int) {
				b.(*array.Int64Builder).Append(e.Positions[i*e.Rows+row])
			}})
		}
	}
	return append(append(all, vectorColumns(e)...), outputColumns(e)...)
}

func outputColumns(e *entry) []field {
	var all []field
	for i := range e.Outputs {
		t := e.Outputs[i].ColumnType()
		all = append(all, field{outputPrefix + e.Outputs[i].Name, arrowType(t), func(b array.Builder, e *entry, row int) {
			arrows.Append(b, &e.outputs[i], t, row)
		}})
	}
	return all
}

func vectorColumns(e *entry) []field {
	var all []field
	width := len(e.Plan.Features)
	for i, f := range e.Plan.Features {
		name := vectorPrefix + f.Name
		if e.Dense != nil {
			all = append(all, field{name, arrow.PrimitiveTypes.Float32, func(b array.Builder, e *entry, row int) {
				b.(*array.Float32Builder).Append(e.Dense[row*width+i])
			}})
		} else if t := e.Tensors[i].Type; t != 0 {
			all = append(all, field{name, arrowType(t), func(b array.Builder, e *entry, row int) {
				arrows.Append(b, &e.Tensors[i], t, row)
			}})
		}
	}
	return all
}

// logColumns are those of every log.
var logColumns = []field{
	{"log:time", arrow.FixedWidthTypes.Timestamp_us, func(b array.Builder, e *entry, _ int) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(e.At)) }},
	{"log:request_id", arrow.BinaryTypes.String, func(b array.Builder, e *entry, _ int) { b.(*array.StringBuilder).Append(e.RequestID) }},
	{"log:row", arrow.PrimitiveTypes.Int32, func(b array.Builder, e *entry, row int) { b.(*array.Int32Builder).Append(int32(e.Number(row))) }},
	{"log:role", arrow.BinaryTypes.String, func(b array.Builder, e *entry, _ int) {
		b.(*array.StringBuilder).Append(string(cmp.Or(e.Role, monitor.Serve)))
	}},
	{"log:overridden", arrow.ListOf(arrow.BinaryTypes.String), func(b array.Builder, e *entry, _ int) {
		list := b.(*array.ListBuilder)
		list.Append(true)
		for _, name := range e.overridden {
			list.ValueBuilder().(*array.StringBuilder).Append(name)
		}
	}},
	{"log:score", arrow.PrimitiveTypes.Float64, func(b array.Builder, e *entry, row int) { appendScore(b.(*array.Float64Builder), e, row) }},
	{"log:latency_us", arrow.PrimitiveTypes.Int64, func(b array.Builder, e *entry, _ int) { b.(*array.Int64Builder).Append(e.Latency.Microseconds()) }},
	{"log:model_version", arrow.PrimitiveTypes.Int64, func(b array.Builder, e *entry, _ int) {
		b.(*array.Int64Builder).Append(e.Plan.ModelVersion.Version)
	}},
	{"log:catalog_version", arrow.PrimitiveTypes.Int64, func(b array.Builder, e *entry, _ int) { b.(*array.Int64Builder).Append(e.Plan.Catalog.Version) }},
}

// appendScore appends the score of a row; null for a model without a score.
func appendScore(b *array.Float64Builder, e *entry, row int) {
	if e.Scores == nil {
		b.AppendNull()
		return
	}
	b.Append(e.Scores[row])
}

// appendNamed appends a value of a column of the request, converted to the declared
// type; null where the request has none.
func appendNamed(b array.Builder, columns *column.Columns, name string, t schema.Type, row int) {
	at := slices.Index(columns.Names, name)
	if at < 0 {
		b.AppendNull()
		return
	}
	arrows.Append(b, &columns.Values[at], t, row)
}
