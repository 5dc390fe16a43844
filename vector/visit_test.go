package vector_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/store/row"
	"larder/vector"
)

// begin returns a batch for the customers, at a time, that will give columns.
func begin(t testing.TB, plan *schema.Plan, now int64, customers ...int64) *vector.Batch {
	t.Helper()
	b := program(t, plan).NewBatch()
	b.Reset(len(customers), now)
	if err := b.BindKeys(ids(customers...)); err != nil {
		t.Fatal(err)
	}
	b.WantColumns()
	return b
}

const (
	now  = int64(1_700_000_000_000_000)
	hour = int64(3_600_000_000)
)

func TestStatusToTheMicrosecond(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int64=-1", ""))
	f := func(now, eventTime int64, want schema.Status, age, value int64) {
		t.Helper()
		b := begin(t, plan, now, 7)
		if err := b.Visit(0, eventTime, build(plan.Views[0].View, 0, int64(5))); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		c := b.Columns()[0]
		if b.Statuses(0)[0] != want || c.Statuses[0] != want || b.Ages(0)[0] != age || c.Int64s[0] != value || c.IsNull(0) {
			t.Fatalf("got %s %s age %d value %d; want %s age %d value %d", b.Statuses(0)[0], c.Statuses[0], b.Ages(0)[0], c.Int64s[0], want, age, value)
		}
	}
	f(now, now, schema.StatusPresent, 0, 5)
	f(now, now+1, schema.StatusNotFound, 0, -1)
	f(now, now-hour, schema.StatusPresent, hour, 5)
	f(now, now-hour-1, schema.StatusOutsideMaxAge, hour+1, -1)
	f(-1, -1-hour, schema.StatusPresent, hour, 5)
	f(0, schema.BeginningOfTime, schema.StatusOutsideMaxAge, -schema.BeginningOfTime, -1)
	f(math.MaxInt64, math.MinInt64, schema.StatusOutsideMaxAge, math.MaxInt64, -1)
	f(math.MinInt64, math.MaxInt64, schema.StatusNotFound, 0, -1)
}

// TestIngestTime: at an earlier time, what had not yet arrived can't be known.
func TestIngestTime(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int64", ""))
	f := func(ingest int64, want schema.Status) {
		t.Helper()
		stored := row.NewBuilder(row.NewLayout(plan.Views[0].Layouts[0]), 0)
		stored.Reset(ingest, false)
		b := begin(t, plan, now, 7)
		if err := b.Visit(0, now-hour, stored.Row()); err != nil {
			t.Fatal(err)
		}
		if got := b.Statuses(0)[0]; got != want {
			t.Fatalf("ingested %d microseconds after now: %s; want %s", ingest-now, got, want)
		}
	}
	f(now, schema.StatusPresent)
	f(now+1, schema.StatusNotFound)
	f(schema.NoIngestTime, schema.StatusPresent)
}

func TestWithoutTTLNoRowIsTooOld(t *testing.T) {
	defs := oneView(t, "count:int64", "")
	defs.FeatureViews[0].TTL = 0
	plan := servicePlan(t, defs)
	b := begin(t, plan, math.MaxInt64, 7)
	if err := b.Visit(0, math.MinInt64, build(plan.Views[0].View, 0, int64(5))); err != nil {
		t.Fatal(err)
	}
	if got := b.Statuses(0)[0]; got != schema.StatusPresent {
		t.Fatalf("%s", got)
	}
}

func TestTombstoneIsNotFound(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int64=-1", ""))
	v := plan.Views[0].View
	deleted := row.NewBuilder(row.NewLayout(v.Layouts[0]), 0)
	deleted.Reset(now, true)
	b := begin(t, plan, now, 7)
	if err := b.Visit(0, now, deleted.Row()); err != nil {
		t.Fatal(err)
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if c := b.Columns()[0]; c.Statuses[0] != schema.StatusNotFound || c.Int64s[0] != -1 || b.Ages(0)[0] != 0 {
		t.Fatalf("%s, value %d, age %d", c.Statuses[0], c.Int64s[0], b.Ages(0)[0])
	}
}

// TestOldLayouts: rows written before features came, went and moved.
func TestOldLayouts(t *testing.T) {
	plan := servicePlan(t, oneView(t, "a:int64 b:string", ""), oneView(t, "b:string", ""), oneView(t, "c:float64=0.5 b:string a:int64 d:list<int32>", ""))
	v := plan.Views[0].View
	b := begin(t, plan, now, 1, 2, 3)
	rows := [][]byte{
		build(v, 0, int64(5), "old"),
		build(v, 1, "older"),
		build(v, 2, 1.5, "new", int64(6), []any{int32(1), int32(2)}),
	}
	for i, stored := range rows {
		if err := b.Visit(i, now, stored); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	const present, null = schema.StatusPresent, schema.StatusNullValue
	f := func(feature int, want []any, statuses []schema.Status) {
		t.Helper()
		c := &b.Columns()[feature]
		got := []any{cell(c, 0), cell(c, 1), cell(c, 2)}
		if diff := cmp.Diff(want, got) + cmp.Diff(statuses, c.Statuses); diff != "" {
			t.Fatalf("%s: %s", plan.Features[feature].Name, diff)
		}
	}
	f(0, []any{0.5, 0.5, 1.5}, []schema.Status{null, null, present})
	f(1, []any{"old", "older", "new"}, []schema.Status{present, present, present})
	f(2, []any{int64(5), nil, int64(6)}, []schema.Status{present, null, present})
	f(3, []any{nil, nil, []any{int32(1), int32(2)}}, []schema.Status{null, null, present})
}

func TestCorruptRows(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int64 name:string tags:list<string>", ""))
	v := plan.Views[0].View
	f := func(want string, broken func(stored []byte) []byte) {
		t.Helper()
		b := begin(t, plan, now, 7)
		stored := build(v, 0, int64(5), "x", []any{"y", "z"})
		err := b.Visit(0, now, broken(stored))
		if err == nil {
			err = b.Finish()
		}
		wantError(t, err, schema.Internal, "CORRUPT_ROW", `feature view "spend" holds a row that can't be read; materialize it again with --full: `+want)
	}
	f("a row of 0 bytes has no header", func([]byte) []byte { return nil })
	f("the row has format 9", func(s []byte) []byte { s[0] = 9; return s })
	f("the row has unknown flags 0x80", func(s []byte) []byte { s[1] = 0x80; return s })
	f("a row of layout 1; 1 are known", func(s []byte) []byte { s[2] = 1; return s })
	f("a row of layout 65535; 1 are known", func(s []byte) []byte { s[2], s[3] = 0xff, 0xff; return s })
	f("the row is cut off: it has 20 bytes", func(s []byte) []byte { return s[:20] })
	f("a value ends at byte", func(s []byte) []byte { return s[:len(s)-1] })
	f("a list has 15 elements", func(s []byte) []byte { s[len(s)-14] = 15; return s })
	f("element 0 of a list is cut off", func(s []byte) []byte { s[len(s)-10] = 15; return s })
}

// TestTextsOfOneRequestAreBounded: rows that hold a megabyte each, many times.
func TestTextsOfOneRequestAreBounded(t *testing.T) {
	plan := servicePlan(t, oneView(t, "name:string", ""))
	stored := build(plan.Views[0].View, 0, strings.Repeat("x", 1<<20))
	b := begin(t, plan, now, make([]int64, 65)...)
	var err error
	for i := 0; i < 65 && err == nil; i++ {
		if err = b.Visit(i, now, stored); err != nil && i != 64 {
			t.Fatalf("refused at row %d", i)
		}
	}
	wantError(t, err, schema.Exhausted, "VALUES_TOO_LARGE", "take more than 64 MiB; ask for fewer rows or features")
}

// TestValuesStayWhenTheBatchIsReused: answers are sent while the next request
// is on its way.
func TestValuesStayWhenTheBatchIsReused(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int64 name:string blob:bytes tags:list<string>", ""))
	v := plan.Views[0].View
	b := program(t, plan).NewBatch()
	answer := func(stored []byte) []any {
		b.Reset(1, now)
		if err := b.BindKeys(ids(7)); err != nil {
			t.Fatal(err)
		}
		b.WantColumns()
		if err := b.Visit(0, now, stored); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		c := b.Columns()
		return []any{c[0].Int64s, c[1].Strings, c[2].Bytes, c[3].Strings, c[3].Ends}
	}
	stored := build(v, 0, int64(1), "first", []byte("first"), []any{"a", "b"})
	first := answer(stored)
	clear(stored) // the store takes its memory back
	answer(build(v, 0, int64(2), "other", []byte("other"), []any{"y", "z", "!"}))
	want := []any{[]int64{1}, []string{"first"}, [][]byte{[]byte("first")}, []string{"a", "b"}, []uint32{2}}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Fatal(diff)
	}
}

// FuzzVisit: whatever bytes the store gives, a batch reads or refuses them.
func FuzzVisit(f *testing.F) {
	const spec = "a:bool b:int32 c:int64 d:float32 e:float64 f:string g:bytes h:timestamp i:list<bool> j:list<int32> " +
		"k:list<int64> l:list<float32> m:list<float64> n:list<string> o:list<bytes> p:list<timestamp> q:vector<float32,2> r:vector<int64,1>"
	all, numbers := servicePlan(f, oneView(f, spec, "")), servicePlan(f, oneView(f, "a:bool b:int32 c:int64 d:float32 e:float64", ""))
	whole, dense := program(f, all), program(f, numbers)
	list := func(v any) []any { return []any{v, v} }
	f.Add(now, build(all.Views[0].View, 0, true, int32(1), int64(2), float32(3), 4.0, "five", []byte("six"), nil, list(true), list(int32(1)),
		list(int64(1)), list(float32(1)), list(1.0), list("x"), list([]byte("y")), nil, list(float32(1)), nil))
	f.Add(now, build(numbers.Views[0].View, 0, true, int32(1), int64(2), float32(3), nil))
	f.Add(now-hour-1, []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, eventTime int64, stored []byte) {
		stored = slices.Clip(bytes.Clone(stored))
		for _, p := range []*vector.Program{whole, dense} {
			b := p.NewBatch()
			b.Reset(1, now)
			if err := b.BindKeys(ids(7)); err != nil {
				t.Fatal(err)
			}
			b.WantColumns()
			tensor := []float32{12345, 12345, 12345, 12345, 12345}
			if p == dense {
				b.SetDense(tensor)
			}
			if err := b.Visit(0, eventTime, stored); err != nil {
				wantError(t, err, schema.Internal, "CORRUPT_ROW", "spend")
				continue
			}
			if err := b.Finish(); err != nil {
				wantError(t, err, schema.Internal, "CORRUPT_ROW", "spend")
				continue
			}
			for i := range b.Columns() {
				c := &b.Columns()[i]
				if got := cell(c, 0); (c.Statuses[0] == schema.StatusPresent) != (got != nil) {
					t.Fatalf("%s with value %v", c.Statuses[0], got)
				}
			}
		}
	})
}
