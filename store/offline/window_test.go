package offline_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/schema"
)

// A fact is one row of a source, as a test knows it; times are microseconds.
type fact struct {
	id     int64
	event  *int64
	ingest *int64
}

// reads is the oracle: which facts a window has, good and bad together.
func reads(f fact, w schema.Window, hasIngest bool, lateness int64) bool {
	arrived := func(t int64) bool { return !hasIngest || f.ingest == nil || *f.ingest <= t }
	happened := func(t int64) bool { return f.event == nil || *f.event <= t }
	switch {
	case w.Mode == schema.Range:
		return f.event != nil && *f.event >= w.From && *f.event <= w.To && happened(w.Now) && arrived(w.Now)
	case w.Mode == schema.Full || w.From == schema.BeginningOfTime:
		return happened(w.To) && arrived(w.To)
	}
	isNew := f.event != nil && *f.event > w.From-lateness || hasIngest && f.ingest != nil && *f.ingest > w.From-lateness
	return isNew && happened(w.To) && arrived(w.To)
}

// TestWindowsAgainstOracle reads random windows of random tables whose times are
// of every type, around the hour that Berlin has twice.
func TestWindowsAgainstOracle(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	base := time.Date(2025, 10, 26, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, `CREATE TABLE facts (id bigint, at timestamptz, loaded timestamptz);
		CREATE VIEW tz AS SELECT id, at, loaded FROM facts;
		CREATE VIEW naive AS SELECT id, at AT TIME ZONE 'Europe/Berlin' AS at, loaded AT TIME ZONE 'Europe/Berlin' AS loaded FROM facts;
		CREATE VIEW days AS SELECT id, (at AT TIME ZONE 'Europe/Berlin')::date AS at, loaded FROM facts`,
		schema.Source{Table: "facts", TimestampField: "at"}, idKey, schema.Feature{Name: "id2", Type: schema.Int64})
	// asStored is what a time becomes in each view: Postgres takes a local time
	// that came twice for its second, in standard time.
	asStored := map[string]func(int64) int64{
		"tz": func(t int64) int64 { return t },
		"naive": func(t int64) int64 {
			if first := base.UnixMicro(); t >= first && t < first+3600_000_000 {
				return t + 3600_000_000
			}
			return t
		},
		"days": func(t int64) int64 {
			y, m, d := time.UnixMicro(t).In(berlin).Date()
			return time.Date(y, m, d, 0, 0, 0, 0, berlin).UnixMicro()
		},
	}
	at := func(t *rapid.T, label string) int64 {
		return base.UnixMicro() + int64(rapid.IntRange(-12, 12).Draw(t, label))*1800_000_000 + int64(rapid.IntRange(-1, 1).Draw(t, label+"'"))
	}
	rapid.Check(t, func(rt *rapid.T) {
		w.exec("TRUNCATE facts")
		var facts []fact
		for i := range rapid.IntRange(0, 12).Draw(rt, "rows") {
			f := fact{id: int64(i)}
			if rapid.IntRange(0, 9).Draw(rt, "null event") > 0 {
				x := at(rt, "event")
				f.event = &x
			}
			if rapid.IntRange(0, 4).Draw(rt, "null ingest") > 0 {
				x := at(rt, "ingest")
				f.ingest = &x
			}
			w.exec("INSERT INTO facts VALUES ($1, $2, $3)", f.id, stamp(f.event), stamp(f.ingest))
			facts = append(facts, f)
		}
		table := rapid.SampledFrom([]string{"tz", "naive", "days"}).Draw(rt, "table")
		source := schema.Source{Query: "SELECT *, id AS id2 FROM " + table, TimestampField: "at", TimeZone: "Europe/Berlin"}
		hasIngest := rapid.Bool().Draw(rt, "has ingest")
		if hasIngest {
			source.CreatedTimestampColumn = "loaded"
		}
		lateness := schema.Duration(rapid.IntRange(0, 4).Draw(rt, "lateness")) * schema.Duration(30*time.Minute)
		source.Lateness = &lateness
		window := schema.Window{
			Mode: rapid.SampledFrom([]schema.Mode{schema.Full, schema.Range, schema.Incremental}).Draw(rt, "mode"),
			From: at(rt, "from"), To: at(rt, "to"), Now: at(rt, "now"),
		}
		if rapid.Bool().Draw(rt, "from the beginning") {
			window.From = schema.BeginningOfTime
		}
		w.view = view(t, source, idKey, schema.Feature{Name: "id2", Type: schema.Int64})

		want, wantBad := []int64{}, 0
		for _, f := range facts {
			if f.event != nil {
				x := asStored[table](*f.event)
				f.event = &x
			}
			if f.ingest != nil && table == "naive" {
				x := asStored[table](*f.ingest)
				f.ingest = &x
			}
			switch {
			case !reads(f, window, hasIngest, lateness.Micros()):
			case f.event == nil:
				wantBad++
			default:
				want = append(want, f.id)
			}
		}
		rows, bad := w.read(window)
		got := []int64{}
		for _, row := range rows {
			got = append(got, row[0].(int64))
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" || len(bad) != wantBad {
			rt.Fatalf("window %+v of %s: %d bad rows, want %d; %s", window, table, len(bad), wantBad, d)
		}
	})
}

func stamp(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	t := time.UnixMicro(*micros).UTC()
	return &t
}

func bigTable(t *testing.T) *world {
	return newWorld(t, "CREATE TABLE big AS SELECT g::bigint AS id, '2025-01-01'::timestamptz AS at, g AS n, repeat('x', 100) AS t FROM generate_series(1, 200000) g; ANALYZE big",
		schema.Source{Table: "big", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Int64}, schema.Feature{Name: "t", Type: schema.String})
}

func TestBatchesAreBounded(t *testing.T) {
	w := bigTable(t)
	total, batches := int64(0), 0
	err := w.store.Window(t.Context(), w.view, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
		if rec.NumRows() > 8192 {
			t.Errorf("a batch of %d rows", rec.NumRows())
		}
		total, batches = total+rec.NumRows(), batches+1
		return nil
	})
	if err != nil || total != 200_000 || batches != 25 {
		t.Fatalf("%d rows in %d batches, error %v", total, batches, err)
	}

	w.view = view(t, schema.Source{Query: "SELECT id, at, n, repeat('x', 1000000) AS t FROM big WHERE id <= 20", TimestampField: "at"}, idKey,
		schema.Feature{Name: "t", Type: schema.String})
	err = w.store.Window(t.Context(), w.view, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
		if rec.NumRows() > 9 {
			t.Errorf("a batch of %d MB", rec.NumRows())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEstimate(t *testing.T) {
	w := bigTable(t)
	n, err := w.store.Estimate(t.Context(), w.view, everything())
	if err != nil || n < 150_000 || n > 250_000 {
		t.Fatalf("estimate %d of 200000 rows, error %v", n, err)
	}
}

// TestWindowIsOneMoment deletes rows while they are read.
func TestWindowIsOneMoment(t *testing.T) {
	w := bigTable(t)
	total := int64(0)
	err := w.store.Window(t.Context(), w.view, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
		if total == 0 {
			w.exec("UPDATE big SET n = -1; DELETE FROM big WHERE id > 100000")
		}
		for i := range int(rec.NumRows()) {
			if value(t, rec.Column(4), i).(int64) < 0 {
				return errors.New("a row that was changed after the window was opened")
			}
		}
		total += rec.NumRows()
		return nil
	})
	if err != nil || total != 200_000 {
		t.Fatalf("%d rows, error %v", total, err)
	}
}

// TestAWindowIsReadAgain gives the same rows each time, whatever happens meanwhile.
func TestAWindowIsReadAgain(t *testing.T) {
	w := bigTable(t)
	var totals []int64
	choose := func(int64) (schema.Window, bool, error) {
		if len(totals) == 1 {
			w.exec("UPDATE big SET n = -1; DELETE FROM big WHERE id > 100000")
		}
		totals = append(totals, 0)
		return everything(), len(totals) <= 2, nil
	}
	err := w.store.Read(t.Context(), w.view, choose, func(rec arrow.Record, _ []schema.BadRow) error {
		for i := range int(rec.NumRows()) {
			if value(t, rec.Column(4), i).(int64) < 0 {
				return errors.New("a row that was changed after the window was opened")
			}
		}
		totals[len(totals)-1] += rec.NumRows()
		return nil
	})
	if diff := cmp.Diff([]int64{200_000, 200_000, 0}, totals); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
}

// TestWindowStops ends readings in the middle: by the visitor, by the context,
// by a panic. The store goes on.
func TestWindowStops(t *testing.T) {
	w := bigTable(t)
	boom := errors.New("boom")
	batches := 0
	err := w.store.Window(t.Context(), w.view, everything(), func(arrow.Record, []schema.BadRow) error {
		batches++
		return boom
	})
	if err != boom || batches != 1 {
		t.Fatalf("the visitor's error after %d batches is %v", batches, err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	err = w.store.Window(ctx, w.view, everything(), func(arrow.Record, []schema.BadRow) error {
		cancel(boom)
		return nil
	})
	if !errors.Is(err, boom) {
		t.Fatalf("a cancelled window's error is %v", err)
	}

	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("the panic was lost")
			}
		}()
		_ = w.store.Window(t.Context(), w.view, everything(), func(arrow.Record, []schema.BadRow) error { panic("boom") })
	}()

	slow, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	w.view = view(t, schema.Source{Query: "SELECT id, at, n, t FROM big, pg_sleep(600) AS x WHERE x IS NOT NULL", TimestampField: "at"}, idKey, schema.Feature{Name: "t", Type: schema.String})
	err = w.store.Window(slow, w.view, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a window past its deadline: %v", err)
	}

	w.view = bigView(t)
	if rows, _ := w.read(everything()); len(rows) != 200_000 {
		t.Fatalf("%d rows afterwards", len(rows))
	}
	var left int
	if err := w.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()").Scan(&left); err != nil || left > 0 {
		t.Fatalf("%d queries go on after they were cancelled, error %v", left, err)
	}
}

func bigView(t *testing.T) *schema.View {
	return view(t, schema.Source{Table: "big", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Int64}, schema.Feature{Name: "t", Type: schema.String})
}

// TestDeletedColumn: null is not deleted.
func TestDeletedColumn(t *testing.T) {
	w := newWorld(t, "CREATE TABLE d (id bigint, at timestamptz, gone boolean, n int); INSERT INTO d VALUES (1, '2025-01-01', true, NULL), (2, '2025-01-01', false, 1), (3, '2025-01-01', NULL, 2)",
		schema.Source{Table: "d", TimestampField: "at", DeletedColumn: "gone"}, idKey, schema.Feature{Name: "n", Type: schema.Int32})
	rows, bad := w.read(everything())
	want := [][]any{
		{int64(1), int64(micros2025), nil, true, nil},
		{int64(2), int64(micros2025), nil, false, int32(1)},
		{int64(3), int64(micros2025), nil, false, int32(2)},
	}
	if d := cmp.Diff(want, rows); d != "" || bad != nil {
		t.Fatal(d, bad)
	}
}

// TestNamesAreQuoted reads a table whose names would be SQL if they were let.
func TestNamesAreQuoted(t *testing.T) {
	w := newWorld(t, `CREATE TABLE "Dai""ly" ("Id" bigint, "select" timestamptz, "n" int); INSERT INTO "Dai""ly" VALUES (1, '2025-01-01', 5)`,
		schema.Source{Table: `Dai"ly`, TimestampField: "select"}, []schema.JoinKey{{Name: "Id", Type: schema.Int64}}, schema.Feature{Name: "n", Type: schema.Int32})
	rows, _ := w.read(everything())
	if d := cmp.Diff([][]any{{int64(1), int64(micros2025), nil, false, int32(5)}}, rows); d != "" {
		t.Fatal(d)
	}
}
