package arrowfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column/arrows"
	"larder/schema"
)

// csv reads a file twice: to check it, and for its rows.
func (r *Reader) csv(f *os.File, types map[string]arrow.DataType) error {
	check, err := newCSVTable(f, types)
	if err != nil {
		return err
	}
	rows := int64(0)
	for ; ; rows++ {
		if err := check.row(func(int, any) {}); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	table, err := newCSVTable(f, types)
	if err != nil {
		return err
	}
	r.Rows = rows
	r.RecordReader = &csvBatches{table: table, builder: array.NewRecordBuilder(memory.DefaultAllocator, table.columns)}
	return nil
}

// A csvTable is the rows of a CSV file.
type csvTable struct {
	lines   *csvLines
	columns *arrow.Schema
	types   []schema.Type // of the columns; 0 for those that pass through as text
}

func newCSVTable(in io.Reader, types map[string]arrow.DataType) (*csvTable, error) {
	t := &csvTable{lines: newCSVLines(in)}
	if err := t.lines.next(); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty; its first line names the columns")
	} else if err != nil {
		return nil, err
	}
	fields, known := make([]arrow.Field, len(t.lines.fields)), map[string]bool{}
	t.types = make([]schema.Type, len(fields))
	for i := range fields {
		name := string(t.lines.value(i))
		switch {
		case !utf8.ValidString(name):
			return nil, errors.New("its first line is not UTF-8; save the file as UTF-8")
		case known[name]:
			return nil, fmt.Errorf("it has two columns %q; drop or rename one", name)
		}
		known[name] = true
		fields[i] = arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}
		if declared := types[name]; declared != nil {
			fields[i].Type = declared
			if t.types[i] = csvType(declared); t.types[i] == 0 {
				return nil, fmt.Errorf("column %q: CSV has no values of type %s; write Parquet", name, declared)
			}
		}
	}
	t.columns = arrow.NewSchema(fields, nil)
	return t, nil
}

// csvType returns the type whose JSON form a column of an Arrow type has; 0 for none.
func csvType(t arrow.DataType) schema.Type {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return schema.Bool
	case *arrow.Int32Type:
		return schema.Int32
	case *arrow.Int64Type:
		return schema.Int64
	case *arrow.Float32Type:
		return schema.Float32
	case *arrow.Float64Type:
		return schema.Float64
	case *arrow.StringType:
		return schema.String
	case *arrow.BinaryType:
		return schema.Bytes
	case *arrow.TimestampType:
		if t.Unit == arrow.Microsecond && t.TimeZone != "" {
			return schema.Timestamp
		}
	case *arrow.ListType:
		if elem := csvType(t.Elem()); elem != 0 && !elem.IsList() {
			return schema.List(elem)
		}
	}
	return 0
}

// row reads a row and gives the values of its columns, nil for a null.
func (t *csvTable) row(give func(column int, value any)) error {
	if err := t.lines.next(); err != nil {
		return err
	}
	if got, want := len(t.lines.fields), len(t.types); got != want {
		return fmt.Errorf("line %d: wrong number of fields: %d, and the first line names %d columns", t.lines.fields[0].line, got, want)
	}
	for i, typ := range t.types {
		value, err := t.value(i, typ)
		if err != nil {
			f := t.lines.fields[i]
			return fmt.Errorf("line %d, column %d: %s: %w", f.line, f.column, t.columns.Field(i).Name, err)
		}
		give(i, value)
	}
	return nil
}

func (t *csvTable) value(i int, typ schema.Type) (any, error) {
	isText := typ == 0 || typ == schema.String
	if t.lines.null(i) || !isText && len(t.lines.value(i)) == 0 {
		return nil, nil
	}
	text := string(t.lines.value(i))
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%.40q is not UTF-8; save the file as UTF-8", text)
	}
	if isText {
		return text, nil
	}
	return parseField(typ, text)
}

// parseField reads a field as JSON has a value of its type, without the quotes that
// JSON puts around texts, times, bytes and NaN.
func parseField(typ schema.Type, text string) (any, error) {
	raw := json.RawMessage(text)
	switch {
	case typ == schema.Timestamp:
		if len(text) > 10 && text[10] == ' ' { // as pandas writes it
			text = text[:10] + "T" + text[11:]
		}
		if _, err := time.Parse("2006-01-02T15:04:05", text); err == nil {
			return nil, fmt.Errorf("%.40q has no time zone; write it as 2026-01-31T10:00:00Z, or with an offset", text)
		}
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, fmt.Errorf("%.40q is not a time; write it as 2026-01-31T10:00:00Z", text)
		}
		raw, _ = json.Marshal(text)
	case typ == schema.Bytes, text == "NaN", text == "Infinity", text == "-Infinity":
		raw, _ = json.Marshal(text)
	case text == "null" || text[0] == '"' || !json.Valid(raw):
		raw, _ = json.Marshal(text)
		if typ == schema.Int64 || typ == schema.Int32 { // JSON has int64 in quotes too
			return nil, fmt.Errorf("%.40q is not a value of type %s; write a whole number, as in 7", text, typ)
		}
	}
	return schema.ParseValue(typ, raw)
}

// csvBatches makes batches of the rows of a CSV file.
type csvBatches struct {
	table   *csvTable
	builder *array.RecordBuilder
	rec     arrow.Record
	err     error
}

func (b *csvBatches) Retain()               {}
func (b *csvBatches) Schema() *arrow.Schema { return b.table.columns }
func (b *csvBatches) Record() arrow.Record  { return b.rec }
func (b *csvBatches) Err() error            { return b.err }

func (b *csvBatches) Release() {
	if b.rec != nil {
		b.rec.Release()
		b.rec = nil
	}
	b.builder.Release()
}

func (b *csvBatches) Next() bool {
	if b.rec != nil {
		b.rec.Release()
		b.rec = nil
	}
	rows := 0
	for ; rows < batchRows && b.err == nil; rows++ {
		err := b.table.row(func(column int, value any) { arrows.AppendValue(b.builder.Field(column), value) })
		if errors.Is(err, io.EOF) {
			break
		}
		b.err = err
	}
	if rows == 0 || b.err != nil {
		return false
	}
	b.rec = b.builder.NewRecord()
	return true
}
