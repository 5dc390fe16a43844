package rows

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"larder/schema"
)

// parse reads a value of a type, in the Go form of [schema.ParseValue]. It also takes what
// data frames make of values: numbers and truth values as text, times without a zone,
// which are UTC, and times in whole seconds since 1970 UTC.
func parse(t schema.Type, raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if !t.IsList() || raw[0] != '[' {
		return parseScalar(t, raw)
	}
	list := []any{}
	err := schema.JSONItems(raw, func(item json.RawMessage) error {
		v, err := parseScalar(t.Elem(), item)
		if err == nil && v == nil {
			err = errors.New("an element of the list is null; leave it out")
		}
		list = append(list, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, t.CheckLen(len(list))
}

func parseScalar(t schema.Type, raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	var text string
	isText := raw[0] == '"' && json.Unmarshal(raw, &text) == nil
	switch {
	case t == schema.Timestamp && isText:
		return parseTime(text)
	case t == schema.Timestamp:
		whole, err := schema.ParseWhole(string(raw), 64)
		if err != nil || whole < schema.BeginningOfTime/1_000_000 || whole > schema.EndOfTime/1_000_000 {
			return nil, fmt.Errorf("%.40s is not a time; write \"2026-01-31T10:00:00Z\", or whole seconds since 1970", raw)
		}
		return time.Unix(whole, 0).UTC(), nil
	case isText && t == schema.Bool:
		return schema.ParseValue(t, json.RawMessage(strings.ToLower(text)))
	case isText && (t.IsInteger() || t.IsFloat()):
		if v, err := schema.ParseValue(t, json.RawMessage(text)); err == nil && text != "" {
			return v, nil
		}
	}
	return schema.ParseValue(t, raw)
}

// timeLayouts are the forms in which Python and Postgres write times.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07",
	"2006-01-02 15:04:05.999999999", "2006-01-02",
}

// ParseTime reads a time in JSON, as microseconds since 1970 UTC.
func ParseTime(raw json.RawMessage) (int64, error) {
	v, err := parseScalar(schema.Timestamp, raw)
	if err != nil || v == nil {
		return 0, cmp.Or(err, errors.New("there is no time"))
	}
	return microsOf(v), nil
}

// parseTime reads a time; what is finer than a microsecond is cut off, as Postgres and
// Python do.
func parseTime(text string) (any, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return nil, fmt.Errorf("%.40q is not a time; write \"2026-01-31T10:00:00Z\"", text)
}

func microsOf(v any) int64 { return v.(time.Time).UnixMicro() }

// appendForPostgres appends a value as json_populate_recordset reads it into a column of
// Postgres: as AppendValue writes it, with bytes in hex.
func appendForPostgres(dst []byte, v any) []byte {
	switch v := v.(type) {
	case []byte:
		return append(hex.AppendEncode(append(dst, `"\\x`...), v), '"')
	case []any:
		dst = append(dst, '[')
		for i, x := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendForPostgres(dst, x)
		}
		return append(dst, ']')
	}
	return schema.AppendValue(dst, v)
}
