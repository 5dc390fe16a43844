package record_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/store/record"
)

// share returns a pointer, as definitions have it.
func share(v float64) *float64 { return &v }

// TestCounterCountsEachType: which values are outside of a range or a list, for each type.
func TestCounterCountsEachType(t *testing.T) {
	f := func(typ schema.Type, e schema.ExpectedFeature, nulls, outside int64, values ...any) {
		t.Helper()
		e.Name = "v"
		view := viewOf(typ)
		view.Expect = &schema.Expectations{Features: []schema.ExpectedFeature{e}}
		c, err := record.NewCounter(view)
		if err != nil {
			t.Fatal(err)
		}
		all := recordOf(typ, nil, values...)
		for i := range all.NumRows() { // one by one: slices have offsets
			if err := c.Add(all.NewSlice(i, i+1)); err != nil {
				t.Fatal(err)
			}
		}
		n := int64(len(values))
		want := record.Counts{Rows: n, Newest: n, Features: []record.FeatureCounts{{Rows: n, Nulls: nulls, Outside: outside}}}
		if diff := cmp.Diff(want, c.Counts()); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", typ, e, diff)
		}
	}
	between := func(least, most schema.Literal) schema.ExpectedFeature {
		return schema.ExpectedFeature{Min: least, Max: most}
	}
	in := func(values ...schema.Literal) schema.ExpectedFeature { return schema.ExpectedFeature{In: values} }
	nulls := schema.ExpectedFeature{MaxNullShare: share(0)}
	nan, inf := math.NaN(), math.Inf(1)

	f(schema.Int32, between("-1", "7"), 1, 2, int32(-2), int32(-1), nil, int32(7), int32(8))
	f(schema.Int32, in("1", "3"), 0, 1, int32(1), int32(2), int32(3))
	f(schema.Int64, between("9007199254740993", ""), 0, 1, int64(9007199254740992), int64(9007199254740993))
	f(schema.Int64, between("", "9007199254740992"), 0, 1, int64(9007199254740992), int64(9007199254740993))
	f(schema.Float32, between("0.1", "0.2"), 0, 2, float32(0.1), float32(0.2), float32(nan), float32(0.3))
	f(schema.Float32, in("0.1"), 0, 1, float32(0.1), float32(0.10001))
	f(schema.Float64, between("0", ""), 1, 2, 0.0, math.Copysign(0, -1), inf, -inf, nan, nil)
	f(schema.Float64, between("", "0"), 0, 2, 0.0, math.Copysign(0, -1), inf, -inf, nan)
	f(schema.Float64, between("", `"Infinity"`), 0, 1, inf, -inf, nan)
	f(schema.Float64, in("0", "1.5"), 0, 2, math.Copysign(0, -1), 1.5, nan, 1.25)
	f(schema.Float64, nulls, 1, 0, nan, nil, inf)
	f(schema.Timestamp, between(`"2026-01-01T00:00:00Z"`, `"2026-01-01T00:00:00.000001Z"`), 0, 2, time.UnixMicro(1767225599999999), time.UnixMicro(1767225600000000), time.UnixMicro(1767225600000001), time.UnixMicro(1767225600000002))
	f(schema.Timestamp, in(`"1969-12-31T23:59:59Z"`), 0, 1, time.UnixMicro(-1000000), time.UnixMicro(0))
	f(schema.String, in(`""`, `"a"`), 1, 1, "", "a", "A", nil)
	f(schema.Bytes, in(`"AA=="`), 0, 1, []byte{0}, []byte{})
	f(schema.Bool, in("true"), 1, 1, true, false, nil)
	f(schema.List(schema.Int32), between("0", "9"), 1, 2, []any{int32(0), int32(9)}, []any{}, nil, []any{int32(0), int32(10)}, []any{int32(-1), int32(10)}, []any{int32(1)})
	f(schema.List(schema.Float64), between("0", ""), 0, 1, []any{nan}, []any{0.5})
	f(schema.List(schema.String), in(`"a"`), 0, 1, []any{"a", "a"}, []any{"a", "b"}, []any{})
	f(schema.List(schema.Bool), in("false"), 0, 1, []any{true}, []any{false})
	f(schema.Vector(schema.Float32, 2), between("-1", "1"), 1, 1, []any{float32(1), float32(-1)}, nil, []any{float32(1), float32(1.5)})
	f(schema.List(schema.Timestamp), between(`"1970-01-01T00:00:00Z"`, ""), 0, 1, []any{time.UnixMicro(-1)}, []any{time.UnixMicro(1)})
}

// TestCounterPassesOverDeletedRows: they are rows, and have no values.
func TestCounterPassesOverDeletedRows(t *testing.T) {
	view := viewOf(schema.Int64)
	view.Expect = &schema.Expectations{Features: []schema.ExpectedFeature{{Name: "v", Min: "0"}}}
	c, err := record.NewCounter(view)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Counts(); got.Newest != math.MinInt64 {
		t.Errorf("without rows: %+v", got)
	}
	if err := c.Add(recordOf(schema.Int64, []int{1, 2}, int64(-1), int64(-1), nil, int64(0))); err != nil {
		t.Fatal(err)
	}
	want := record.Counts{Rows: 4, Newest: 4, Features: []record.FeatureCounts{{Rows: 2, Outside: 1}}}
	if diff := cmp.Diff(want, c.Counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := c.Add(recordOf(schema.Int32, nil, int32(1))); err == nil {
		t.Error("a column of another type was counted")
	}
}

// BenchmarkCounter counts one feature of a record.
func BenchmarkCounter(b *testing.B) {
	const rows = 4096
	words := []any{"de", "at", "ch"}
	for _, x := range []struct {
		name   string
		typ    schema.Type
		expect schema.ExpectedFeature
		value  func(i int) any
	}{
		{"float64/range", schema.Float64, schema.ExpectedFeature{Min: "0", Max: "4000"}, func(i int) any { return float64(i) }},
		{"string/in", schema.String, schema.ExpectedFeature{In: []schema.Literal{`"de"`, `"at"`}}, func(i int) any { return words[i%3] }},
	} {
		b.Run(x.name, func(b *testing.B) {
			values := make([]any, rows)
			for i := range values {
				values[i] = x.value(i)
			}
			rec, view := recordOf(x.typ, nil, values...), viewOf(x.typ)
			x.expect.Name = "v"
			view.Expect = &schema.Expectations{Features: []schema.ExpectedFeature{x.expect}}
			c, err := record.NewCounter(view)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Add(rec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
