package offline_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/schema"
)

// micros2025 is 2025-01-01T00:00:00Z.
const micros2025 = 1_735_689_600_000_000

// TestEveryType reads one value of each Postgres type as each type that it can
// be declared as.
func TestEveryType(t *testing.T) {
	type test struct {
		sql  string
		typ  schema.Type
		want any
	}
	tests := []test{
		{"true", schema.Bool, true},
		{"false", schema.Bool, false},
		{"NULL::boolean", schema.Bool, nil},
		{"(-32768)::smallint", schema.Int32, int32(-32768)},
		{"32767::smallint", schema.Int64, int64(32767)},
		{"7::smallint", schema.Float32, float32(7)},
		{"7::smallint", schema.Float64, float64(7)},
		{"(-2147483648)::integer", schema.Int32, int32(math.MinInt32)},
		{"2147483647::integer", schema.Int64, int64(math.MaxInt32)},
		{"(-9223372036854775808)::bigint", schema.Int64, int64(math.MinInt64)},
		{"9223372036854775807::bigint", schema.Int64, int64(math.MaxInt64)},
		{"2147483647::bigint", schema.Int32, int32(math.MaxInt32)},
		{"9007199254740993::bigint", schema.Float64, float64(9007199254740992)},
		{"1.5::real", schema.Float32, float32(1.5)},
		{"'3.4028235e38'::real", schema.Float32, float32(math.MaxFloat32)},
		{"'NaN'::real", schema.Float32, float32(math.NaN())},
		{"'-Infinity'::real", schema.Float64, math.Inf(-1)},
		{"0.1::real", schema.Float64, float64(float32(0.1))},
		{"12::real", schema.Int64, int64(12)},
		{"'5e-324'::double precision", schema.Float64, 5e-324},
		{"'1.7976931348623157e308'::double precision", schema.Float64, math.MaxFloat64},
		{"'NaN'::double precision", schema.Float64, math.NaN()},
		{"'Infinity'::double precision", schema.Float32, float32(math.Inf(1))},
		{"0.1::double precision", schema.Float32, float32(0.1)},
		{"(-3)::double precision", schema.Int32, int32(-3)},
		{"12.50::numeric", schema.Float64, 12.5},
		{"0::numeric", schema.Float64, 0.0},
		{"0.1::numeric", schema.Float32, float32(0.1)},
		{"'NaN'::numeric", schema.Float64, math.NaN()},
		{"'Infinity'::numeric", schema.Float64, math.Inf(1)},
		{"1e-400::numeric", schema.Float64, 0.0},
		{"9223372036854775807::numeric", schema.Int64, int64(math.MaxInt64)},
		{"(-9223372036854775808)::numeric", schema.Int64, int64(math.MinInt64)},
		{"10000::numeric", schema.Int32, int32(10000)},
		{"20.00::numeric(10,2)", schema.Int64, int64(20)},
		{"'zoë'::text", schema.String, "zoë"},
		{"''::varchar", schema.String, ""},
		{"'a '::char(3)", schema.String, "a  "},
		{"'n'::name", schema.String, "n"},
		{"'{\"a\":  1}'::json", schema.String, `{"a":  1}`},
		{"'{\"a\":  1}'::jsonb", schema.String, `{"a": 1}`},
		{"'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", schema.String, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
		{"'gold'::tier", schema.String, "gold"},
		{"5::score", schema.Int64, int64(5)},
		{`'\x00ff'::bytea`, schema.Bytes, []byte{0, 0xff}},
		{`''::bytea`, schema.Bytes, []byte{}},
		{"'2025-01-01 00:00:00.000001+00'::timestamptz", schema.Timestamp, int64(micros2025 + 1)},
		{"'4714-11-24 00:00:00+00 BC'::timestamptz", schema.Timestamp, int64(schema.BeginningOfTime)},
		{"'9999-12-31 23:59:59.999999+00'::timestamptz", schema.Timestamp, int64(schema.EndOfTime)},
		{"'1969-12-31 23:59:59.999999+00'::timestamptz", schema.Timestamp, int64(-1)},
		{"'2025-01-01 01:00:00'::timestamp", schema.Timestamp, int64(micros2025)},
		{"'2025-01-02'::date", schema.Timestamp, int64(micros2025 + 23*3600_000_000)},
		{"ARRAY[true,false]", schema.List(schema.Bool), []any{true, false}},
		{"ARRAY[1,-2]::smallint[]", schema.List(schema.Int32), []any{int32(1), int32(-2)}},
		{"ARRAY[1,-2]::bigint[]", schema.List(schema.Int64), []any{int64(1), int64(-2)}},
		{"ARRAY[0.5]::real[]", schema.List(schema.Float32), []any{float32(0.5)}},
		{"ARRAY[0.5,'NaN']::double precision[]", schema.List(schema.Float64), []any{0.5, math.NaN()}},
		{"ARRAY[0.5]::numeric[]", schema.List(schema.Float64), []any{0.5}},
		{"ARRAY['a','','c']", schema.List(schema.String), []any{"a", "", "c"}},
		{"ARRAY['gold']::tier[]", schema.List(schema.String), []any{"gold"}},
		{"ARRAY[5]::score[]", schema.List(schema.Int64), []any{int64(5)}},
		{`ARRAY['\x01']::bytea[]`, schema.List(schema.Bytes), []any{[]byte{1}}},
		{"ARRAY['2025-01-01 00:00:00+00']::timestamptz[]", schema.List(schema.Timestamp), []any{int64(micros2025)}},
		{"ARRAY['2025-01-01 01:00:00','2025-01-02 01:00:00']::timestamp[]", schema.List(schema.Timestamp), []any{int64(micros2025), int64(micros2025 + 86400_000_000)}},
		{"'{}'::bigint[]", schema.List(schema.Int64), []any{}},
		{"ARRAY[0.5,'NaN','-Infinity']::real[]", schema.Vector(schema.Float32, 3), []any{float32(0.5), float32(math.NaN()), float32(math.Inf(-1))}},
		{"ARRAY[0.5]::double precision[]", schema.Vector(schema.Float64, 1), []any{0.5}},
		{"ARRAY[0.1]::double precision[]", schema.Vector(schema.Float32, 1), []any{float32(0.1)}},
		{"ARRAY[1,-2]::int[]", schema.Vector(schema.Int32, 2), []any{int32(1), int32(-2)}},
		{"ARRAY[1,-2]::bigint[]", schema.Vector(schema.Int64, 2), []any{int64(1), int64(-2)}},
		{"'[5:6]={1,2}'::int[]", schema.Vector(schema.Int64, 2), []any{int64(1), int64(2)}},
		{"NULL::real[]", schema.Vector(schema.Float32, 3), nil},
		{"NULL::timestamp[]", schema.List(schema.Timestamp), nil},
		{"NULL::text[]", schema.List(schema.String), nil},
	}
	var features []schema.Feature
	var columns []string
	want := []any{int64(1), int64(micros2025), nil, false}
	for i, x := range tests {
		name := fmt.Sprintf("f%d", i)
		features = append(features, schema.Feature{Name: name, Type: x.typ})
		columns = append(columns, x.sql+" AS "+name)
		want = append(want, x.want)
	}
	w := newWorld(t, "CREATE TYPE tier AS ENUM ('gold', 'silver'); CREATE DOMAIN score AS bigint CHECK (VALUE > 0)", schema.Source{
		Query:          "SELECT 1::bigint AS id, '2025-01-01 00:00:00+00'::timestamptz AS at, " + strings.Join(columns, ", ") + " -- a comment",
		TimestampField: "at", TimeZone: "Europe/Berlin",
	}, idKey, features...)
	if _, err := w.store.Check(t.Context(), w.view); err != nil {
		t.Fatal(err)
	}
	rows, bad := w.read(everything())
	if len(bad) > 0 {
		t.Fatalf("bad rows: %v", bad)
	}
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, got := range rows[0] {
		if d := cmp.Diff(want[i], got, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("column %d: %s", i, d)
			if i >= 4 {
				t.Errorf("that is %s as %s", tests[i-4].sql, tests[i-4].typ)
			}
		}
	}
}

// TestBadRows reads rows of which each has one fault.
func TestBadRows(t *testing.T) {
	long := fmt.Sprint(schema.MaxValueBytes + 1)
	tests := []struct {
		change string
		reason schema.BadReason
		sample string
	}{
		{"id = NULL", schema.NullKey, `id=null`},
		{"at = NULL", schema.NullTime, `id=%d at=null`},
		{"at = 'infinity'", schema.TimeRange, `id=%d at=infinity`},
		{"at = '-infinity'", schema.TimeRange, `id=%d at=-infinity`},
		{"loaded = 'infinity'", schema.TimeRange, `id=%d loaded=infinity`},
		{"i32 = 2147483648", schema.OutOfRange, `id=%d i32=2147483648`},
		{"i64 = 9223372036854775808", schema.OutOfRange, `id=%d i64=9223372036854775808`},
		{"i64 = -9223372036854775809", schema.OutOfRange, `id=%d i64=-9223372036854775809`},
		{"i64 = 1e30", schema.OutOfRange, `id=%d i64=100e28`},
		{"i64 = 1.5", schema.OutOfRange, `id=%d i64=1.5`},
		{"i64 = 'NaN'", schema.NotANumber, `id=%d i64=NaN`},
		{"f32 = 1e300", schema.OutOfRange, `id=%d f32=1e+300`},
		{"whole = 'NaN'", schema.NotANumber, `id=%d whole=NaN`},
		{"whole = 'Infinity'", schema.NotANumber, `id=%d whole=+Inf`},
		{"whole = 9223372036854775808", schema.OutOfRange, `id=%d whole=9.223372036854776e+18`},
		{"t = repeat('x', " + long + ")", schema.TooLarge, `id=%d t="` + strings.Repeat("x", 48) + `"`},
		{"list = ARRAY[1, NULL]", schema.NullInList, `id=%d list=bigint[] of 36 bytes`},
		{"list = ARRAY[[1,2],[3,4]]", schema.BadShape, `id=%d list=bigint[] of 76 bytes`},
		{"list = array_fill(1, ARRAY[140000])", schema.TooLarge, `id=%d list=bigint[] of 1680020 bytes`},
		{"vec = ARRAY[1]", schema.BadLength, `id=%d vec=real[] of length 1, not 2`},
		{"vec = ARRAY[1, 2, 3]", schema.BadLength, `id=%d vec=real[] of length 3, not 2`},
		{"vec = '{}'", schema.BadLength, `id=%d vec=real[] of length 0, not 2`},
		{"vec = ARRAY[1, NULL]", schema.NullInList, `id=%d vec=real[] of 32 bytes`},
		{"vec = ARRAY[[1, 2]]", schema.BadShape, `id=%d vec=real[] of 44 bytes`},
		{"seen = 'infinity'", schema.TimeRange, `id=%d seen=infinity`},
		{"seen = '12000-01-01'", schema.TimeRange, `id=%d seen=after the year 9999`},
	}
	w := newWorld(t, `CREATE TABLE f (id bigint, at timestamptz, loaded timestamptz, i32 bigint, i64 numeric, f32 double precision,
			whole double precision, t text, list bigint[], vec real[], seen timestamptz);
		INSERT INTO f SELECT g, '2025-01-01', '2025-01-02', 1, 2, 3, 4, 'five', '{6,7}', '{8,9}', '2025-01-03' FROM generate_series(1, 50) g`,
		schema.Source{Table: "f", TimestampField: "at", CreatedTimestampColumn: "loaded"}, idKey,
		schema.Feature{Name: "i32", Type: schema.Int32}, schema.Feature{Name: "i64", Type: schema.Int64}, schema.Feature{Name: "f32", Type: schema.Float32},
		schema.Feature{Name: "whole", Type: schema.Int64}, schema.Feature{Name: "t", Type: schema.String},
		schema.Feature{Name: "list", Type: schema.List(schema.Int64)}, schema.Feature{Name: "vec", Type: schema.Vector(schema.Float32, 2)}, schema.Feature{Name: "seen", Type: schema.Timestamp})
	want := map[schema.BadRow]bool{}
	for i, x := range tests {
		w.exec("UPDATE f SET "+x.change+" WHERE id = $1", i+1)
		sample := x.sample
		if strings.Contains(sample, "%d") {
			sample = fmt.Sprintf(sample, i+1)
		}
		want[schema.BadRow{Reason: x.reason, Sample: sample}] = true
	}
	rows, bad := w.read(everything())
	if len(rows) != 50-len(tests) {
		t.Errorf("%d good rows, want %d", len(rows), 50-len(tests))
	}
	for _, row := range rows {
		good := []any{row[0], int64(1735689600000000), int64(1735776000000000), false, int32(1), int64(2), float32(3), int64(4), "five", []any{int64(6), int64(7)}, []any{float32(8), float32(9)}, int64(1735862400000000)}
		if d := cmp.Diff(good, row); d != "" {
			t.Fatal(d)
		}
	}
	perReason := map[schema.BadReason]int{}
	for _, b := range bad {
		perReason[b.Reason]++
		if b.Sample == "" && perReason[b.Reason] > 5 {
			continue // only the first few of a reason show what they hold
		}
		if !want[b] {
			t.Errorf("unexpected: %+v", b)
		}
		delete(want, b)
	}
	if len(bad) != len(tests) {
		t.Errorf("%d bad rows, want %d", len(bad), len(tests))
	}
}

// TestBadRowsKeepSecrets: neither samples nor errors have values of sensitive features.
func TestBadRowsKeepSecrets(t *testing.T) {
	w := newWorld(t, `CREATE TABLE f (id bigint, at timestamptz, secret bigint, plain bigint, length numeric[]);
		INSERT INTO f VALUES (1, '2025-01-01', 987654321987, 1, '{1,2}'), (2, '2025-01-01', 2, 123456789123, '{1,2}'), (3, '2025-01-01', 2, 2, '{1}')`,
		schema.Source{Table: "f", TimestampField: "at"}, idKey,
		schema.Feature{Name: "secret", Type: schema.Int32, Sensitive: true}, schema.Feature{Name: "plain", Type: schema.Int32},
		schema.Feature{Name: "length", Type: schema.Vector(schema.Float32, 2), Sensitive: true})
	rows, bad := w.read(everything())
	want := []schema.BadRow{
		{Reason: schema.OutOfRange, Sample: "id=1 secret=(withheld)"},
		{Reason: schema.OutOfRange, Sample: "id=2 plain=123456789123"},
		{Reason: schema.BadLength, Sample: "id=3 length=numeric[] of length 1, not 2"},
	}
	if diff := cmp.Diff(want, bad); diff != "" || len(rows) != 0 {
		t.Errorf("%d good rows; bad ones (-want +got):\n%s", len(rows), diff)
	}
	for _, sensitive := range []bool{false, true} {
		v := view(t, schema.Source{Query: "SELECT id, at, ('x' || secret)::int AS secret FROM f", TimestampField: "at"}, idKey, schema.Feature{Name: "secret", Type: schema.Int32, Sensitive: sensitive})
		err := w.store.Window(t.Context(), v, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
		if text := fmt.Sprintf("%v %+v", err, errors.Unwrap(err)); err == nil || strings.Contains(text, "987654321987") == sensitive || !strings.Contains(text, "22P02") {
			t.Errorf("sensitive %t: %s", sensitive, text)
		}
	}
}

// TestTimesBeyondTheRange: one row with a time that Postgres holds and timestamps with
// a zone don't is a bad row, and the others are read.
func TestTimesBeyondTheRange(t *testing.T) {
	for _, typ := range []string{"date", "timestamp", "timestamptz"} {
		for _, far := range []string{"5000000-01-01", "294276-12-31", "10000-01-05", "4714-11-24 BC", "infinity", "-infinity"} {
			if typ != "date" && far == "5000000-01-01" {
				continue // only a date
			}
			for _, column := range []string{"at", "seen", "list"} {
				if far == "4714-11-24 BC" && typ == "timestamptz" {
					continue // in range
				}
				value := "'" + far + "'"
				if column == "list" {
					value = "'{2025-01-01," + far + "}'"
				}
				w := newWorld(t, `CREATE TABLE f (id bigint, at `+typ+`, seen `+typ+`, list `+typ+`[]);
					INSERT INTO f SELECT g, '2025-01-01', '2025-01-02', '{2025-01-03}' FROM generate_series(1, 5) g;
					UPDATE f SET `+column+` = `+value+` WHERE id = 3`,
					schema.Source{Table: "f", TimestampField: "at", TimeZone: "Asia/Tokyo"}, idKey,
					schema.Feature{Name: "seen", Type: schema.Timestamp}, schema.Feature{Name: "list", Type: schema.List(schema.Timestamp)})
				rows, bad := w.read(everything())
				if len(rows) != 4 || len(bad) != 1 || bad[0].Reason != schema.TimeRange {
					t.Errorf("%s %s in %s: %d rows, bad %v", typ, far, column, len(rows), bad)
				}
			}
		}
	}
}
