package feast

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"

	"larder/column"
	"larder/schema"
)

// appendAnswer appends the JSON of an answer.
func (a *answer) appendJSON(dst []byte, versions bool) []byte {
	dst = append(dst, `{"results":[`...)
	for i := range a.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.columns[i].appendJSON(dst, a.rows)
	}
	dst = append(dst, `],"metadata":{"feature_names":[`...)
	for i := range a.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = column.AppendText(dst, a.columns[i].name)
	}
	dst = append(dst, ']')
	if versions {
		dst = append(dst, `,"feature_view_metadata":[`...)
		for i, name := range a.views {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = column.AppendText(append(dst, `{"name":`...), name)
			dst = append(strconv.AppendInt(append(dst, `,"version":`...), a.catalog, 10), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}

func (c *answered) appendJSON(dst []byte, rows int) []byte {
	dst = append(dst, `{"values":[`...)
	for i := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, c.values, i)
	}
	dst = append(dst, `],"statuses":[`...)
	for i := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), c.status(i).String()...), '"')
	}
	dst = append(dst, `],"event_timestamps":[`...)
	for i := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTime(dst, c.eventTime(i))
	}
	return append(dst, "]}"...)
}

// appendTime appends a time in microseconds as Feast writes it: with no, three or six
// digits of a second.
func appendTime(dst []byte, micros int64) []byte {
	layout := "\"2006-01-02T15:04:05Z\""
	switch {
	case micros%1e6 == 0:
	case micros%1e3 == 0:
		layout = "\"2006-01-02T15:04:05.000Z\""
	default:
		layout = "\"2006-01-02T15:04:05.000000Z\""
	}
	return time.UnixMicro(micros).UTC().AppendFormat(dst, layout)
}

// appendValue appends the value of a row as Feast's server writes it: timestamps are whole
// seconds, and floats always have a point, so that its client takes no float for an
// integer. NaN is null, because its client would take "NaN" for a text; Feast stores none.
func appendValue(dst []byte, c *column.Column, row int) []byte {
	switch {
	case c.IsNull(row), isNaN(c, row):
		return append(dst, "null"...)
	case !c.Type.IsList():
		return appendElement(dst, c, row)
	}
	dst = append(dst, '[')
	start, end := c.List(row)
	for at := start; at < end; at++ {
		if at > start {
			dst = append(dst, ',')
		}
		dst = appendElement(dst, c, int(at))
	}
	return append(dst, ']')
}

func isNaN(c *column.Column, row int) bool {
	return c.Type.IsFloat() && math.IsNaN(c.Number(row))
}

func appendElement(dst []byte, c *column.Column, at int) []byte {
	switch c.Type.Elem() {
	case schema.Bool:
		return strconv.AppendBool(dst, c.Bools[at])
	case schema.Int32:
		return strconv.AppendInt(dst, int64(c.Int32s[at]), 10)
	case schema.Int64:
		return strconv.AppendInt(dst, c.Int64s[at], 10)
	case schema.Float32:
		return appendFloat(dst, float64(c.Float32s[at]))
	case schema.Float64:
		return appendFloat(dst, c.Float64s[at])
	case schema.Timestamp:
		return strconv.AppendInt(dst, schema.Seconds(c.Int64s[at]), 10)
	case schema.Bytes:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), c.Bytes[at]), '"')
	}
	return column.AppendText(dst, c.Strings[at])
}

func appendFloat(dst []byte, v float64) []byte {
	start := len(dst)
	dst = schema.AppendFloat(dst, v, 64)
	if !bytes.ContainsAny(dst[start:], `."e`) {
		dst = append(dst, ".0"...)
	}
	return dst
}

// jsonValues are the values of a column in JSON.
type jsonValues json.RawMessage

func (v jsonValues) rows(max int) (int, error) {
	n := 0
	err := schema.JSONItems(json.RawMessage(v), func(json.RawMessage) error {
		if n++; n > max {
			return column.ErrTooManyRows
		}
		return nil
	})
	if err != nil && !errors.Is(err, column.ErrTooManyRows) {
		return 0, notList()
	}
	return n, nil
}

func (v jsonValues) column(t schema.Type, maxRows int) (column.Column, error) {
	c, err := column.ParseJSON(t, json.RawMessage(v), maxRows, parseValue)
	switch {
	case errors.Is(err, schema.ErrNotList):
		return c, notList()
	case errors.Is(err, column.ErrTooManyRows):
		return c, schema.TooManyRows.Errorf("the request has more than %d rows; at most %d fit, split it", maxRows, maxRows)
	case err != nil:
		return c, schema.BadValue.Errorf("%v", err)
	}
	return c, nil
}

func notList() error {
	return schema.BadJSON.Errorf("not a list; write one value for each row, in brackets")
}

// parseValue reads a value as Feast's clients send it: a time may be whole seconds.
func parseValue(t schema.Type, raw json.RawMessage) (any, error) {
	if t.Elem() != schema.Timestamp || len(raw) == 0 {
		return schema.ParseValue(t, raw)
	}
	if !t.IsList() {
		return parseTime(raw)
	}
	list := []any{}
	err := schema.JSONItems(raw, func(item json.RawMessage) error {
		v, err := parseTime(item)
		list = append(list, v)
		return err
	})
	if errors.Is(err, schema.ErrNotList) {
		return schema.ParseValue(t, raw)
	}
	return list, err
}

func parseTime(raw json.RawMessage) (any, error) {
	whole, err := schema.ParseWhole(string(raw), 64)
	const least, most = schema.BeginningOfTime / 1_000_000, schema.EndOfTime / 1_000_000
	if err != nil || whole < least || whole > most {
		return schema.ParseValue(schema.Timestamp, raw)
	}
	return time.Unix(whole, 0).UTC(), nil
}
