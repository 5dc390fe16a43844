package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"larder/column"
	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

func TestJSONValues(t *testing.T) {
	f := func(kind schema.Type, text string, want any) {
		t.Helper()
		s := one(schema.StreamField{Type: kind, Nullable: true})
		got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: []byte(`{"x":` + text + `}`)})
		if err != nil {
			t.Errorf("%s of %s: %v", kind, text, err)
			return
		}
		if x, is := want.(float64); is && math.IsNaN(x) {
			if y, is := got[0].(float64); !is || !math.IsNaN(y) {
				t.Errorf("%s of %s: got %v", kind, text, got[0])
			}
			return
		}
		if !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s of %s: got %#v, want %#v", kind, text, got[0], want)
		}
	}
	f(schema.Bool, "true", true)
	f(schema.Bool, "false", false)
	f(schema.Int32, "-2147483648", int32(math.MinInt32))
	f(schema.Int32, "1e3", int32(1000))
	f(schema.Int64, "9223372036854775807", int64(math.MaxInt64))
	f(schema.Int64, "-9223372036854775808", int64(math.MinInt64))
	f(schema.Int64, "9007199254740993", int64(9007199254740993))
	f(schema.Int64, "1.0", int64(1))
	f(schema.Int64, "-0", int64(0))
	f(schema.Int64, `"-7"`, int64(-7))
	f(schema.Int64, `"9223372036854775807"`, int64(math.MaxInt64))
	f(schema.Float32, "0.1", float32(0.1))
	f(schema.Float32, "16777217", float32(16777216))
	f(schema.Float32, `"-Infinity"`, float32(math.Inf(-1)))
	f(schema.Float64, "0.1", 0.1)
	f(schema.Float64, "5e-324", 5e-324)
	f(schema.Float64, "1e-400", 0.0)
	f(schema.Float64, "-0", math.Copysign(0, -1))
	f(schema.Float64, `"NaN"`, math.NaN())
	f(schema.Float64, `"Infinity"`, math.Inf(1))
	f(schema.String, `"a\u00e9\ud83d\ude00\n\/é"`, "aé😀\n/é")
	f(schema.String, `""`, "")
	f(schema.Bytes, `"AAEC"`, []byte{0, 1, 2})
	f(schema.Bytes, `""`, []byte{})
	f(schema.Timestamp, `"2026-01-31T12:00:00.5Z"`, time.UnixMicro(1769860800500000).UTC())
	for kind := schema.Bool; kind <= schema.Timestamp; kind++ {
		f(kind, "null", nil)
		f(kind, " null\t", nil)
	}
}

func TestJSONBadValues(t *testing.T) {
	f := func(kind schema.Type, text string, want codec.Defect) {
		t.Helper()
		s := one(schema.StreamField{Type: kind})
		_, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: []byte(`{"x":` + text + `}`)})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s of %s: %s (%v), want %s", kind, text, got, err, want)
		}
	}
	f(schema.Bool, "1", codec.WrongType)
	f(schema.Bool, `"true"`, codec.WrongType)
	f(schema.Int32, "2147483648", codec.OutOfRange)
	f(schema.Int32, `"7"`, codec.WrongType)
	f(schema.Int32, "true", codec.WrongType)
	f(schema.Int64, "9223372036854775808", codec.OutOfRange)
	f(schema.Int64, "1e19", codec.OutOfRange)
	f(schema.Int64, "1e999999999999", codec.OutOfRange)
	f(schema.Int64, `"9223372036854775808"`, codec.OutOfRange)
	f(schema.Int64, "1.5", codec.WrongType)
	f(schema.Int64, "9007199254740992.5", codec.WrongType)
	f(schema.Int64, `""`, codec.WrongType)
	f(schema.Int64, `"-"`, codec.WrongType)
	f(schema.Int64, `"+7"`, codec.WrongType)
	f(schema.Int64, `"0x10"`, codec.WrongType)
	f(schema.Int64, `"1_0"`, codec.WrongType)
	f(schema.Int64, `"NaN"`, codec.WrongType)
	f(schema.Float32, "3.5e38", codec.OutOfRange)
	f(schema.Float64, "1e309", codec.OutOfRange)
	f(schema.Float64, `"1.5"`, codec.WrongType)
	f(schema.Float64, `"nan"`, codec.WrongType)
	f(schema.Float64, "NaN", codec.Undecodable)
	f(schema.String, "7", codec.WrongType)
	f(schema.String, "{}", codec.WrongType)
	f(schema.String, `"a\u0000"`, codec.OutOfRange)
	f(schema.Bytes, `"AAE"`, codec.WrongType)
	f(schema.Bytes, `"-_=="`, codec.WrongType)
	f(schema.Timestamp, "7", codec.WrongType)
	f(schema.Timestamp, `"x"`, codec.BadTime)
	for kind := schema.Bool; kind <= schema.Timestamp; kind++ {
		f(kind, "null", codec.MissingField)
		f(kind, "[1]", codec.WrongType)
		f(kind, `{"a":1}`, codec.WrongType)
	}
}

func TestJSONBadMessages(t *testing.T) {
	s := &schema.Stream{Name: "s", Fields: []schema.StreamField{
		{Name: "id", Type: schema.Int64},
		{Name: "deep", Type: schema.Int64, Path: "a.b.c", Nullable: true},
		{Name: "dotted", Type: schema.Int64, Path: `a.d\.e`, Nullable: true},
	}}
	d := newDecoder(t, s, codec.Options{})
	f := func(message string, want codec.Defect, values ...any) {
		t.Helper()
		got, err := decode(t, s, d, &source.Message{Value: []byte(message)})
		if reason := reasonOf(t, err); reason != want {
			t.Errorf("%s: %s (%v), want %s", clip(message), reason, err, want)
		}
		if err == nil && !reflect.DeepEqual(got, values) {
			t.Errorf("%s: got %v, want %v", clip(message), got, values)
		}
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	f(`{"id":1}`, "", int64(1), nil, nil)
	f(" \t\r\n{ \"id\" : 1 , \"z\" : [ ] , \"y\" : { } } \n", "", int64(1), nil, nil)
	f(`{"a":{"b":{"c":3},"d.e":4},"id":1}`, "", int64(1), int64(3), int64(4))
	f(`{"id":1,"a":{"b":{"x":[{"c":9}]},"c":5}}`, "", int64(1), nil, nil)
	f(`{"id":1,"a":null}`, "", int64(1), nil, nil)
	f(`{"id":1,"a":{"b":null}}`, "", int64(1), nil, nil)
	f(`{"id":1,"x":1,"x":2}`, "", int64(1), nil, nil) // of what is ignored nothing is asked
	f(`{"id":1,"z":`+nested(63)+`}`, "", int64(1), nil, nil)

	f(``, codec.Undecodable)
	f(`null`, codec.Undecodable)
	f(`[{"id":1}]`, codec.Undecodable)
	f(`{"id":1`, codec.Undecodable)
	f(`{"id":1,}`, codec.Undecodable)
	f(`{"id":1}{"id":2}`, codec.Undecodable)
	f(`{"id":1} x`, codec.Undecodable)
	f(`{id:1}`, codec.Undecodable)
	f(`{'id':1}`, codec.Undecodable)
	f("\ufeff"+`{"id":1}`, codec.Undecodable)
	f(`{"id":01}`, codec.Undecodable)
	f(`{"id":-}`, codec.Undecodable)
	f(`{"id":1.}`, codec.Undecodable)
	f(`{"id":.5}`, codec.Undecodable)
	f(`{"id":1e}`, codec.Undecodable)
	f(`{"id":+1}`, codec.Undecodable)
	f(`{"id":1,"z":tru}`, codec.Undecodable)
	f(`{"id":1,"z":"\x"}`, codec.Undecodable)
	f(`{"id":1,"z":"\ud800"}`, codec.Undecodable)
	f(`{"id":1,"z":"\udc00\ud800"}`, codec.Undecodable)
	f(`{"id":1,"z":"\u12"}`, codec.Undecodable)
	f("{\"id\":1,\"z\":\"\n\"}", codec.Undecodable)
	f("{\"id\":1,\"z\":\"\xff\"}", codec.Undecodable)
	f(`{"id":1,"z":`+nested(64)+`}`, codec.Undecodable)
	f(`{"id":1,"z":`+strings.Repeat("[", 500_000), codec.Undecodable)

	f(`{}`, codec.MissingField)
	f(`{"id":null}`, codec.MissingField)
	f(`{"ID":1}`, codec.MissingField)
	f(`{"id":1,"id":1}`, codec.DuplicateKey)
	f(`{"id":1,"\u0069d":1}`, codec.DuplicateKey)
	f(`{"id":1,"a":{},"a":{}}`, codec.DuplicateKey)
	f(`{"id":1,"a":{"b":{"c":1,"c":2}}}`, codec.DuplicateKey)
	f(`{"id":1,"a":7}`, codec.WrongType)
	f(`{"id":1,"a":{"b":[]}}`, codec.WrongType)
	f(`{"id":1,"z":"`+strings.Repeat("a", codec.MaxMessageBytes)+`"}`, codec.TooLarge)

	if _, err := decode(t, s, d, &source.Message{}); reasonOf(t, err) != codec.Undecodable {
		t.Errorf("a tombstone: %v", err)
	}
}

func clip(s string) string { return schema.Cut(s, 80) }

func TestRetractionsNeedTheirIDOnly(t *testing.T) {
	s := &schema.Stream{Name: "s", EventID: "id", DeletedField: "void", Fields: []schema.StreamField{
		{Name: "id", Type: schema.String}, {Name: "amount", Type: schema.Float64}, {Name: "void", Type: schema.Bool, Nullable: true},
	}}
	d := newDecoder(t, s, codec.Options{})
	f := func(message string, deleted bool, want codec.Defect) {
		t.Helper()
		_, err := decode(t, s, d, &source.Message{Value: []byte(message), Deleted: deleted})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
	f(`{"id":"a","void":true}`, false, "")
	f(`{"id":"a"}`, true, "")
	f(`{"void":true}`, false, codec.MissingField)
	f(`{"amount":1}`, true, codec.MissingField)
	f(`{"id":"a","void":false}`, false, codec.MissingField)
	f(`{"id":"a"}`, false, codec.MissingField)
}

// TestFieldsOfOnePath reads a value into two fields, and refuses paths that contradict
// each other.
func TestFieldsOfOnePath(t *testing.T) {
	s := &schema.Stream{Name: "s", Fields: []schema.StreamField{
		{Name: "n", Type: schema.Int64, Path: "t"}, {Name: "at", Type: schema.Timestamp, Path: "t", Format: schema.TimeEpochSecond},
	}}
	got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: []byte(`{"t":60}`)})
	if err != nil || got[0] != int64(60) || got[1] != time.Unix(60, 0).UTC() {
		t.Errorf("%v, %v", got, err)
	}
}

func TestNewNamesAllFaults(t *testing.T) {
	s := &schema.Stream{Name: "s", Fields: []schema.StreamField{
		{Name: "a", Type: schema.List(schema.Int64)},
		{Name: "b", Type: schema.Timestamp, Format: "epoch"},
		{Name: "c", Type: schema.Timestamp, TimeZone: "Berlin"},
		{Name: "d", Type: schema.Int64, Path: "a..b"},
		{Name: "e", Type: schema.Int64, Path: `a\b`},
		{Name: "f", Type: schema.Int64, Path: strings.Repeat("a.", 40) + "a"},
	}}
	_, err := codec.New(s, codec.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`field "a": type list<int64>`, `"epoch"`, `"Berlin"`, `"a..b"`, `a\\b`, `field "f": the path has 41 keys`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	for _, paths := range [][2]string{{"a", "a.b"}, {"a.b", "a"}, {"a.b.c", "a.b"}} {
		s := &schema.Stream{Fields: []schema.StreamField{{Name: "x", Type: schema.Int64, Path: paths[0]}, {Name: "y", Type: schema.Int64, Path: paths[1]}}}
		if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), `field "y"`) {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

// oracleValues reads a message with encoding/json: the slow way that everybody knows.
func oracleValues(t *testing.T, message []byte) map[string]any {
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(message))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		t.Fatalf("%q was taken, and encoding/json says %v", message, err)
	}
	return all
}

// agree fails unless a value that was decoded is what encoding/json reads.
func agree(t *testing.T, f *schema.StreamField, c *column.Column, all map[string]any) {
	got := c.Value(0)
	want := all[f.Name]
	switch w := want.(type) {
	case nil:
		if got != nil {
			t.Fatalf("%s: got %v, want null", f.Name, got)
		}
	case bool:
		if got != w {
			t.Fatalf("%s: got %v, want %v", f.Name, got, w)
		}
	case json.Number:
		if e := strings.IndexAny(string(w), "eE"); e >= 0 && len(w)-e > 6 {
			return // an exponent that the oracle would take minutes for
		}
		exact, ok := new(big.Float).SetPrec(2000).SetString(string(w))
		if !ok {
			t.Fatalf("%s: %s is not a number", f.Name, w)
		}
		switch g := got.(type) {
		case int64:
			if new(big.Float).SetInt64(g).Cmp(exact) != 0 {
				t.Fatalf("%s: got %v, want %v", f.Name, g, w)
			}
		case int32:
			if new(big.Float).SetInt64(int64(g)).Cmp(exact) != 0 {
				t.Fatalf("%s: got %v, want %v", f.Name, g, w)
			}
		case float64:
			var want float64
			if err := json.Unmarshal([]byte(w), &want); err != nil || math.Float64bits(want) != math.Float64bits(g) {
				t.Fatalf("%s: got %v, want %v", f.Name, g, w)
			}
		case float32:
			var want float32
			if err := json.Unmarshal([]byte(w), &want); err != nil || math.Float32bits(want) != math.Float32bits(g) {
				t.Fatalf("%s: got %v, want %v", f.Name, g, w)
			}
		}
	case string:
		if g, is := got.(string); is && g != w {
			t.Fatalf("%s: got %q, want %q", f.Name, g, w)
		}
	default:
		t.Fatalf("%s: got %v of %v", f.Name, got, want)
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"b":true,"i":1,"l":"2","f":1.5,"d":-0.0,"s":"a\ud83d\ude00","y":"AAE=","t":"2026-01-31T12:00:00Z","e":17e8}`,
		`{"b":null,"i":1e2,"l":9223372036854775807,"f":"NaN","d":1e-400}`, `{"s":"\u0000"}`, `{"z":[[[{"s":1}]]],"s":"x"}`, `{"s":"x","s":"y"}`, `[]`,
		`{"i":0.1e1}`, `{"i":1E+2}`, "{\"s\":\"\xff\"}", `{"t":"0000-01-01T00:00:00+23:59"}`, `{"e":9223372036854775807}`,
	} {
		f.Add([]byte(seed))
	}
	s := &schema.Stream{Name: "s", Fields: []schema.StreamField{
		{Name: "b", Type: schema.Bool, Nullable: true},
		{Name: "i", Type: schema.Int32, Nullable: true},
		{Name: "l", Type: schema.Int64, Nullable: true},
		{Name: "f", Type: schema.Float32, Nullable: true},
		{Name: "d", Type: schema.Float64, Nullable: true},
		{Name: "s", Type: schema.String, Nullable: true},
		{Name: "y", Type: schema.Bytes, Nullable: true},
		{Name: "t", Type: schema.Timestamp, Nullable: true, TimeZone: "Europe/Berlin"},
		{Name: "e", Type: schema.Timestamp, Nullable: true, Format: schema.TimeEpochNano},
		{Name: "p", Type: schema.String, Path: "p.q.r", Nullable: true},
	}}
	d := newDecoder(f, s, codec.Options{})
	f.Fuzz(func(t *testing.T, message []byte) {
		if message == nil {
			message = []byte{}
		}
		into := newColumns(s)
		err := d.Decode(t.Context(), &source.Message{Value: message}, into)
		frugal(t, s, d, message)
		if reason := reasonOf(t, err); reason == codec.Undecodable && json.Valid(message) && message[0] == '{' && utf8.Valid(message) &&
			!bytes.Contains(message, []byte(`\u`)) && bytes.Count(message, []byte("[")) < 50 && bytes.Count(message, []byte("{")) < 10 {
			t.Fatalf("%q is JSON, and it got %v", message, err)
		}
		if err != nil {
			return
		}
		all := oracleValues(t, message)
		for i := range s.Fields[:6] {
			agree(t, &s.Fields[i], &into[i], all)
		}
	})
}

func TestSplit(t *testing.T) {
	f := func(body string, want ...string) {
		t.Helper()
		got, err := codec.Split([]byte(body), 3)
		if err != nil {
			t.Errorf("%q: %v", body, err)
		}
		texts := []string{}
		for _, m := range got {
			texts = append(texts, string(m))
		}
		if strings.Join(texts, "|") != strings.Join(want, "|") || len(texts) != len(want) {
			t.Errorf("%q: got %q, want %q", body, texts, want)
		}
	}
	f("")
	f(" \n\n")
	f("[]")
	f(` [ {"a": [1, 2]} , 3,"x,]" ] `, `{"a": [1, 2]}`, "3", `"x,]"`)
	f("{\"a\":1}\r\n\n{\"a\":2}", `{"a":1}`, `{"a":2}`)
	f("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1\n}")
	f("{\"a\":1}\noops\n{\"a\":3}", `{"a":1}`, "oops", `{"a":3}`)

	g := func(body string, want codec.Defect) {
		t.Helper()
		if got, err := codec.Split([]byte(body), 3); reasonOf(t, err) != want || got != nil {
			t.Errorf("%q: %q, %v, want %s", body, got, err, want)
		}
	}
	g("[1,2,3,4]", codec.TooLarge)
	g("1\n2\n3\n4", codec.TooLarge)
	g("[1,2", codec.Undecodable)
	g("[1,]", codec.Undecodable)
	g("[1] 2", codec.Undecodable)
	g(strings.Repeat("[", 1000), codec.Undecodable)
}

// TestJSONReadsNumbersAsPythonDoes reads the numbers of testdata/jsonnumbers.py.
func TestJSONReadsNumbersAsPythonDoes(t *testing.T) {
	data, err := os.ReadFile("testdata/jsonnumbers.tsv")
	if err != nil {
		t.Fatal(err)
	}
	decoders, streams := map[schema.Type]*codec.Decoder{}, map[schema.Type]*schema.Stream{}
	for _, kind := range []schema.Type{schema.Float64, schema.Float32, schema.Int64} {
		streams[kind] = one(schema.StreamField{Type: kind})
		decoders[kind] = newDecoder(t, streams[kind], codec.Options{})
	}
	shown := func(text string, kind schema.Type) string {
		got, err := decode(t, streams[kind], decoders[kind], &source.Message{Value: []byte(`{"x":` + text + `}`)})
		if reasonOf(t, err) != "" {
			return "-"
		}
		switch v := got[0].(type) {
		case float64:
			return fmt.Sprintf("%016x", math.Float64bits(v))
		case float32:
			return fmt.Sprintf("%08x", math.Float32bits(v))
		default:
			return fmt.Sprint(v)
		}
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(data)), "\n")
	if len(lines) < 400 {
		t.Fatalf("%d numbers", len(lines))
	}
	for _, line := range lines {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		for i, kind := range []schema.Type{schema.Float64, schema.Float32, schema.Int64} {
			if got := shown(columns[0], kind); got != columns[i+1] {
				t.Errorf("%s of %s: got %s, Python has %s", kind, columns[0], got, columns[i+1])
			}
		}
	}
}
