package training_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/training"
)

// hourly has 1000 counters with a row an hour, for 100 hours from 2025 on: counter
// id has id*1000 + the hour.
const hourly = `
CREATE TABLE hourly AS
SELECT id::bigint, '2025-01-01'::timestamptz + h * interval '1 hour' AS at, id * 1000 + h AS n, 'text ' || id % 7 AS s, id % 3 = 0 AS b, (id * 1000 + h)::float8 AS x
FROM generate_series(0, 999) id, generate_series(0, 99) h;
CREATE INDEX ON hourly (id, at);
ANALYZE hourly`

var hourlyStart = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func newHourly(t testing.TB) *world {
	t.Helper()
	feature := func(name string, t schema.Type) schema.Feature { return schema.Feature{Name: name, Type: t} }
	return newWorld(t, hourly, &schema.Definitions{
		Entities: []schema.Entity{{Name: "counter", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "hourly", Table: "hourly", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "h", Entities: []string{"counter"}, Source: "hourly", Features: []schema.Feature{
			feature("n", schema.Int64), feature("s", schema.String), feature("b", schema.Bool), feature("x", schema.Float64),
		}}},
		FeatureServices: []schema.FeatureService{
			{Name: "all", Features: []string{"h:*"}},
			{Name: "asked", Request: []schema.Feature{feature("amount", schema.Float64), feature("tags", schema.List(schema.String))}, Features: []string{"request:*", "h:n"}},
		},
	})
}

// hourlySpine has n rows: row i asks for counter i*7 % 1000 at half past hour i % 100.
func hourlySpine(n int) *spineOf {
	ids, times, rows := make([]int64, n), make([]int64, n), make([]string, n)
	for i := range n {
		ids[i], rows[i] = int64(i*7%1000), fmt.Sprint("row ", i)
		times[i] = hourlyStart.Add(time.Duration(i%100)*time.Hour + 30*time.Minute).UnixMicro()
	}
	return new(spineOf).ints("id", ids...).times("event_time", times...).strings("row", rows...)
}

// TestLargeSpines: sets of many batches, by look-ups and by reading the history,
// are in the spine's order, and the same whatever the batches the spine comes in.
func TestLargeSpines(t *testing.T) {
	const rows = 30_000
	w := newHourly(t)
	spine := hourlySpine(rows).record()
	digests := map[string]bool{}
	for _, histories := range []bool{false, true} {
		for _, batch := range []int64{100, 8192, 9999, rows} {
			set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("all")})
			if err != nil {
				t.Fatal(err)
			}
			set.ReadHistories(histories)
			out, m := w.run(set, spine, batch)
			digests[m.SpineDigest] = true
			i := 0
			for _, rec := range out {
				for at := range int(rec.NumRows()) {
					id := int64(i * 7 % 1000)
					want := []any{fmt.Sprint("row ", i), id*1000 + int64(i%100), fmt.Sprint("text ", id%7), id%3 == 0, float64(id*1000 + int64(i%100))}
					for k, v := range want {
						if got := arrowCell(rec.Column(2+k), at); got != v {
							t.Fatalf("histories %v, batches of %d: row %d has %v in column %s; want %v", histories, batch, i, got, rec.ColumnName(2+k), v)
						}
					}
					i++
				}
			}
			if i != rows || m.Rows != rows || m.Views[0].Found != rows {
				t.Errorf("%d rows, and %+v", i, m)
			}
		}
	}
	if len(digests) != 1 {
		t.Errorf("one spine in different batches has the digests %v", digests)
	}
	if _, m := w.build(training.Request{Plan: w.plan("all")}, hourlySpine(rows-1).record(), rows); digests[m.SpineDigest] {
		t.Error("another spine has the same digest")
	}
}

// TestManifestStatistics compares the statistics of a set with the exact ones.
func TestManifestStatistics(t *testing.T) {
	const rows = 20_000
	w := newHourly(t)
	_, m := w.build(training.Request{Plan: w.plan("all")}, hourlySpine(rows).record(), rows)
	var values []float64
	texts := map[string]int64{}
	for i := range rows {
		values = append(values, float64(i*7%1000*1000+i%100))
		texts[fmt.Sprint("text ", i*7%1000%7)]++
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	byName := map[string]training.FeatureStatistics{}
	for _, f := range m.Features {
		byName[f.Name] = f
	}
	x := byName["h__x"]
	if x.Count != rows || x.Nulls != 0 || x.Present != rows || *x.Min != values[0] || *x.Max != values[rows-1] || math.Abs(*x.Mean/(sum/rows)-1) > 1e-12 {
		t.Errorf("numbers: %+v", x)
	}
	for i, q := range []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} {
		if want := values[int(q*(rows-1))]; math.Abs(x.Quantiles[i]/want-1) > 0.011 {
			t.Errorf("quantile %v is %v, and %v exactly", q, x.Quantiles[i], want)
		}
	}
	for _, top := range byName["h__s"].TopValues {
		if top.Count != texts[top.Value.(string)] {
			t.Errorf("%v is counted %d times, and is there %d times", top.Value, top.Count, texts[top.Value.(string)])
		}
	}
	if s, b := byName["h__s"], byName["h__b"]; len(s.TopValues) != len(texts) || s.Mean != nil || len(b.TopValues) != 2 || b.TopValues[0].Value != false {
		t.Errorf("texts %+v, bools %+v", s, b)
	}
}

// TestSpinesOfOtherTypes: columns with the same values make the same set.
func TestSpinesOfOtherTypes(t *testing.T) {
	w := newHourly(t)
	mem := memory.DefaultAllocator
	at := hourlyStart.Add(90 * time.Minute)
	one := func(typ arrow.DataType, json string) arrow.Array {
		t.Helper()
		a, _, err := array.FromJSON(mem, typ, strings.NewReader(json))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	stamps := func(unit arrow.TimeUnit, v ...int64) arrow.Array {
		b := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: unit, TimeZone: "Europe/Berlin"})
		defer b.Release()
		for _, t := range v {
			b.Append(arrow.Timestamp(t))
		}
		return b.NewArray()
	}
	f := func(id, times, amount, tags arrow.Array, want ...any) {
		t.Helper()
		spine := new(spineOf).add("id", id).add("event_time", times).add("amount", amount).add("tags", tags).record()
		out, _ := w.build(training.Request{Plan: w.plan("asked")}, spine, 10)
		var got []any
		for i := range 3 {
			got = append(got, arrowCell(out[0].Column(4+i), 0))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("id %s, time %s, amount %s, tags %s (-want +got):\n%s", id, times, amount, tags, diff)
		}
	}
	tags := one(arrow.ListOf(arrow.BinaryTypes.String), `[["a", "b"]]`)
	texts := []any{"a", "b"}
	amount := one(arrow.PrimitiveTypes.Float64, `[1.5]`)
	micros := stamps(arrow.Microsecond, at.UnixMicro())
	for _, typ := range []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64,
	} {
		f(one(typ, `[5]`), micros, amount, tags, 1.5, texts, int64(5001))
	}
	id := one(arrow.PrimitiveTypes.Int64, `[5]`)
	f(id, stamps(arrow.Second, at.Unix()), amount, tags, 1.5, texts, int64(5001))
	f(id, stamps(arrow.Millisecond, at.UnixMilli()), amount, tags, 1.5, texts, int64(5001))
	f(id, stamps(arrow.Nanosecond, at.UnixNano()), amount, tags, 1.5, texts, int64(5001))
	hour := hourlyStart.Add(time.Hour).UnixNano()
	f(id, stamps(arrow.Nanosecond, hour-1), amount, tags, 1.5, texts, int64(5000)) // not yet, by a nanosecond
	f(id, stamps(arrow.Nanosecond, hour), amount, tags, 1.5, texts, int64(5001))
	f(id, stamps(arrow.Nanosecond, -1), amount, tags, 1.5, texts, nil)
	f(id, micros, one(arrow.PrimitiveTypes.Float32, `[1.5]`), one(arrow.LargeListOf(arrow.BinaryTypes.LargeString), `[["a", "b"]]`), 1.5, texts, int64(5001))
	f(id, micros, one(arrow.PrimitiveTypes.Int32, `[3]`), one(arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), `[["a", "b"]]`), 3.0, texts, int64(5001))
	f(id, micros, array.NewNull(1), array.NewNull(1), nil, nil, int64(5001))
	categories := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.PrimitiveTypes.Int64}, one(arrow.PrimitiveTypes.Int8, `[1]`), one(arrow.PrimitiveTypes.Int64, `[9, 5]`))
	f(categories, micros, amount, tags, 1.5, texts, int64(5001))
}

// TestSpinesThatCannotBe: faults are found from the columns alone.
func TestSpinesThatCannotBe(t *testing.T) {
	w := newHourly(t)
	utc := arrow.FixedWidthTypes.Timestamp_us
	f := func(service, want string, fields ...arrow.Field) {
		t.Helper()
		_, err := training.New(w.store, arrow.NewSchema(fields, nil), training.Request{Plan: w.plan(service)})
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	id, at := arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "event_time", Type: utc}
	f("all", `the spine has no column "id" (int64)`, at)
	f("all", `the spine has two columns "id"`, id, id, at)
	f("all", `the spine has no column "event_time" with the time of each row; it has id. Name the column with the times as event_time_column`, id)
	f("all", `the spine's column "event_time" is a timestamp without a time zone`, id, arrow.Field{Name: "event_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond}})
	f("all", `the spine's column "event_time" is utf8; it must be a timestamp with a time zone: in pandas df["event_time"] = pandas.to_datetime(df["event_time"], utc=True), in polars`, id, arrow.Field{Name: "event_time", Type: arrow.BinaryTypes.String})
	f("all", `"id"`, arrow.Field{Name: "id", Type: arrow.BinaryTypes.String}, at)
	f("all", `"id"`, arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Float64}, at)
	f("all", `date32 is of no use here; it must be int64`, arrow.Field{Name: "id", Type: arrow.FixedWidthTypes.Date32}, at)
	f("all", `rename the spine's column "h__n"`, id, at, arrow.Field{Name: "h__n", Type: arrow.PrimitiveTypes.Int64})
	for _, mode := range []arrow.DataType{arrow.DenseUnionOf([]arrow.Field{id}, []arrow.UnionTypeCode{0}), arrow.SparseUnionOf([]arrow.Field{id}, []arrow.UnionTypeCode{0})} {
		f("all", `leave out the spine's column "any"`, id, at, arrow.Field{Name: "any", Type: arrow.ListOf(mode)})
	}
	amount, tags := arrow.Field{Name: "amount", Type: arrow.PrimitiveTypes.Float64}, arrow.Field{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String)}
	f("asked", `"tags"`, id, at, amount)
	f("asked", `"amount"`, id, at, arrow.Field{Name: "amount", Type: arrow.BinaryTypes.String}, tags)
	f("asked", `"tags"`, id, at, amount, arrow.Field{Name: "tags", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64)})
}

// TestColumnsThatOnlyPass: columns of any type but unions come back untouched,
// those too that can't be put end to end.
func TestColumnsThatOnlyPass(t *testing.T) {
	w := newHourly(t)
	mem := memory.DefaultAllocator
	strukt := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int8, Nullable: true}, arrow.Field{Name: "m", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.FixedWidthTypes.Date32), Nullable: true})
	for _, typ := range []arrow.DataType{
		&arrow.Decimal128Type{Precision: 30, Scale: 5}, arrow.FixedWidthTypes.Duration_s, arrow.FixedWidthTypes.Float16, arrow.Null,
		arrow.ListOf(strukt), &arrow.FixedSizeBinaryType{ByteWidth: 3}, arrow.BinaryTypes.StringView, strukt, arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String),
	} {
		b := array.NewBuilder(mem, typ)
		for i := range 100 {
			if i%3 == 0 {
				b.AppendNull()
			} else {
				b.AppendEmptyValue()
			}
		}
		column := b.NewArray()
		spine := hourlySpine(100).add("column", column).record()
		out, m := w.build(training.Request{Plan: w.plan("all")}, spine, 7)
		first := int64(0)
		for _, rec := range out {
			if part := array.NewSlice(column, first, first+rec.NumRows()); !array.Equal(part, rec.Column(3)) {
				t.Errorf("%s: got %s, want %s", typ, rec.Column(3), part)
			}
			first += rec.NumRows()
		}
		if m.Rows != 100 || first != 100 {
			t.Errorf("%s: %d rows, and %d in the manifest", typ, first, m.Rows)
		}
	}
}

var errEnough = errors.New("enough")

// TestSetsThatEndEarly: whoever ends a set gets that told, and no connection
// stays behind.
func TestSetsThatEndEarly(t *testing.T) {
	w := newHourly(t)
	spine := hourlySpine(40_000).record()
	f := func(ctx context.Context, in array.RecordReader, visit func(arrow.Record) error, want error) {
		t.Helper()
		set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("all")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Run(ctx, in, visit); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		var open int
		if err := w.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'").Scan(&open); err != nil || open > 0 {
			t.Errorf("%d transactions were left open, %v", open, err)
		}
	}
	take := func(arrow.Record) error { return nil }
	f(t.Context(), reader(t, spine, 1000), func(arrow.Record) error { return errEnough }, errEnough)
	f(t.Context(), &failing{RecordReader: reader(t, spine, 1000), after: 20}, take, errEnough)
	ctx, stop := context.WithCancel(t.Context())
	f(ctx, reader(t, spine, 1000), func(arrow.Record) error { stop(); return nil }, context.Canceled)
	w.build(training.Request{Plan: w.plan("all")}, spine, 1000)
}

// failing is a spine that ends with an error after some batches.
type failing struct {
	array.RecordReader
	after int
}

func (f *failing) Next() bool {
	f.after--
	return f.after >= 0 && f.RecordReader.Next()
}

func (f *failing) Err() error { return errEnough }
