package schema

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxValueBytes bounds one string or bytes value, and the sum of a list.
const MaxValueBytes = 1 << 20

// ParseValue reads the JSON form of a value of type t into its Go form:
//
//	bool       bool      true
//	int32      int32     7; 7.0 and 7e0 are the same
//	int64      int64     the same, or "7" from languages whose numbers are floats
//	float32    float32   1.5, "NaN", "Infinity", "-Infinity"
//	float64    float64   the same
//	string     string    "x"
//	bytes      []byte    standard base64
//	timestamp  time.Time RFC 3339, to the microsecond: "2026-01-31T10:00:00Z"
//	list<T>    []any     of the Go form of T; vectors too, of their length
//
// null gives nil. A number of another width is converted if it fits, exactly. A string is
// read as a number only for int64.
func ParseValue(t Type, raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("the value is missing; write %s", jsonForm(t))
	}
	if !t.IsList() {
		return parseScalar(t, raw)
	}
	list, n := []any{}, 0
	err := JSONItems(raw, func(item json.RawMessage) error {
		if n++; t.IsVector() && n > t.Len() {
			return nil // counted for the message
		}
		if n > MaxValueBytes { // each takes a byte at least
			return fmt.Errorf("the list has more than %d elements; send fewer", MaxValueBytes)
		}
		v, err := parseScalar(t.Elem(), item)
		if err != nil {
			return fmt.Errorf("element %d: %w", n, err)
		}
		list = append(list, v)
		return nil
	})
	switch {
	case errors.Is(err, ErrNotList):
		return nil, mismatch(t, raw)
	case err != nil:
		return nil, err
	}
	if err := t.CheckLen(n); err != nil {
		return nil, err
	}
	return list, nil
}

func parseScalar(t Type, raw json.RawMessage) (any, error) {
	switch t {
	case Bool:
		var v bool
		if json.Unmarshal(raw, &v) != nil || string(raw) == "null" {
			return nil, mismatch(t, raw)
		}
		return v, nil
	case Int32:
		v, err := parseInt(t, raw, 32)
		return int32(v), err
	case Int64:
		return parseInt(t, raw, 64)
	case Float32, Float64:
		return parseFloat(t, raw)
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return nil, mismatch(t, raw)
	}
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("the string is not UTF-8; use type bytes")
	}
	if err := checkPairs(raw); err != nil {
		return nil, fmt.Errorf("the string is %w", err)
	}
	if len(s) > MaxValueBytes*2 {
		return nil, fmt.Errorf("%s value has %d bytes; send at most %d", t, len(s), MaxValueBytes)
	}
	switch t {
	case String:
		return s, nil
	case Bytes:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, mismatch(t, raw)
		}
		return b, nil
	case Timestamp:
		return parseTime(raw, s)
	}
	return nil, fmt.Errorf("%s does not exist", t)
}

func parseInt(t Type, raw json.RawMessage, bits int) (int64, error) {
	text := string(raw)
	if t == Int64 && len(text) > 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := ParseWhole(text, bits)
	if err == nil {
		return v, nil
	}
	if _, err := strconv.ParseFloat(text, 64); (err == nil || errors.Is(err, strconv.ErrRange)) && raw[0] != '"' {
		return 0, fmt.Errorf("%s is not a valid %s value; write a whole number within its range", clip(raw), t)
	}
	return 0, mismatch(t, raw)
}

func parseFloat(t Type, raw json.RawMessage) (any, error) {
	bits := 64
	if t == Float32 {
		bits = 32
	}
	var v float64
	switch string(raw) {
	case `"NaN"`:
		v = math.NaN()
	case `"Infinity"`:
		v = math.Inf(1)
	case `"-Infinity"`:
		v = math.Inf(-1)
	default:
		var err error
		if v, err = strconv.ParseFloat(string(raw), bits); err != nil {
			return nil, mismatch(t, raw)
		}
	}
	if t == Float32 {
		return float32(v), nil
	}
	return v, nil
}

func parseTime(raw json.RawMessage, s string) (any, error) {
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil, mismatch(Timestamp, raw)
	}
	if v.Nanosecond()%1000 != 0 {
		return nil, fmt.Errorf("%s is finer than a microsecond; round it", clip(raw))
	}
	return v.UTC(), nil
}

// AppendValue appends the JSON form of v, as ParseValue reads it.
func AppendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int32:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float32:
		return AppendFloat(dst, float64(v), 32)
	case float64:
		return AppendFloat(dst, v, 64)
	case time.Time:
		return AppendTime(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, x := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, x)
		}
		return append(dst, ']')
	}
	raw, err := json.Marshal(v) // string, []byte
	if err != nil {
		panic(fmt.Sprintf("schema: a value of Go type %T", v))
	}
	return append(dst, raw...)
}

// AppendTime appends a time as [AppendValue] writes it.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.999999Z07:00\"")
}

// Seconds returns a time in microseconds as whole seconds, rounded down.
func Seconds(micros int64) int64 {
	whole := micros / 1e6
	if micros%1e6 < 0 {
		whole--
	}
	return whole
}

// AppendFloat appends a float of 32 or 64 bits as [AppendValue] writes it: in the fewest
// digits that give the same float, and negative zero as -0.0.
func AppendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	if v == 0 && math.Signbit(v) {
		return append(dst, "-0.0"...) // many read -0 as an integer, which has no sign
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

func mismatch(t Type, raw json.RawMessage) error {
	return fmt.Errorf("%s is not a valid %s value; write %s", clip(raw), t, jsonForm(t))
}

func clip(raw json.RawMessage) string {
	const most = 40
	if len(raw) > most {
		return string(raw[:most]) + "..."
	}
	return string(raw)
}

func jsonForm(t Type) string {
	forms := [...]string{
		Bool: "true or false", Int32: "a whole number", Int64: "a whole number", Float32: "a number", Float64: "a number",
		String: "a quoted string", Bytes: "base64 in quotes", Timestamp: `"2026-01-31T10:00:00Z"`,
	}
	if t.IsList() {
		return "[" + forms[t.Elem()] + ", ...]"
	}
	return forms[t]
}
