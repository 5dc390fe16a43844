package materialize_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"larder/materialize"
	"larder/schema"
)

func micros(s string) int64 {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

// TestIncrementalRunsTakeWhatArrived loads rows between runs: late ones,
// corrections, deletions, rows of the future.
func TestIncrementalRunsTakeWhatArrived(t *testing.T) {
	w := newWorld(t, dailyTable+`INSERT INTO daily VALUES
		(1, '2025-01-02', '2025-01-02', NULL, 10), (1, '2025-01-01', '2025-01-01', NULL, 9),
		(2, '2025-01-02', NULL, NULL, 20), (3, '2025-01-02', '2025-01-02', NULL, NULL)`, spend(), nil)
	first := w.run(materialize.Request{View: "spend", To: micros("2025-01-03T00:00:00Z")})
	if first.State != materialize.Succeeded || first.RowsRead != 4 || first.RowsWritten+first.RowsSuperseded != 4 || first.From != 0 || first.To != micros("2025-01-03T00:00:00Z") {
		t.Fatalf("%+v", first)
	}
	want := map[any]stored{
		int64(1): {Event: micros("2025-01-02T00:00:00Z"), Ingest: micros("2025-01-02T00:00:00Z"), Values: []any{int64(10)}},
		int64(2): {Event: micros("2025-01-02T00:00:00Z"), Ingest: schema.NoIngestTime, Values: []any{int64(20)}},
		int64(3): {Event: micros("2025-01-02T00:00:00Z"), Ingest: micros("2025-01-02T00:00:00Z"), Values: []any{nil}},
	}
	if d := cmp.Diff(want, w.rows("spend")); d != "" {
		t.Fatal(d)
	}

	w.exec(`INSERT INTO daily VALUES
		(1, '2025-01-01 12:00:00Z', '2025-01-03 12:00:00Z', NULL, 0),
		(2, '2025-01-02', '2025-01-03 12:00:00Z', NULL, 21),
		(3, '2025-01-02', '2025-01-03 12:00:00Z', true, NULL),
		(4, '2025-01-02', '2025-01-03 12:00:00Z', NULL, 40),
		(5, '2025-01-05', '2025-01-03 12:00:00Z', NULL, 50)`)
	second := w.run(materialize.Request{View: "spend", To: micros("2025-01-04T00:00:00Z")})
	if second.State != materialize.Succeeded || second.Mode != schema.Incremental || second.From != first.To ||
		second.RowsRead != 4 || second.RowsWritten != 3 || second.RowsSuperseded != 1 {
		t.Fatalf("%+v", second)
	}
	late := micros("2025-01-03T12:00:00Z")
	want[int64(2)] = stored{Event: micros("2025-01-02T00:00:00Z"), Ingest: late, Values: []any{int64(21)}}
	want[int64(3)] = stored{Event: micros("2025-01-02T00:00:00Z"), Ingest: late, Deleted: true}
	want[int64(4)] = stored{Event: micros("2025-01-02T00:00:00Z"), Ingest: late, Values: []any{int64(40)}}
	if d := cmp.Diff(want, w.rows("spend")); d != "" {
		t.Fatal(d)
	}

	// What was yet to come has come; it has not arrived late, and is not forgotten.
	if third := w.run(materialize.Request{View: "spend"}); third.RowsRead != 1 {
		t.Fatalf("%+v", third)
	}
	if got := w.rows("spend")[int64(5)].Values; !cmp.Equal(got, []any{int64(50)}) {
		t.Fatal(got)
	}
}

func TestWatermarkNeverGoesBack(t *testing.T) {
	w := newWorld(t, dailyTable+"INSERT INTO daily VALUES (1, '2025-01-01', '2025-01-01', NULL, 1), (2, '2025-01-05', '2025-01-05', NULL, 2)", spend(), nil)
	f := func(req materialize.Request, rows int64, want string) {
		t.Helper()
		req.View = "spend"
		run := w.run(req)
		if run.State != materialize.Succeeded || run.RowsRead != rows {
			t.Fatalf("%+v", run)
		}
		mark, found, err := w.online.Watermark(w.view("spend").ID)
		if err != nil || found != (want != "") || found && (mark.Time != micros(want) || mark.CatalogVersion != 1) {
			t.Fatalf("watermark %s, %v, %v; want %s", time.UnixMicro(mark.Time).UTC(), found, err, want)
		}
	}
	f(materialize.Request{Mode: schema.Range, From: micros("2025-01-01T00:00:00Z"), To: micros("2025-01-02T00:00:00Z")}, 1, "")
	f(materialize.Request{To: micros("2025-01-03T00:00:00Z")}, 1, "2025-01-03T00:00:00Z")
	f(materialize.Request{To: micros("2025-01-02T00:00:00Z")}, 0, "2025-01-03T00:00:00Z")
	f(materialize.Request{Mode: schema.Full, To: micros("2025-01-02T00:00:00Z")}, 1, "2025-01-03T00:00:00Z")
	f(materialize.Request{Mode: schema.Range, From: micros("2025-01-01T00:00:00Z"), To: micros("2125-01-01T00:00:00Z")}, 2, "2025-01-03T00:00:00Z")
	f(materialize.Request{Mode: schema.Full, To: micros("2025-01-06T00:00:00Z")}, 2, "2025-01-06T00:00:00Z")

	before := time.Now().UnixMicro()
	w.run(materialize.Request{View: "spend", To: math.MaxInt64})
	mark, _, err := w.online.Watermark(w.view("spend").ID)
	if err != nil || mark.Time < before || mark.Time > time.Now().UnixMicro() {
		t.Fatalf("a run up to the end of time left the watermark at %s", time.UnixMicro(mark.Time).UTC())
	}
}

// TestClockOfTheSource: windows end at the source's clock. When that was ahead for a
// while, the first run after it was set right reads all rows again, says so, and sets
// the watermark back.
func TestClockOfTheSource(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable+"INSERT INTO daily VALUES (1, '2025-01-01', '2025-01-01', NULL, 1)", spend())
	ahead := (2 * time.Hour).Microseconds()
	source.set(func(f *faulty) { f.clock = ahead })
	wrong := w.run(materialize.Request{View: "spend"})
	if mark, _, err := w.online.Watermark(w.view("spend").ID); err != nil || mark.Time < wrong.StartedAt+ahead {
		t.Fatalf("the watermark is %d, %v: not of the source's clock", mark.Time, err)
	}
	w.exec("INSERT INTO daily VALUES (2, now(), now(), NULL, 2)")
	source.set(func(f *faulty) { f.clock = 0 })
	right := w.run(materialize.Request{View: "spend"})
	if right.State != materialize.Succeeded || right.RowsRead != 2 || right.From != 0 || len(right.Warnings) != 1 {
		t.Fatalf("%+v", right)
	}
	if mark, _, err := w.online.Watermark(w.view("spend").ID); err != nil || mark.Time != right.To {
		t.Fatalf("the watermark is %d, %v; want %d", mark.Time, err, right.To)
	}
	w.exec("INSERT INTO daily VALUES (3, now(), now(), NULL, 3)")
	after := w.run(materialize.Request{View: "spend"})
	if _, stored := w.rows("spend")[int64(3)]; !stored || len(after.Warnings) != 0 {
		t.Fatalf("%+v", after)
	}
}

// TestOnlyRowsOfTheFuture: a run that reads nothing says so when the source has rows.
func TestOnlyRowsOfTheFuture(t *testing.T) {
	w := newWorld(t, dailyTable, spend(), nil)
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || len(run.Warnings) != 0 {
		t.Fatalf("%+v", run)
	}
	w.exec("INSERT INTO daily VALUES (1, now() + interval '9 hours', NULL, NULL, 1)")
	if run := w.run(materialize.Request{View: "spend", Mode: schema.Full}); run.State != materialize.Succeeded || run.RowsRead != 0 || len(run.Warnings) != 1 {
		t.Fatalf("%+v", run)
	}
}

// TestBadRowsPolicy reads what a person reads when rows are bad.
func TestBadRowsPolicy(t *testing.T) {
	f := func(good, bad int, change func(*schema.Source), want string) {
		t.Helper()
		defs := spend()
		defs.FeatureViews[0].Features[0].Type = schema.Int32
		if change != nil {
			change(&defs.Sources[0])
		}
		w := newWorld(t, dailyTable, defs, nil)
		w.exec("INSERT INTO daily SELECT g, '2025-01-01', '2025-01-01', NULL, g FROM generate_series(1::bigint, $1) g", good)
		w.exec("INSERT INTO daily SELECT CASE WHEN g > 1 THEN g END, '2025-01-01', '2025-01-01', NULL, 3000000000 FROM generate_series(1::bigint, $1) g", bad)
		run := w.run(materialize.Request{View: "spend"})
		if run.Error != want || (run.State == materialize.Succeeded) != (want == "") {
			t.Errorf("got  %s %s\nwant %s", run.State, run.Error, want)
		}
		_, marked, err := w.online.Watermark(w.view("spend").ID)
		if err != nil || marked != (want == "") {
			t.Errorf("watermark set: %v, %v", marked, err)
		}
		if want == "" && (run.RowsBad != int64(bad) || run.RowsRead != int64(good+bad) || run.RowsWritten != int64(good)) {
			t.Errorf("%+v", run)
		}
		for _, b := range run.Bad {
			if len(b.Samples) == 0 || len(b.Samples) > 5 {
				t.Errorf("%d samples of %s", len(b.Samples), b.Reason)
			}
		}
	}
	half := 0.5
	f(990, 10, nil, "")
	f(20, 1, nil, `feature view "spend": 1 of 21 rows of source "daily" are bad, and the source allows 1% (null_key: 1, such as id=null); fix the rows, or skip more with on_bad_row and max_bad_share`)
	f(20, 3, func(s *schema.Source) { s.MaxBadShare = &half }, "")
	f(2, 3, func(s *schema.Source) { s.MaxBadShare = &half },
		`feature view "spend": 3 of 5 rows of source "daily" are bad, and the source allows 50% (out_of_range: 2, such as id=2 n=3000000000; null_key: 1, such as id=null); fix the rows, or skip more with on_bad_row and max_bad_share`)
	f(5000, 2, func(s *schema.Source) { s.OnBadRow = schema.FailBadRow },
		`feature view "spend": 2 of 5002 rows of source "daily" are bad, and the source allows none (null_key: 1, such as id=null; out_of_range: 1, such as id=2 n=3000000000); fix the rows, or skip more with on_bad_row and max_bad_share`)
}

// TestRowsTooLargeForTheStore are bad although the source can read them.
func TestRowsTooLargeForTheStore(t *testing.T) {
	defs := spend()
	all := 1.0
	defs.Sources[0].MaxBadShare = &all
	defs.Entities[0].JoinKeys[0].Type = schema.String
	defs.FeatureViews[0].Features = []schema.Feature{{Name: "a", Type: schema.String}, {Name: "b", Type: schema.String}}
	w := newWorld(t, `CREATE TABLE daily (id text, at timestamptz, loaded timestamptz, gone boolean, a text, b text);
		INSERT INTO daily VALUES ('fits', '2025-01-01', NULL, NULL, repeat('x', 500000), repeat('y', 500000)),
			('large', '2025-01-01', NULL, NULL, repeat('x', 600000), repeat('y', 600000)),
			(repeat('k', 40000), '2025-01-01', NULL, NULL, 'x', 'y')`, defs, nil)
	run := w.run(materialize.Request{View: "spend"})
	want := []materialize.BadRows{{Reason: schema.TooLarge, Count: 2, Samples: []string{
		"id=large key of 12 bytes, row of 1200029", "id=" + strings.Repeat("k", 60) + " key of 40007 bytes, row of 31",
	}}}
	if d := cmp.Diff(want, run.Bad); d != "" || run.State != materialize.Succeeded || run.RowsWritten != 1 || run.RowsRead != 3 {
		t.Fatalf("%s %+v", d, run)
	}
}

// TestRunsOfOneViewNeverOverlap starts many at once.
func TestRunsOfOneViewNeverOverlap(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable, spend())
	busy, most := 0, 0
	gate := make(chan struct{})
	source.set(func(f *faulty) {
		f.before = func(context.Context) {
			f.mu.Lock()
			busy++
			most = max(most, busy)
			f.mu.Unlock()
			<-gate
			f.mu.Lock()
			busy--
			f.mu.Unlock()
		}
	})
	ids := map[string]bool{}
	for i := range 20 {
		run, err := w.runner.Start(materialize.Request{View: "spend", Mode: schema.Range, From: 0, To: int64(i % 10)})
		if err != nil {
			t.Fatal(err)
		}
		ids[run.ID] = true
	}
	// Equal requests join the one that waits; only the first may have begun.
	if len(ids) < 10 || len(ids) > 11 {
		t.Fatalf("%d runs of 10 different requests", len(ids))
	}
	close(gate)
	for id := range ids {
		if run, err := w.runner.Wait(t.Context(), id); err != nil || run.State != materialize.Succeeded {
			t.Fatal(run, err)
		}
	}
	if most != 1 {
		t.Fatalf("%d at once", most)
	}
}

func TestQueueIsBounded(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable, spend())
	gate := make(chan struct{})
	source.set(func(f *faulty) { f.before = func(context.Context) { <-gate } })
	defer close(gate)
	for i := int64(0); ; i++ {
		_, err := w.runner.Start(materialize.Request{View: "spend", Mode: schema.Range, To: 1 + i})
		var said *schema.Error
		if errors.As(err, &said) && said.Kind == schema.Exhausted && i >= 64 {
			return
		}
		if err != nil || i > 70 {
			t.Fatalf("after %d runs: %v", i, err)
		}
	}
}

func TestRequestsThatCanNeverRun(t *testing.T) {
	w := newWorld(t, dailyTable, spend(), nil)
	f := func(req materialize.Request, want string) {
		t.Helper()
		if _, err := w.runner.Start(req); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(materialize.Request{View: "spent"}, `no feature view "spent"; did you mean "spend"?`)
	f(materialize.Request{View: "spend", Mode: schema.Range, From: 2, To: 1}, "the window ends before it begins; swap from and to")
	if err := w.runner.Cancel("x"); err == nil || err.Error() != "no run \"x\"; `larder status` shows the newest of each view" {
		t.Error(err)
	}
	if _, found := w.runner.Get("x"); found {
		t.Error("found a run that never was")
	}
}

// TestCancel ends a run that goes on, and one that waits.
func TestCancel(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable, spend())
	begun := make(chan struct{})
	source.set(func(f *faulty) {
		f.before = func(ctx context.Context) {
			close(begun)
			<-ctx.Done()
		}
	})
	first, err := w.runner.Start(materialize.Request{View: "spend"})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	second, err := w.runner.Start(materialize.Request{View: "spend"})
	if err != nil || second.ID == first.ID {
		t.Fatal(second, err)
	}
	for _, id := range []string{second.ID, first.ID} {
		if err := w.runner.Cancel(id); err != nil {
			t.Fatal(err)
		}
		run, err := w.runner.Wait(t.Context(), id)
		if err != nil || run.State != materialize.Cancelled || run.Error != "the run was cancelled" {
			t.Fatalf("%+v, %v", run, err)
		}
		if err := w.runner.Cancel(id); err == nil {
			t.Fatal("cancelled twice")
		}
	}
	if _, marked, _ := w.online.Watermark(w.view("spend").ID); marked {
		t.Fatal("a cancelled run moved the watermark")
	}
}

// TestPanicFailsItsRunOnly lets the source panic in the middle.
func TestPanicFailsItsRunOnly(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable+"INSERT INTO daily VALUES (1, '2025-01-01', NULL, NULL, 1)", spend())
	source.set(func(f *faulty) { f.fail = 1 })
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Failed || run.Error != "internal error; see the server's log" {
		t.Fatalf("%+v", run)
	}
	source.set(func(f *faulty) { f.fail = 0 })
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsWritten != 1 {
		t.Fatalf("%+v", run)
	}
}

// TestViewChangesDuringARun changes a view's key between two batches.
func TestViewChangesDuringARun(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable+"INSERT INTO daily SELECT g, '2025-01-01', NULL, NULL, g FROM generate_series(1, 10) g", spend())
	old := w.view("spend").ID
	source.set(func(f *faulty) {
		f.chunk = 2
		f.before = func(context.Context) {
			defs := spend()
			defs.Sources[0].DeletedColumn = ""
			w.apply(defs)
		}
	})
	run := w.run(materialize.Request{View: "spend"})
	if run.State != materialize.Failed || run.Error != `feature view "spend" changed during the run; the next run stores its rows again` {
		t.Fatalf("%+v", run)
	}
	source.set(func(f *faulty) { f.before = nil })
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsWritten != 10 || run.CatalogVersion != 2 {
		t.Fatalf("%+v", run)
	}
	if now := w.view("spend").ID; now == old {
		t.Fatal("the view kept its number")
	}
	if _, marked, _ := w.online.Watermark(old); marked {
		t.Fatal("the rows of before have a watermark")
	}
}

// TestSourceErrorIsTold drops the table under a view.
func TestSourceErrorIsTold(t *testing.T) {
	w := newWorld(t, dailyTable, spend(), nil)
	w.exec("ALTER TABLE daily RENAME n TO m")
	run := w.run(materialize.Request{View: "spend"})
	if want := `feature view "spend": source "daily": no column "n", the feature; use at, gone, id, loaded or m`; run.State != materialize.Failed || run.Error != want {
		t.Fatalf("%+v", run)
	}
	w.exec("DROP TABLE daily")
	run = w.run(materialize.Request{View: "spend"})
	if want := `source "daily": Postgres says: relation "daily" does not exist`; run.Error != want {
		t.Fatalf("%+v", run)
	}
}

// TestWatch hears every run's end, however slowly it listens, and of progress
// only the newest.
func TestWatch(t *testing.T) {
	w := newWorld(t, dailyTable+"INSERT INTO daily VALUES (1, '2025-01-01', NULL, NULL, 1)", spend(), nil)
	ctx, stop := context.WithCancel(t.Context())
	updates := w.runner.Watch(ctx)
	var ids []string
	for range 5 {
		ids = append(ids, w.run(materialize.Request{View: "spend"}).ID)
	}
	seen := map[string]materialize.State{}
	for len(ids) > 0 {
		run := <-updates
		if seen[run.ID] == materialize.Succeeded {
			t.Fatalf("%s after it ended: %s", run.ID, run.State)
		}
		if seen[run.ID] = run.State; run.ID == ids[0] && run.Ended() {
			ids = ids[1:]
		}
	}
	stop()
	for open := true; open; {
		_, open = <-updates
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, dailyTable+"INSERT INTO daily VALUES (1, '2025-01-01', NULL, NULL, 1)", spend(), nil)
	scheduled := spend()
	scheduled.FeatureViews[0].Schedule = schema.Duration(90 * time.Minute)
	w.run(materialize.Request{View: "spend", Mode: schema.Full, To: micros("2025-01-02T00:00:00Z")})
	if n := testutil.CollectAndCount(w.metrics, "larder_materialize_schedule_seconds"); n != 0 {
		t.Errorf("%d schedules of a view without one", n)
	}
	w.apply(scheduled)
	want := `
# HELP larder_materialize_rows_total Source rows of runs that ended, by view and outcome.
# TYPE larder_materialize_rows_total counter
larder_materialize_rows_total{result="bad",view="spend"} 0
larder_materialize_rows_total{result="superseded",view="spend"} 0
larder_materialize_rows_total{result="written",view="spend"} 1
# HELP larder_materialize_runs_total Runs that ended, by view and state.
# TYPE larder_materialize_runs_total counter
larder_materialize_runs_total{state="succeeded",view="spend"} 1
# HELP larder_materialize_schedule_seconds How often a view is to be materialized, by view; absent for a view without a schedule.
# TYPE larder_materialize_schedule_seconds gauge
larder_materialize_schedule_seconds{view="spend"} 5400
# HELP larder_materialize_watermark_seconds Watermark: all source rows up to this time are in the online store, in seconds since 1970, by view.
# TYPE larder_materialize_watermark_seconds gauge
larder_materialize_watermark_seconds{view="spend"} 1.735776e+09
`
	err := testutil.GatherAndCompare(w.metrics, strings.NewReader(want),
		"larder_materialize_rows_total", "larder_materialize_runs_total", "larder_materialize_schedule_seconds", "larder_materialize_watermark_seconds")
	if err != nil {
		t.Fatal(err)
	}
}
