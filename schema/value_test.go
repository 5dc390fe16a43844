package schema_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larder/schema"
)

// values draws a value of a type, in the Go form of ParseValue.
func values(t schema.Type) *rapid.Generator[any] {
	any64 := func(g *rapid.Generator[int64], as func(int64) any) *rapid.Generator[any] { return rapid.Map(g, as) }
	switch t {
	case schema.Bool:
		return rapid.Map(rapid.Bool(), func(v bool) any { return v })
	case schema.Int32:
		return any64(rapid.Int64Range(math.MinInt32, math.MaxInt32), func(v int64) any { return int32(v) })
	case schema.Int64:
		return any64(rapid.Int64(), func(v int64) any { return v })
	case schema.Float32:
		return rapid.Map(rapid.Uint32(), func(bits uint32) any { return math.Float32frombits(bits) })
	case schema.Float64:
		return rapid.Map(rapid.Uint64(), func(bits uint64) any { return math.Float64frombits(bits) })
	case schema.String:
		return rapid.Map(rapid.String(), func(v string) any { return strings.ToValidUTF8(v, "?") })
	case schema.Bytes:
		return rapid.Map(rapid.SliceOf(rapid.Byte()), func(v []byte) any { return v })
	case schema.Timestamp:
		return any64(rapid.Int64Range(-62_000_000_000_000_000, schema.EndOfTime), func(v int64) any { return time.UnixMicro(v).UTC() })
	}
	return rapid.Map(rapid.SliceOfN(values(t.Elem()), 0, 4), func(v []any) any { return v })
}

// TestValueRoundTrip: ParseValue reads what AppendValue writes, for every type.
func TestValueRoundTrip(t *testing.T) {
	for _, name := range schema.TypeNames() {
		typ, err := schema.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			want := values(typ).Draw(t, name)
			raw := schema.AppendValue(nil, want)
			if !json.Valid(raw) {
				t.Fatalf("%s is no JSON", raw)
			}
			got, err := schema.ParseValue(typ, raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s as %s (-want +got):\n%s", name, raw, diff)
			}
		})
	}
}

func TestParseValueRefuses(t *testing.T) {
	f := func(t *testing.T, typ, raw, want string) {
		t.Helper()
		parsed, err := schema.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := schema.ParseValue(parsed, json.RawMessage(raw)); err == nil || err.Error() != want {
			t.Errorf("%s %s: got %v, %v\nwant %s", typ, raw, v, err, want)
		}
	}
	f(t, "bool", "1", "1 is not a valid bool value; write true or false")
	f(t, "int32", "2147483648", "2147483648 is not a valid int32 value; write a whole number within its range")
	f(t, "int32", `"7"`, `"7" is not a valid int32 value; write a whole number`)
	f(t, "int64", "1.5", "1.5 is not a valid int64 value; write a whole number within its range")
	f(t, "int64", `"seven"`, `"seven" is not a valid int64 value; write a whole number`)
	f(t, "float64", `"1.5"`, `"1.5" is not a valid float64 value; write a number`)
	f(t, "float32", "1e39", "1e39 is not a valid float32 value; write a number")
	f(t, "string", `"\ud800"`, `the string is not Unicode: \ud800 at byte 1 is half of a surrogate pair; write both halves, or the character itself`)
	f(t, "list<string>", `["a", "\udc00"]`, `element 2: the string is not Unicode: \udc00 at byte 1 is half of a surrogate pair; write both halves, or the character itself`)
	f(t, "string", "\"\xff\"", "the string is not UTF-8; use type bytes")
	f(t, "int64", "1e19", "1e19 is not a valid int64 value; write a whole number within its range")
	f(t, "string", "5", "5 is not a valid string value; write a quoted string")
	f(t, "bytes", `"?"`, `"?" is not a valid bytes value; write base64 in quotes`)
	f(t, "timestamp", `"yesterday"`, `"yesterday" is not a valid timestamp value; write "2026-01-31T10:00:00Z"`)
	f(t, "timestamp", `"2026-01-31T10:00:00.0000001Z"`, `"2026-01-31T10:00:00.0000001Z" is finer than a microsecond; round it`)
	f(t, "list<bool>", "true", "true is not a valid list<bool> value; write [true or false, ...]")
	f(t, "list<bool>", "[true, null]", "element 2: null is not a valid bool value; write true or false")
	f(t, "int64", "", "the value is missing; write a whole number")
	f(t, "string", `"`+strings.Repeat("x", 2*schema.MaxValueBytes+1)+`"`, "string value has 2097153 bytes; send at most 1048576")
}

func TestDuration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := schema.Duration(rapid.Int64Range(0, math.MaxInt64/1000).Draw(t, "microseconds") * 1000)
		if got, err := schema.ParseDuration(want.String()); err != nil || got != want {
			t.Fatalf("%s is read as %s, %v", want, got, err)
		}
	})
	f := func(text, want string) {
		t.Helper()
		d, err := schema.ParseDuration(text)
		got := d.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	const remedy = " is not a duration; write a number and a unit, as in 30s, 15m, 12h or 90d"
	f("0", "0")
	f("90d", "90d")
	f("36h", "1d12h")
	f("1d1h30m", "1d1h30m")
	f("100ms", "100ms")
	f("1ns", `"1ns" is finer than a microsecond; round it`)
	f("30", `"30"`+remedy)
	f("-5m", `"-5m"`+remedy)
	f("-1d", `"-1d"`+remedy)
	f("1.5d", `"1.5d"`+remedy)
	f("106752d", `"106752d"`+remedy)
	f("106751d24h", `"106751d24h"`+remedy)
	f("", "the duration is empty; write a number and a unit, as in 30s, 15m, 12h or 90d")
}

func TestTypes(t *testing.T) {
	for _, name := range schema.TypeNames() {
		typ, err := schema.ParseType(name)
		if err != nil || typ.String() != name || !typ.Valid() {
			t.Errorf("%s is read as %s, %v", name, typ, err)
		}
	}
	f := func(name, want string) {
		t.Helper()
		if _, err := schema.ParseType(name); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	f("bigint", `no type "bigint"; did you mean "int64"?`)
	f("list<text>", `no type "list<text>"; did you mean "list<string>"?`)
	f("INT64", `no type "INT64"; did you mean "int64"?`)
	f("list<list<int64>>", `no type "list<list<int64>>"; use bool, bytes, float32, float64, int32, int64, list<bool>, list<bytes> or 8 others`)
	for n := range 256 {
		typ := schema.Type(n)
		if back, err := schema.ParseType(typ.String()); typ.Valid() != (err == nil && back == typ) {
			t.Errorf("type %d is valid: %v, and %s is read as %s, %v", n, typ.Valid(), typ, back, err)
		}
	}
}

func TestNearest(t *testing.T) {
	f := func(name string, existing []string, want string) {
		t.Helper()
		if got := schema.Nearest(name, existing); got != want {
			t.Errorf("%q among %q: got %s, want %s", name, existing, got, want)
		}
	}
	f("x", nil, "there are none")
	f("amuont", []string{"amount", "count"}, `did you mean "amount"?`)
	f("SPEND", []string{"spend"}, `did you mean "spend"?`)
	f("zip", []string{"dob_ssn", "zipcode"}, `did you mean "zipcode"?`)
	f("zip", []string{"zip_from", "zip_to"}, "use zip_from or zip_to")
	f("zzz", []string{"b", "a"}, "use a or b")
	f("zzz", []string{"c", "b", "a"}, "use a, b or c")
	f("zzz", []string{"a"}, "there is only a")
	f("zzzzzz", strings.Split("a b c d e f g h i j", " "), "use a, b, c, d, e, f, g, h or 2 others")
	f("zzzzzz", strings.Split("a b c d e f g h i", " "), "use a, b, c, d, e, f, g, h or 1 other")
	f("zzzzzz", strings.Split("b a b b", " "), "use a or b")
}
