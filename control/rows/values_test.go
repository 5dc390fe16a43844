package rows

import (
	"encoding/json"
	"strings"
	"testing"

	"larder/schema"
)

// TestValuesOfDataFrames: what pandas and Feast's client make of values.
func TestValuesOfDataFrames(t *testing.T) {
	list := schema.List
	for _, c := range []struct {
		t         schema.Type
		raw, want string // want begins with ! for an error that contains the rest
	}{
		{schema.Int64, `7`, `7`},
		{schema.Int64, `"7"`, `7`},
		{schema.Int64, `7.0`, `7`},
		{schema.Int64, `9007199254740993`, `9007199254740993`},
		{schema.Int64, `7.5`, `!whole number`},
		{schema.Int64, `""`, `!whole number`},
		{schema.Int32, `"3000000000"`, `!int32`},
		{schema.Float64, `"NaN"`, `"NaN"`},
		{schema.Float64, `"1e3"`, `1000`},
		{schema.Float32, `0.1`, `0.1`},
		{schema.Bool, `"True"`, `true`},
		{schema.Bool, `1`, `!true or false`},
		{schema.String, `"7"`, `"7"`},
		{schema.String, `7`, `!string`},
		{schema.Bytes, `"AQI="`, `"\\x0102"`},
		{schema.Bytes, `"AQ"`, `!base64`},
		{schema.Timestamp, `0`, `"1970-01-01T00:00:00Z"`},
		{schema.Timestamp, `-1`, `"1969-12-31T23:59:59Z"`},
		{schema.Timestamp, `1e300`, `!not a time`},
		{schema.Timestamp, `true`, `!not a time`},
		{schema.Timestamp, `"2026-01-31"`, `"2026-01-31T00:00:00Z"`},
		{schema.Timestamp, `"2026-01-31 10:00:00"`, `"2026-01-31T10:00:00Z"`},
		{schema.Timestamp, `"2026-01-31T10:00:00.123456789"`, `"2026-01-31T10:00:00.123456Z"`},
		{schema.Timestamp, `"2026-01-31 10:00:00+02"`, `"2026-01-31T08:00:00Z"`},
		{schema.Timestamp, `"2026-01-31 10:00:00.5+02:00"`, `"2026-01-31T08:00:00.5Z"`},
		{schema.Timestamp, `"yesterday"`, `!not a time`},
		{list(schema.Int64), `[1, "2", 3.0]`, `[1,2,3]`},
		{list(schema.Int64), `[]`, `[]`},
		{list(schema.Int64), `[1, null]`, `!element`},
		{list(schema.Int64), `7`, `!list`},
		{list(schema.Bytes), `["AQI="]`, `["\\x0102"]`},
		{list(schema.Timestamp), `[0, "2026-01-31"]`, `["1970-01-01T00:00:00Z","2026-01-31T00:00:00Z"]`},
		{schema.Float64, `null`, `null`},
	} {
		v, err := parse(c.t, json.RawMessage(c.raw))
		if text, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s %s: %v, %v; want an error with %q", c.t, c.raw, v, err, text)
			}
			continue
		}
		if got := string(appendForPostgres(nil, v)); err != nil || got != c.want {
			t.Errorf("%s %s: %s, %v; want %s", c.t, c.raw, got, err, c.want)
		}
	}
}

// FuzzValues: any JSON is read or refused, and what is read is JSON again.
func FuzzValues(f *testing.F) {
	f.Add(uint8(2), `7`)
	f.Add(uint8(7), `["2026-01-31 10:00:00.5+02:00", 3]`)
	f.Fuzz(func(t *testing.T, number uint8, raw string) {
		if schema.CheckJSON([]byte(raw)) != nil {
			return
		}
		kind := schema.Type(number%8) + schema.Bool
		if number >= 128 {
			kind = schema.List(kind)
		}
		v, err := parse(kind, json.RawMessage(strings.TrimSpace(raw)))
		if err != nil {
			return
		}
		if out := appendForPostgres(nil, v); !json.Valid(out) {
			t.Errorf("%s %s becomes %s", kind, raw, out)
		}
	})
}
