package codec_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"

	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

// avroOf returns a stream with one field x of an Avro type, and the bytes of a value.
func avroOf(t testing.TB, avroType string, f schema.StreamField, v any) (*schema.Stream, []byte) {
	t.Helper()
	text := `{"type":"record","name":"R","fields":[{"name":"x","type":` + avroType + `}]}`
	s := one(f)
	s.Format = &schema.StreamFormat{Type: schema.AvroFormat, Schema: text}
	if v == nil {
		return s, []byte{0}
	}
	b, err := avro.MustParse(text).Encode(map[string]any{"x": v})
	if err != nil {
		t.Fatalf("%s of %v: %v", avroType, v, err)
	}
	return s, b
}

func TestAvroValues(t *testing.T) {
	f := func(avroType string, field schema.StreamField, v, want any) {
		t.Helper()
		for _, avroType := range []string{avroType, `["null",` + avroType + `]`} {
			s, b := avroOf(t, avroType, field, v)
			got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: b})
			if err != nil || !reflect.DeepEqual(got[0], want) && !bothNaN(got[0], want) {
				t.Errorf("%s of %v as %s: %#v, %v, want %#v", avroType, v, field.Type, got[0], err, want)
			}
		}
	}
	kind := func(t schema.Type) schema.StreamField { return schema.StreamField{Type: t} }
	f(`"boolean"`, kind(schema.Bool), true, true)
	f(`"int"`, kind(schema.Int32), int32(-7), int32(-7))
	f(`"int"`, kind(schema.Int64), int32(-7), int64(-7))
	f(`"int"`, kind(schema.Float64), int32(-7), -7.0)
	f(`"long"`, kind(schema.Int32), int64(7), int32(7))
	f(`"long"`, kind(schema.Int64), int64(math.MinInt64), int64(math.MinInt64))
	f(`"long"`, kind(schema.Float32), int64(1<<24), float32(1<<24))
	f(`"float"`, kind(schema.Float32), float32(0.1), float32(0.1))
	f(`"float"`, kind(schema.Float64), float32(0.5), 0.5)
	f(`"double"`, kind(schema.Float64), 0.1, 0.1)
	f(`"double"`, kind(schema.Float64), math.NaN(), math.NaN())
	f(`"double"`, kind(schema.Float32), 0.1, float32(0.1))
	f(`"double"`, kind(schema.Float32), math.Inf(-1), float32(math.Inf(-1)))
	f(`"string"`, kind(schema.String), "grün", "grün")
	f(`"string"`, kind(schema.String), "", "")
	f(`"string"`, kind(schema.Timestamp), "2026-01-31T12:00:00Z", time.Unix(1769860800, 0).UTC())
	f(`{"type":"enum","name":"E","symbols":["A","B"]}`, kind(schema.String), "B", "B")
	f(`"bytes"`, kind(schema.Bytes), []byte{0, 1}, []byte{0, 1})
	f(`"bytes"`, kind(schema.Bytes), []byte{}, []byte{})
	f(`{"type":"fixed","name":"F","size":2}`, kind(schema.Bytes), []byte{0, 1}, []byte{0, 1})
	f(`{"type":"string","logicalType":"uuid"}`, kind(schema.String), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
	f(`{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}`, kind(schema.String), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")

	at := time.UnixMicro(-1769860800123457).UTC()
	for unit, name := range map[time.Duration]string{time.Millisecond: "millis", time.Microsecond: "micros", time.Nanosecond: "nanos"} {
		want := time.UnixMicro(floor(at.UnixNano(), int64(max(unit, time.Microsecond))) * int64(max(unit, time.Microsecond)) / 1000).UTC()
		logical := `{"type":"long","logicalType":"timestamp-` + name + `"}`
		f(logical, kind(schema.Timestamp), floor(at.UnixNano(), int64(unit)), want)
		f(logical, kind(schema.Int64), floor(at.UnixNano(), int64(unit)), floor(at.UnixNano(), int64(unit)))
		f(`{"type":"long","logicalType":"local-timestamp-`+name+`"}`, schema.StreamField{Type: schema.Timestamp, TimeZone: "Asia/Tokyo"},
			floor(at.UnixNano(), int64(unit)), want.Add(-9*time.Hour))
	}
	f(`{"type":"int","logicalType":"date"}`, schema.StreamField{Type: schema.Timestamp, TimeZone: "UTC"}, int32(-1), time.Unix(-86400, 0).UTC())
	f(`{"type":"int","logicalType":"date"}`, schema.StreamField{Type: schema.Timestamp, TimeZone: "Europe/Berlin"}, int32(1), time.Unix(86400-3600, 0).UTC())
	f(`"long"`, schema.StreamField{Type: schema.Timestamp, Format: schema.TimeEpochMilli}, int64(-1), time.UnixMilli(-1).UTC())

	decimal := `{"type":"bytes","logicalType":"decimal","precision":38,"scale":2}`
	f(decimal, kind(schema.Float64), big.NewRat(-1005, 100), -10.05)
	f(decimal, kind(schema.Int64), big.NewRat(-10, 1), int64(-10))
	f(decimal, kind(schema.Int32), big.NewRat(0, 1), int32(0))
	f(decimal, kind(schema.Bytes), big.NewRat(1, 100), []byte{1})
	f(`{"type":"fixed","name":"D","size":9,"logicalType":"decimal","precision":18,"scale":2}`, kind(schema.Float32), big.NewRat(-1, 10), float32(-0.1))

	for _, union := range []string{`["null","int","string","double","boolean","bytes"]`} {
		f2 := func(kind schema.Type, v, want any) {
			t.Helper()
			s, b := avroOf(t, union, schema.StreamField{Type: kind, Nullable: true}, v)
			got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: b})
			if err != nil || !reflect.DeepEqual(got[0], want) {
				t.Errorf("%v as %s: %#v, %v", v, kind, got[0], err)
			}
		}
		f2(schema.Int64, int32(7), int64(7))
		f2(schema.Int64, nil, nil)
		f2(schema.Float64, 1.5, 1.5)
		f2(schema.Float64, int32(7), 7.0)
		f2(schema.String, "a", "a")
		f2(schema.Bool, true, true)
		f2(schema.Bytes, []byte{1}, []byte{1})
	}
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func TestAvroBadValues(t *testing.T) {
	f := func(avroType string, field schema.StreamField, v any, want codec.Defect) {
		t.Helper()
		s, b := avroOf(t, avroType, field, v)
		_, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: b})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s of %v as %s: %s (%v), want %s", avroType, v, field.Type, got, err, want)
		}
	}
	kind := func(t schema.Type) schema.StreamField { return schema.StreamField{Type: t} }
	f(`["null","long"]`, kind(schema.Int64), nil, codec.MissingField)
	f(`"long"`, kind(schema.Int32), int64(1<<31), codec.OutOfRange)
	f(`"long"`, kind(schema.Float64), int64(1<<53+1), codec.OutOfRange)
	f(`"long"`, kind(schema.Float32), int64(1<<24+1), codec.OutOfRange)
	f(`"double"`, kind(schema.Float32), 1e39, codec.OutOfRange)
	f(`"string"`, kind(schema.String), "a\x00", codec.OutOfRange)
	f(`"string"`, kind(schema.String), "\xff", codec.Undecodable)
	f(`"string"`, kind(schema.Timestamp), "noon", codec.BadTime)
	f(`{"type":"long","logicalType":"timestamp-millis"}`, kind(schema.Timestamp), int64(math.MaxInt64), codec.OutOfRange)
	berlin := schema.StreamField{Type: schema.Timestamp, TimeZone: "Europe/Berlin"}
	f(`{"type":"long","logicalType":"local-timestamp-millis"}`, berlin, time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC).UnixMilli(), codec.AmbiguousTime)
	decimal := `{"type":"bytes","logicalType":"decimal","precision":1000,"scale":2}`
	f(decimal, kind(schema.Int64), big.NewRat(1, 100), codec.WrongType)
	f(decimal, kind(schema.Int32), big.NewRat(1<<31, 1), codec.OutOfRange)
	f(decimal, kind(schema.Int64), new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 63)), codec.OutOfRange)
	f(`["null","int","string"]`, kind(schema.Int64), "a", codec.WrongType)
	f(`["null","int","string"]`, kind(schema.Timestamp), int32(7), codec.WrongType)

	s, b := avroOf(t, `"long"`, kind(schema.Int64), int64(1000))
	d := newDecoder(t, s, codec.Options{})
	for _, message := range [][]byte{{}, b[:1], append(b, 0), []byte(strings.Repeat("\xff", 11))} {
		if _, err := decode(t, s, d, &source.Message{Value: message}); reasonOf(t, err) != codec.Undecodable {
			t.Errorf("%x: %v", message, err)
		}
	}
}

func TestAvroFaults(t *testing.T) {
	f := func(avroType, path string, field schema.StreamField, want string) {
		t.Helper()
		field.Path = path
		s, _ := avroOf(t, avroType, field, nil)
		if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s as %s: %v, want %q", avroType, field.Type, err, want)
		}
	}
	kind := func(t schema.Type) schema.StreamField { return schema.StreamField{Type: t} }
	f(`"string"`, "x", kind(schema.Int64), `field "x": string can't be read as int64`)
	f(`"strin"`, "x", kind(schema.Int64), "the Avro schema: ")
	f(`"string"`, "y", kind(schema.String), `field "x": the schema has nothing at its path`)
	f(`"null"`, "x", kind(schema.String), `field "x": the schema has nothing at its path`)
	f(`"string"`, "x.y", kind(schema.String), `a path can walk a record`)
	f(`{"type":"array","items":"string"}`, "x", kind(schema.String), "array can't be read as string")
	f(`{"type":"record","name":"N","fields":[]}`, "x", kind(schema.String), "name a value in it by path")
	f(`"long"`, "x", kind(schema.Timestamp), "set format: epoch_s")
	f(`{"type":"int","logicalType":"date"}`, "x", kind(schema.Timestamp), "set time_zone")
	f(`{"type":"long","logicalType":"local-timestamp-micros"}`, "x", kind(schema.Timestamp), "set time_zone")
	f(`{"type":"long","logicalType":"timestamp-micros"}`, "x", schema.StreamField{Type: schema.Timestamp, Format: schema.TimeEpochMilli}, "leave out format")
	f(`["null","string",{"type":"long","logicalType":"timestamp-micros"}]`, "x", kind(schema.Timestamp), "a union of several types")
	f(`["long",{"type":"array","items":"null"}]`, "x", kind(schema.Int64), "one of them array")
	f(`["string","long"]`, "x", kind(schema.Bool), "no type of its union can be read as bool")
	f(`{"type":"bytes","logicalType":"decimal","precision":1000,"scale":500}`, "x", kind(schema.Float64), "at most 300")

	s := one(kind(schema.String))
	s.Format = &schema.StreamFormat{Type: schema.AvroFormat}
	if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), "set file or registry") {
		t.Errorf("without a schema: %v", err)
	}
	s.Format.Schema = `"string"`
	if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), "must be a record") {
		t.Errorf("of a string: %v", err)
	}
}

// eventAvro has references, a record in itself, and parts that no path reaches.
const eventAvro = `{"type":"record","name":"Event","namespace":"shop","fields":[
  {"name":"id","type":"string"},
  {"name":"skipped","type":{"type":"array","items":{"type":"map","values":["null","int",{"type":"array","items":"null"}]}}},
  {"name":"card","type":["null",{"type":"record","name":"Card","fields":[
    {"name":"id","type":["null","long"]},{"name":"country","type":"string"},{"name":"parent","type":["null","Card"]}]}]},
  {"name":"other","type":"Card"},
  {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":2}},
  {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["CARD","CASH"]}},
  {"name":"mixed","type":["null","long","string"]},
  {"name":"happened","type":{"type":"long","logicalType":"timestamp-micros"}}]}`

func eventStream() *schema.Stream {
	return &schema.Stream{Name: "event", Format: &schema.StreamFormat{Type: schema.AvroFormat, Schema: eventAvro}, Fields: []schema.StreamField{
		{Name: "happened", Type: schema.Timestamp},
		{Name: "id", Type: schema.String},
		{Name: "card_id", Path: "card.id", Type: schema.Int64, Nullable: true},
		{Name: "great", Path: "card.parent.parent.id", Type: schema.Int64, Nullable: true},
		{Name: "other", Path: "other.country", Type: schema.String},
		{Name: "other_parent", Path: "other.parent.country", Type: schema.String, Nullable: true},
		{Name: "amount", Type: schema.Float64},
		{Name: "kind", Type: schema.String},
		{Name: "mixed", Type: schema.Int64, Nullable: true},
	}}
}

func anEvent() map[string]any {
	card := func(id any, parent any) map[string]any {
		return map[string]any{"id": id, "country": "DE", "parent": parent}
	}
	return map[string]any{
		"id": "e1", "skipped": []any{map[string]any{"a": nil, "b": int32(1), "c": []any{nil, nil}}}, "amount": big.NewRat(1005, 100), "kind": "CASH",
		"card": card(int64(1), card(nil, card(int64(3), nil))), "other": card(nil, nil), "mixed": int64(5), "happened": time.UnixMicro(77),
	}
}

func TestAvroRecordsInRecords(t *testing.T) {
	s := eventStream()
	b, err := avro.MustParse(eventAvro).Encode(anEvent())
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: b})
	want := []any{time.UnixMicro(77).UTC(), "e1", int64(1), int64(3), "DE", nil, 10.05, "CASH", int64(5)}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func FuzzAvro(f *testing.F) {
	writer := avro.MustParse(eventAvro)
	b, err := writer.Encode(anEvent())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(binary.AppendVarint(nil, 1<<40))                                             // a text of a tebibyte
	f.Add(append([]byte{2, 'a'}, binary.AppendVarint(nil, 1<<31)...))                  // 2 billion maps
	f.Add(append([]byte{2, 'a', 2, 2, 2, 'k', 4}, binary.AppendVarint(nil, 1<<31)...)) // 2 billion nulls
	s := eventStream()
	d := newDecoder(f, s, codec.Options{})
	f.Fuzz(func(t *testing.T, message []byte) {
		if message == nil {
			message = []byte{}
		}
		got, err := decode(t, s, d, &source.Message{Value: message})
		reason := reasonOf(t, err)
		frugal(t, s, d, message)
		if reason != "" {
			return
		}
		var all map[string]any
		rest, err := writer.Decode(message, &all)
		if err != nil {
			return // in what isn't on a path: a block that says its size is skipped unread
		}
		if len(rest) > 0 {
			t.Fatalf("%x was taken, and %d bytes of it are left", message, len(rest))
		}
		card, _ := all["card"].(map[string]any)
		if got[1] != all["id"] || !all["happened"].(time.Time).Equal(got[0].(time.Time)) || card["id"] != got[2] || all["mixed"] != got[8] {
			t.Fatalf("%x: %v, and the library reads %v", message, got, all)
		}
	})
}
