package materialize_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"larder/materialize"
	"larder/schema"
)

// expecting is spend with what the view expects.
func expecting(e schema.Expectations) *schema.Definitions {
	defs := spend()
	defs.FeatureViews[0].Expect = &e
	return defs
}

// nBetween0And100 is an expectation of feature n, with at most half of the rows null.
func nBetween0And100() []schema.ExpectedFeature {
	half := 0.5
	return []schema.ExpectedFeature{{Name: "n", Min: "0", Max: "100", MaxNullShare: &half}}
}

// values returns the values of n that are stored, by key.
func (w *world) values() map[any]any {
	w.t.Helper()
	all := map[any]any{}
	for key, r := range w.rows("spend") {
		all[key] = nil
		if !r.Deleted {
			all[key] = r.Values[0]
		}
	}
	return all
}

// wantFailures checks the metric of an expectation of spend.
func (w *world) wantFailures(name string, want int) {
	w.t.Helper()
	text := ""
	if want > 0 {
		text = "# HELP larder_materialize_expectations_failed_total Expectations that rows of runs did not meet, by view and expectation.\n" +
			"# TYPE larder_materialize_expectations_failed_total counter\n" +
			"larder_materialize_expectations_failed_total{expectation=\"" + name + "\",view=\"spend\"} " + string(rune('0'+want)) + "\n"
	}
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(text), "larder_materialize_expectations_failed_total"); err != nil {
		w.t.Error(err)
	}
}

const (
	badRows  = "INSERT INTO daily VALUES (1, now() - interval '1 minute', now(), NULL, 1000), (2, now() - interval '1 minute', now(), NULL, NULL), (3, now() - interval '1 minute', now(), true, -1)"
	goodRows = dailyTable + "INSERT INTO daily VALUES (1, '2025-01-01', '2025-01-01', NULL, 1), (2, '2025-01-01', '2025-01-01', NULL, 100), (3, '2025-01-01', '2025-01-01', NULL, NULL)"
)

var outsideOnce = []materialize.Expectation{
	{Name: "features.n.max_outside_share", Count: 1, OfRows: 1, Failed: true},
	{Name: "features.n.max_null_share", Count: 1, OfRows: 2, Limit: 0.5},
}

// TestWarnStoresTheRows and says what was not expected of them.
func TestWarnStoresTheRows(t *testing.T) {
	w := newWorld(t, goodRows, expecting(schema.Expectations{Features: nBetween0And100()}), nil)
	run := w.run(materialize.Request{View: "spend"})
	want := []materialize.Expectation{
		{Name: "features.n.max_outside_share", OfRows: 2},
		{Name: "features.n.max_null_share", Count: 1, OfRows: 3, Limit: 0.5},
	}
	if diff := cmp.Diff(want, run.Expectations); run.State != materialize.Succeeded || len(run.Warnings) > 0 || diff != "" {
		t.Fatalf("%+v %s", run, diff)
	}
	w.wantFailures("", 0)
	w.exec(badRows)
	run = w.run(materialize.Request{View: "spend"})
	warning := []string{`the rows of source "daily" are not as expected: features.n.max_outside_share: 1 of 1 values are outside, and a share of at most 0 is expected`}
	if diff := cmp.Diff(outsideOnce, run.Expectations) + cmp.Diff(warning, run.Warnings); run.State != materialize.Succeeded || diff != "" {
		t.Errorf("%+v %s", run, diff)
	}
	if diff := cmp.Diff(map[any]any{int64(1): int64(1000), int64(2): nil, int64(3): nil}, w.values()); diff != "" {
		t.Error(diff)
	}
	w.wantFailures("features.n.max_outside_share", 1)
}

// TestKeepStoresNothingOfARun that is not as expected, and all of it once it is.
func TestKeepStoresNothingOfARun(t *testing.T) {
	w := newWorld(t, goodRows, expecting(schema.Expectations{OnFailure: schema.KeepOnFailure, Features: nBetween0And100()}), nil)
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsRead != 3 || run.RowsWritten != 3 {
		t.Fatalf("%+v", run)
	}
	before, mark := w.values(), w.watermark()
	w.exec(badRows)
	for range 2 {
		run := w.run(materialize.Request{View: "spend"})
		want := `feature view "spend": the rows of source "daily" are not as expected, so the run failed and none of its rows is stored, and those of before stay: ` +
			`features.n.max_outside_share: 1 of 1 values are outside, and a share of at most 0 is expected; fix the rows, or change expect of the view`
		if diff := cmp.Diff(outsideOnce, run.Expectations); run.State != materialize.Failed || run.Error != want || run.RowsRead != 3 || run.RowsWritten != 0 || diff != "" {
			t.Fatalf("%+v %s", run, diff)
		}
		if diff := cmp.Diff(before, w.values()); diff != "" || w.watermark() != mark {
			t.Fatalf("watermark %d, then %d: %s", mark, w.watermark(), diff)
		}
	}
	w.wantFailures("features.n.max_outside_share", 2)
	w.exec("UPDATE daily SET n = 7 WHERE n = 1000")
	if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || run.RowsRead != 3 || run.RowsWritten != 3 {
		t.Fatalf("%+v", run)
	}
	if diff := cmp.Diff(map[any]any{int64(1): int64(7), int64(2): nil, int64(3): nil}, w.values()); diff != "" {
		t.Error(diff)
	}
}

// watermark returns that of spend.
func (w *world) watermark() int64 {
	w.t.Helper()
	mark, _, err := w.online.Watermark(w.view("spend").ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return mark.Time
}

// TestFailLeavesTheWatermark: the next run checks the same rows again.
func TestFailLeavesTheWatermark(t *testing.T) {
	w, source := newFaultyWorld(t, goodRows, expecting(schema.Expectations{OnFailure: schema.FailOnFailure, Features: nBetween0And100()}))
	w.run(materialize.Request{View: "spend"})
	mark := w.watermark()
	w.exec(badRows)
	for range 2 {
		run := w.run(materialize.Request{View: "spend"})
		if diff := cmp.Diff(outsideOnce, run.Expectations); run.State != materialize.Failed || !strings.Contains(run.Error, "some of its rows may be stored") || diff != "" {
			t.Fatalf("%+v %s", run, diff)
		}
	}
	if w.watermark() != mark {
		t.Errorf("the watermark moved from %d to %d", mark, w.watermark())
	}
	if n := len(source.windows); n != 3 {
		t.Errorf("three runs read %d windows", n)
	}
}

// TestKeepReadsTwiceAndOthersOnce.
func TestKeepReadsTwiceAndOthersOnce(t *testing.T) {
	for mode, want := range map[schema.OnFailure]int{"": 1, schema.WarnOnFailure: 1, schema.FailOnFailure: 1, schema.KeepOnFailure: 2} {
		w, source := newFaultyWorld(t, goodRows, expecting(schema.Expectations{OnFailure: mode, Features: nBetween0And100()}))
		if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded || len(source.windows) != want {
			t.Errorf("%q: %d readings, %+v", mode, len(source.windows), run)
		}
	}
}

// TestExpectedRows: their number in runs from the beginning, and its change.
func TestExpectedRows(t *testing.T) {
	half := schema.Ratio(0.5)
	expect := schema.Expectations{OnFailure: schema.FailOnFailure, Rows: &schema.ExpectedRows{Min: 3, MaxChange: &half}}
	w := newWorld(t, goodRows, expecting(expect), nil)
	f := func(req materialize.Request, state materialize.State, want ...materialize.Expectation) {
		t.Helper()
		req.View = "spend"
		run := w.run(req)
		if diff := cmp.Diff(want, run.Expectations); run.State != state || diff != "" {
			t.Errorf("%s %s %s", run.State, run.Error, diff)
		}
	}
	full := materialize.Request{Mode: schema.Full}
	f(materialize.Request{}, materialize.Succeeded, materialize.Expectation{Name: "rows.min", Count: 3, Limit: 3})
	f(materialize.Request{}, materialize.Succeeded) // nothing new, and not from the beginning
	w.exec("INSERT INTO daily SELECT id, '2025-01-01', '2025-01-01', NULL, 1 FROM unnest(ARRAY[4, 5, NULL]) AS id")
	allowBad(w, expect)
	f(full, materialize.Failed, materialize.Expectation{Name: "rows.min", Count: 5, Limit: 3}, materialize.Expectation{Name: "rows.max_change", Count: 5, OfRows: 3, Limit: 0.5, Failed: true})
	w.exec("DELETE FROM daily WHERE id = 5")
	f(full, materialize.Succeeded, materialize.Expectation{Name: "rows.min", Count: 4, Limit: 3}, materialize.Expectation{Name: "rows.max_change", Count: 4, OfRows: 3, Limit: 0.5})
	w.exec("DELETE FROM daily WHERE id > 2")
	f(full, materialize.Failed, materialize.Expectation{Name: "rows.min", Count: 2, Limit: 3, Failed: true}, materialize.Expectation{Name: "rows.max_change", Count: 2, OfRows: 4, Limit: 0.5})
	f(materialize.Request{Mode: schema.Range, From: 1, To: micros("2026-01-01T00:00:00Z")}, materialize.Succeeded)
}

// allowBad makes the source skip all bad rows.
func allowBad(w *world, e schema.Expectations) {
	defs, all := expecting(e), 1.0
	defs.Sources[0].MaxBadShare = &all
	w.apply(defs)
}

// TestExpectedRowsOfEarlierProcesses are asked for; when they can't be read, only a view
// that warns goes on.
func TestExpectedRowsOfEarlierProcesses(t *testing.T) {
	none := schema.Ratio(0)
	broken := errors.New("the record can't be read")
	f := func(mode schema.OnFailure, rows int64, found bool, err error, state materialize.State, warning string) {
		t.Helper()
		w := newWorld(t, goodRows, expecting(schema.Expectations{OnFailure: mode, Rows: &schema.ExpectedRows{MaxChange: &none}}), nil)
		w.last.rows, w.last.found, w.last.err = rows, found, err
		run := w.run(materialize.Request{View: "spend"})
		if run.State != state || strings.Join(run.Warnings, "\n") != warning {
			t.Errorf("%s, %d rows: %s %s %q", mode, rows, run.State, run.Error, run.Warnings)
		}
	}
	f(schema.KeepOnFailure, 3, true, nil, materialize.Succeeded, "")
	f(schema.KeepOnFailure, 4, true, nil, materialize.Failed, "")
	f(schema.KeepOnFailure, 0, true, nil, materialize.Succeeded, "")
	f(schema.KeepOnFailure, 0, false, nil, materialize.Succeeded, "")
	f(schema.KeepOnFailure, 0, false, broken, materialize.Failed, "")
	f(schema.WarnOnFailure, 0, false, broken, materialize.Succeeded, "rows.max_change was not checked: the record of the last run can't be read")
	f(schema.WarnOnFailure, 2, true, nil, materialize.Succeeded, `the rows of source "daily" are not as expected: rows.max_change: 3 rows after 2 the last time, and a change by at most 0 of these is expected`)
}

// TestExpectedFreshness: the newest event time of the run or of what is stored.
func TestExpectedFreshness(t *testing.T) {
	w := newWorld(t, dailyTable, expecting(schema.Expectations{FreshWithin: schema.Duration(48 * time.Hour)}), nil)
	f := func(req materialize.Request, failed bool, warning string) {
		t.Helper()
		req.View = "spend"
		run := w.run(req)
		if run.State != materialize.Succeeded || len(run.Expectations) != 1 || run.Expectations[0].Failed != failed || failed != (len(run.Warnings) == 1) {
			t.Fatalf("%+v", run)
		}
		if failed && !strings.Contains(run.Warnings[0], warning) {
			t.Errorf("got %q, want %q", run.Warnings[0], warning)
		}
	}
	f(materialize.Request{}, true, "fresh_within: there is no row, and an event time within 2d is expected")
	w.exec("INSERT INTO daily VALUES (1, '2025-01-01', '2025-01-01', NULL, 1)")
	f(materialize.Request{Mode: schema.Full, To: micros("2025-01-03T00:00:00Z")}, false, "")
	f(materialize.Request{Mode: schema.Full, To: micros("2025-01-03T00:00:01Z")}, true, "fresh_within: the newest event time is 2d1s old, and at most 2d is expected")
	w.exec("INSERT INTO daily VALUES (1, now(), now(), NULL, 2)")
	f(materialize.Request{}, false, "")
	f(materialize.Request{}, false, "") // of a row that is stored
}
