package arrowfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowcsv "github.com/apache/arrow/go/v17/arrow/csv"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// csv reads a file twice: for the types of its columns, and for its rows.
func (r *Reader) csv(f *os.File, types map[string]arrow.DataType) error {
	columns, rows, err := csvColumns(f, types)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r.Rows = rows
	r.RecordReader = arrowcsv.NewReader(f, columns, arrowcsv.WithHeader(true), arrowcsv.WithChunk(batchRows), arrowcsv.WithNullReader(true, ""))
	return nil
}

// csvColumns returns the columns of a CSV file, with the types that are given or
// the narrowest that hold all of a column's values, and how many rows it has.
func csvColumns(in io.Reader, types map[string]arrow.DataType) (*arrow.Schema, int64, error) {
	lines := csv.NewReader(in)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, errors.New("it is empty; its first line names the columns")
	}
	if err != nil {
		return nil, 0, err
	}
	fields, found := make([]arrow.Field, len(header)), make([]guess, len(header))
	for i, name := range header {
		fields[i] = arrow.Field{Name: name, Type: types[name], Nullable: true}
	}
	rows := int64(0)
	for ; ; rows++ {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		for i, value := range line {
			if value == "" {
				continue
			}
			if fields[i].Type == nil {
				found[i] = found[i].with(value)
			} else if err := fits(value, fields[i].Type); err != nil {
				at, column := lines.FieldPos(i)
				return nil, 0, fmt.Errorf("line %d, column %d: %s: %w", at, column, fields[i].Name, err)
			}
		}
	}
	for i := range fields {
		if fields[i].Type == nil {
			fields[i].Type = found[i].arrow()
		}
	}
	return arrow.NewSchema(fields, nil), rows, nil
}

// fits returns why a value is not of a declared type.
func fits(value string, t arrow.DataType) error {
	var err error
	switch t := t.(type) {
	case *arrow.BooleanType:
		_, err = strconv.ParseBool(value)
	case *arrow.Int32Type:
		_, err = strconv.ParseInt(value, 10, 32)
	case *arrow.Int64Type:
		_, err = strconv.ParseInt(value, 10, 64)
	case *arrow.Float32Type:
		_, err = strconv.ParseFloat(value, 32)
	case *arrow.Float64Type:
		_, err = strconv.ParseFloat(value, 64)
	case *arrow.TimestampType:
		return fitsTime(value, t)
	}
	if err != nil {
		return fmt.Errorf("%.40q is not a value of type %s", value, t)
	}
	return nil
}

func fitsTime(value string, t *arrow.TimestampType) error {
	_, zoned, err := arrow.TimestampFromStringInLocation(value, t.Unit, time.UTC)
	if err != nil {
		return fmt.Errorf("%.40q is not a time; write it as 2026-01-31T10:00:00Z", value)
	}
	if !zoned {
		return fmt.Errorf("%.40q has no time zone; write it as 2026-01-31T10:00:00Z, or with an offset", value)
	}
	return nil
}

// zoned returns the columns of a CSV file of a table's: times with a zone become
// texts, since Arrow's writer would leave the zone out.
func zoned(columns *arrow.Schema) *arrow.Schema {
	fields := slices.Clone(columns.Fields())
	for i := range fields {
		if hasZone(fields[i].Type) {
			fields[i].Type = arrow.BinaryTypes.String
		}
	}
	return arrow.NewSchema(fields, nil)
}

func hasZone(t arrow.DataType) bool {
	at, isTime := t.(*arrow.TimestampType)
	return isTime && at.TimeZone != ""
}

// zonedTimes returns a batch with the columns of zoned.
func zonedTimes(rec arrow.Record) arrow.Record {
	columns := slices.Clone(rec.Columns())
	for i, c := range columns {
		if !hasZone(c.DataType()) {
			continue
		}
		times, unit := c.(*array.Timestamp), c.DataType().(*arrow.TimestampType).Unit
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		for row := range times.Len() {
			if times.IsNull(row) {
				b.AppendNull()
			} else {
				b.Append(times.Value(row).ToTime(unit).Format(time.RFC3339Nano))
			}
		}
		columns[i] = b.NewArray()
		defer columns[i].Release()
	}
	return array.NewRecord(zoned(rec.Schema()), columns, rec.NumRows())
}

// A guess is the narrowest type that holds the values seen so far.
type guess int

const (
	nothing guess = iota
	whole
	number
	truth
	text
)

func (g guess) with(value string) guess {
	of := text
	if _, err := strconv.ParseInt(value, 10, 64); err == nil && (value == "0" || value[0] != '0') { // 007 is not a number
		of = whole
	} else if _, err := strconv.ParseFloat(value, 64); err == nil && value[0] != '0' || err == nil && len(value) > 1 && value[1] == '.' {
		of = number
	} else if value == "true" || value == "false" {
		of = truth
	}
	switch {
	case g == nothing || g == of:
		return of
	case g == whole && of == number || g == number && of == whole:
		return number
	}
	return text
}

func (g guess) arrow() arrow.DataType {
	switch g {
	case whole:
		return arrow.PrimitiveTypes.Int64
	case number:
		return arrow.PrimitiveTypes.Float64
	case truth:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.BinaryTypes.String
}
