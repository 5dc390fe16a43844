package arrowfile

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
)

// A csvWriter writes batches as CSV: values as JSON has them, without the quotes that
// JSON puts around texts. A null is an empty field, an empty text is `""`.
type csvWriter struct {
	out     *bufio.Writer
	scratch []byte
	uuids   []bool // which columns are UUIDs, an extension type
}

func newCSVWriter(w io.Writer, columns *arrow.Schema) (*csvWriter, error) {
	if err := csvHolds(columns); err != nil {
		return nil, err
	}
	c := &csvWriter{out: bufio.NewWriterSize(w, 1<<16)}
	for i, f := range columns.Fields() {
		c.field(i, f.Name)
		name, _ := f.Metadata.GetValue("ARROW:extension:name")
		c.uuids = append(c.uuids, name == "arrow.uuid")
	}
	return c, c.out.WriteByte('\n')
}

// csvHolds returns an error that names the first column with values that CSV can't hold.
func csvHolds(columns *arrow.Schema) error {
	for _, f := range columns.Fields() {
		if !csvText(f.Type, true) {
			return fmt.Errorf("CSV has no values of type %s; write Parquet, or leave out the column %q", f.Type, f.Name)
		}
	}
	return nil
}

// csvText reports whether values of a type have a text. Lists have their elements as JSON.
func csvText(t arrow.DataType, lists bool) bool {
	switch t := t.(type) {
	case *arrow.NullType, *arrow.BooleanType, *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType,
		*arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType,
		*arrow.TimestampType, *arrow.Date32Type, *arrow.Date64Type, *arrow.Time32Type, *arrow.Time64Type,
		*arrow.Decimal128Type, *arrow.Decimal256Type:
		return true
	case *arrow.DictionaryType:
		return csvText(t.ValueType, false)
	case *arrow.ListType:
		return lists && csvType(t) != 0
	}
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID())
}

func (c *csvWriter) write(rec arrow.Record) error {
	for row := range int(rec.NumRows()) {
		for i, column := range rec.Columns() {
			if text, null := csvValue(column, row); !null {
				if id, is := column.(*array.FixedSizeBinary); is && c.uuids[i] {
					text = uuidText(id.Value(row))
				}
				c.field(i, text)
			} else if i > 0 {
				_ = c.out.WriteByte(',') // Flush returns the error
			}
		}
		if err := c.out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) field(i int, text string) {
	c.scratch = c.scratch[:0]
	if i > 0 {
		c.scratch = append(c.scratch, ',')
	}
	if text == "" || strings.ContainsAny(text, ",\"\r\n") {
		c.scratch = append(c.scratch, '"')
		c.scratch = append(c.scratch, strings.ReplaceAll(text, `"`, `""`)...)
		c.scratch = append(c.scratch, '"')
	} else {
		c.scratch = append(c.scratch, text...)
	}
	_, _ = c.out.Write(c.scratch) // Flush returns the error
}

func (c *csvWriter) close() error { return c.out.Flush() }

// csvValue returns the text of a value, and whether it is null.
func csvValue(column arrow.Array, row int) (text string, null bool) {
	if column.IsNull(row) || column.DataType().ID() == arrow.NULL {
		return "", true
	}
	switch a := column.(type) {
	case *array.Dictionary:
		return csvValue(a.Dictionary(), a.GetValueIndex(row))
	case *array.Float32:
		return floatText(float64(a.Value(row)), 32), false
	case *array.Float64:
		return floatText(a.Value(row), 64), false
	case *array.Timestamp:
		return timeText(a, row), false
	case *array.FixedSizeBinary:
		return base64.StdEncoding.EncodeToString(a.Value(row)), false
	case *array.List:
		return listText(a, row), false
	}
	return column.ValueStr(row), false
}

func uuidText(id []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func floatText(v float64, bits int) string {
	return strings.Trim(string(schema.AppendFloat(nil, v, bits)), `"`)
}

func timeText(a *array.Timestamp, row int) string {
	t := a.DataType().(*arrow.TimestampType)
	if t.TimeZone == "" {
		return a.Value(row).ToTime(t.Unit).Format("2006-01-02T15:04:05.999999999")
	}
	return a.Value(row).ToTime(t.Unit).Format(time.RFC3339Nano)
}

// listText returns a list as JSON.
func listText(a *array.List, row int) string {
	start, end := a.ValueOffsets(row)
	out := []byte{'['}
	for i := int(start); i < int(end); i++ {
		if len(out) > 1 {
			out = append(out, ',')
		}
		text, null := csvValue(a.ListValues(), i)
		if null {
			out = append(out, "null"...)
			continue
		}
		switch elements := a.ListValues().(type) {
		case *array.Float32:
			out = schema.AppendFloat(out, float64(elements.Value(i)), 32)
		case *array.Float64:
			out = schema.AppendFloat(out, elements.Value(i), 64)
		case *array.Boolean, *array.Int32, *array.Int64:
			out = append(out, text...)
		default:
			out = schema.AppendValue(out, text)
		}
	}
	return string(append(out, ']'))
}
