package offline

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// csvCell returns the cell of a column of texts, which are read as the type of the
// table's column says. Postgres reads what is left to it.
func (m match) csvCell(a arrow.Array) (cell, error) {
	texts, is := a.(array.StringLike)
	if !is {
		return nil, fmt.Errorf("a column of CSV has the type %s", a.DataType())
	}
	k := m.to.loadKind()
	return func(dst []byte, row int) ([]byte, error) {
		value := texts.Value(row)
		if m.to.array && strings.HasPrefix(value, "[") {
			return m.appendJSONList(dst, value, k)
		}
		if m.to.array || k == pgvector || k == halfvec {
			return append(dst, value...), nil // as Postgres writes it
		}
		return m.appendText(dst, value, k)
	}, nil
}

// appendText appends a value in the words of a CSV file, for a kind of column.
func (m match) appendText(dst []byte, value string, k kind) ([]byte, error) {
	switch k {
	case int2, int4, int8:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			// Integers with nulls among them are written as floats by many programs.
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				return appendWhole(dst, v)
			}
		}
	case bytea:
		if !strings.HasPrefix(value, `\x`) {
			raw, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return dst, fmt.Errorf(`%.40q is neither base64 nor \x and hexadecimal digits`, value)
			}
			return fmt.Appendf(dst, `\x%x`, raw), nil
		}
	case timestamptz, timestamp, date:
		if err := m.checkTime(value, k); err != nil {
			return dst, err
		}
	}
	return append(dst, value...), nil
}

// checkTime refuses times that Postgres would read without a word, but not as they are
// meant: it drops the zone for a timestamp, and the time for a date, and takes its own
// zone where there is none.
func (m match) checkTime(value string, k kind) error {
	clock, zone, is := cutTime(value)
	switch {
	case !is:
		return fmt.Errorf("%.40q is not a time; write it as 2026-01-31T10:00:00Z", value)
	case k == date && strings.Trim(clock, "T :.0") != "":
		return fmt.Errorf("%q has a time of the day, and the column has the type date; make the column timestamptz or timestamp", value)
	case k == timestamp && zone != "":
		return fmt.Errorf("%q has a time zone, and the column has none; make the column timestamptz", value)
	case k == timestamptz && zone == "" && !m.zone:
		return fmt.Errorf("%q has no time zone; write it as 2026-01-31T10:00:00Z, or give --time-zone", value)
	}
	return nil
}

// appendJSONList appends a list in JSON as an array of Postgres.
func (m match) appendJSONList(dst []byte, value string, k kind) ([]byte, error) {
	in := json.NewDecoder(strings.NewReader(value))
	in.UseNumber()
	var list []any
	if err := in.Decode(&list); err != nil {
		return dst, fmt.Errorf("%.40q is not a list; write it as in [1,2]", value)
	}
	if in.More() {
		return dst, fmt.Errorf("%.40q goes on after the list", value)
	}
	dst = append(dst, '{')
	for i, element := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if element == nil {
			dst = append(dst, "NULL"...)
			continue
		}
		switch element.(type) {
		case string, json.Number, bool:
		default:
			return dst, errors.New("a list within a list has no column; flatten it")
		}
		start := len(dst)
		var err error
		if dst, err = m.appendText(dst, fmt.Sprint(element), k); err != nil {
			return dst, err
		}
		dst = quoteElement(dst, start)
	}
	return append(dst, '}'), nil
}

// A TextGuess finds the types of columns of CSV files: those that all their values have.
// A column without values is text. Safe for one goroutine.
type TextGuess struct {
	shapes map[string]shape // by the name of a column
}

// A shape is what the values of a column look like, as a set.
type shape uint8

const (
	boolShape shape = 1 << iota
	intShape
	longShape // an integer that a float rounds
	floatShape
	dateShape
	naiveShape
	zonedShape
	otherShape
)

// Add looks at all rows of a file.
func (g *TextGuess) Add(ctx context.Context, in array.RecordReader) error {
	if g.shapes == nil {
		g.shapes = map[string]shape{}
	}
	for in.Next() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		rec := in.Record()
		for i, f := range in.Schema().Fields() {
			texts, is := rec.Column(i).(array.StringLike)
			if !is {
				continue
			}
			seen := g.shapes[f.Name]
			for row := 0; row < texts.Len() && seen&otherShape == 0; row++ {
				if texts.IsValid(row) && texts.Value(row) != "" {
					seen |= shapeOf(texts.Value(row))
				}
			}
			g.shapes[f.Name] = seen
		}
	}
	return in.Err()
}

// Columns returns columns of texts with the types that were found. Those whose times have
// a zone in some rows only are times if zone is set.
func (g *TextGuess) Columns(columns *arrow.Schema, zone bool) *arrow.Schema {
	fields := slices.Clone(columns.Fields())
	for i := range fields {
		fields[i].Type = g.shapes[fields[i].Name].dataType(zone)
	}
	return arrow.NewSchema(fields, nil)
}

func (s shape) dataType(zone bool) arrow.DataType {
	within := func(allowed shape) bool { return s&^allowed == 0 }
	switch {
	case s == 0:
		return arrow.BinaryTypes.String
	case within(boolShape):
		return arrow.FixedWidthTypes.Boolean
	case within(intShape | longShape):
		return arrow.PrimitiveTypes.Int64
	case within(intShape | floatShape):
		return arrow.PrimitiveTypes.Float64
	case within(dateShape):
		return arrow.FixedWidthTypes.Date32
	case within(dateShape | naiveShape):
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case within(zonedShape), zone && within(dateShape|naiveShape|zonedShape):
		return arrow.FixedWidthTypes.Timestamp_us
	}
	return arrow.BinaryTypes.String
}

// maxExact is the largest whole number up to which a float has each.
const maxExact = 1 << 53

func shapeOf(value string) shape {
	if first := value[0]; first != '-' && (first < '0' || first > '9') {
		switch strings.ToLower(value) {
		case "true", "false":
			return boolShape
		case "nan", "inf", "infinity":
			return floatShape
		}
		return otherShape
	}
	if shape := numberShape(value); shape != otherShape {
		return shape
	}
	switch clock, zone, is := cutTime(value); {
	case !is:
		return otherShape
	case clock == "":
		return dateShape
	case zone == "":
		return naiveShape
	}
	return zonedShape
}

// numberShape takes numbers as programs write them, without the leading zeros that ids
// have.
func numberShape(value string) shape {
	rest := strings.TrimPrefix(value, "-")
	whole := digits(rest)
	switch {
	case strings.EqualFold(rest, "inf"), strings.EqualFold(rest, "infinity"):
		return floatShape
	case whole == 0, whole > 1 && rest[0] == '0':
		return otherShape
	}
	if rest = rest[whole:]; rest == "" {
		v, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
			return otherShape
		case v > maxExact || v < -maxExact:
			return longShape
		}
		return intShape
	}
	if rest[0] == '.' {
		n := digits(rest[1:])
		if n == 0 {
			return otherShape
		}
		rest = rest[1+n:]
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		if rest = rest[1:]; rest != "" && (rest[0] == '-' || rest[0] == '+') {
			rest = rest[1:]
		}
		n := digits(rest)
		if n == 0 {
			return otherShape
		}
		rest = rest[n:]
	}
	if _, err := strconv.ParseFloat(value, 64); rest != "" || err != nil {
		return otherShape
	}
	return floatShape
}

// digits returns how many digits a text begins with.
func digits(text string) int {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return i
		}
	}
	return len(text)
}

// cutTime returns the time of the day and the zone of a time in ISO 8601, "" for what is
// left out, and reports whether it is one.
func cutTime(value string) (clock, zone string, is bool) {
	const day = len("2026-01-31")
	if len(value) < day || digits(value) != 4 || value[4] != '-' || digits(value[5:]) != 2 || value[7] != '-' || digits(value[8:day]) != 2 {
		return "", "", false
	}
	rest := value[day:]
	if rest == "" {
		return "", "", true
	}
	const minutes = len("T10:00")
	if len(rest) < minutes || rest[0] != 'T' && rest[0] != ' ' || digits(rest[1:]) != 2 || rest[3] != ':' || digits(rest[4:]) != 2 {
		return "", "", false
	}
	end := minutes
	if len(rest) >= end+3 && rest[end] == ':' && digits(rest[end+1:]) == 2 {
		end += 3
		if len(rest) > end+1 && rest[end] == '.' {
			end += 1 + digits(rest[end+1:])
		}
	}
	clock, zone = rest[:end], strings.TrimPrefix(rest[end:], " ")
	return clock, zone, isZone(zone)
}

// isZone reports whether a text is Z, +01, +0100, +01:00 or nothing.
func isZone(text string) bool {
	if text == "" || text == "Z" {
		return true
	}
	if text[0] != '+' && text[0] != '-' {
		return false
	}
	switch hours := text[1:]; len(hours) {
	case 2, 4:
		return digits(hours) == len(hours)
	case 5:
		return digits(hours) == 2 && hours[2] == ':' && digits(hours[3:]) == 2
	}
	return false
}
