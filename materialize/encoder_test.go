package materialize_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/materialize"
	"larder/schema"
)

// TestEveryTypeReachesTheStore moves a row of every type, and one of nulls, in
// batches that are slices of others.
func TestEveryTypeReachesTheStore(t *testing.T) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 1000, time.UTC)
	values := []struct {
		typ  schema.Type
		sql  string
		want any
	}{
		{schema.Bool, "true", true},
		{schema.Int32, "-2147483648", int32(math.MinInt32)},
		{schema.Int64, "9223372036854775807", int64(math.MaxInt64)},
		{schema.Float32, "'NaN'::real", float32(math.NaN())},
		{schema.Float64, "0.1::double precision", 0.1},
		{schema.String, "'zoë'::text", "zoë"},
		{schema.Bytes, `'\x00ff'::bytea`, []byte{0, 0xff}},
		{schema.Timestamp, "'2025-01-01 00:00:00.000001+00'::timestamptz", at},
		{schema.List(schema.Bool), "ARRAY[true, false]", []any{true, false}},
		{schema.List(schema.Int32), "ARRAY[1, -1]", []any{int32(1), int32(-1)}},
		{schema.List(schema.Int64), "ARRAY[1, -1]::bigint[]", []any{int64(1), int64(-1)}},
		{schema.List(schema.Float32), "ARRAY[0.5]::real[]", []any{float32(0.5)}},
		{schema.List(schema.Float64), "'{}'::double precision[]", []any{}},
		{schema.List(schema.String), "ARRAY['a', '', 'c']", []any{"a", "", "c"}},
		{schema.List(schema.Bytes), `ARRAY['\x01', '']::bytea[]`, []any{[]byte{1}, []byte{}}},
		{schema.List(schema.Timestamp), "ARRAY['2025-01-01 00:00:00.000001+00']::timestamptz[]", []any{at}},
	}
	defs := spend()
	defs.Sources[0] = schema.Source{Name: "daily", TimestampField: "at"}
	defs.FeatureViews[0].Features = nil
	query, want, nulls := "SELECT id, '2025-01-01'::timestamptz AS at", []any{}, make([]any, len(values))
	for i, v := range values {
		name := string(rune('a' + i))
		defs.FeatureViews[0].Features = append(defs.FeatureViews[0].Features, schema.Feature{Name: name, Type: v.typ})
		query += ", CASE WHEN id <> 2 THEN " + v.sql + " END AS " + name
		want = append(want, v.want)
	}
	defs.Sources[0].Query = query + " FROM generate_series(1::bigint, 4) id"
	w, source := newFaultyWorld(t, "", defs)
	source.set(func(f *faulty) { f.chunk = 1 })
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsWritten != 4 {
		t.Fatalf("%+v", run)
	}
	rows := w.rows("spend")
	for id := int64(1); id <= 4; id++ {
		expected := want
		if id == 2 {
			expected = nulls
		}
		if d := cmp.Diff(expected, rows[id].Values, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("row %d: %s", id, d)
		}
	}
}

// TestEveryKeyTypeReachesTheStore moves a row whose key has a part of each type.
func TestEveryKeyTypeReachesTheStore(t *testing.T) {
	defs := spend()
	defs.Sources[0] = schema.Source{Name: "daily", TimestampField: "at", Query: `SELECT true AS a, (-5)::int AS b, 7::numeric AS c, E'x\ty' AS d,
		'\x0001'::bytea AS e, '1969-12-31 23:59:59.999999+00'::timestamptz AS f, '1969-01-01'::timestamptz AS at, 1 AS n`}
	defs.Entities[0].JoinKeys = []schema.JoinKey{
		{Name: "a", Type: schema.Bool},
		{Name: "b", Type: schema.Int32},
		{Name: "c", Type: schema.Int64},
		{Name: "d", Type: schema.String},
		{Name: "e", Type: schema.Bytes},
		{Name: "f", Type: schema.Timestamp},
	}
	w := newWorld(t, "", defs, nil)
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsWritten != 1 {
		t.Fatalf("%+v", run)
	}
	want := [][]any{{true, int32(-5), int64(7), "x\ty", []byte{0, 1}, time.UnixMicro(-1).UTC()}}
	if d := cmp.Diff(want, w.keys("spend")); d != "" {
		t.Fatal(d)
	}
}
