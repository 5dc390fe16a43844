package materialize

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"larder/schema"
	"larder/store"
	"larder/store/record"
)

// An Expectation is one thing that a view expects of its rows, and what a run saw of it.
// It has no value of a feature.
type Expectation struct {
	// Name is the key in the view's expect, as rows.min or features.amount.max_null_share.
	Name string
	// Count is what was counted: rows, nulls or values outside. 0 of fresh_within.
	Count int64
	// OfRows is among how many: all rows of nulls, those with a value of values outside; of
	// rows.max_change, the rows of the last time. 0 for others.
	OfRows int64
	Limit  float64 // as the definitions have it; 0 of fresh_within
	Failed bool

	// Of fresh_within: the age of the newest event time, negative without rows, and the
	// greatest that is expected.
	Age, MaxAge time.Duration
}

// The names of expectations of a view.
const (
	expectRows   = "rows.min"
	expectChange = "rows.max_change"
	expectFresh  = "fresh_within"
)

// The ends of the names of those of a feature.
const (
	expectNulls   = ".max_null_share"
	expectOutside = ".max_outside_share"
)

// String says what was seen and what is expected.
func (e *Expectation) String() string {
	switch {
	case e.Name == expectRows:
		return fmt.Sprintf("%s: %d rows, and at least %.0f are expected", e.Name, e.Count, e.Limit)
	case e.Name == expectChange:
		return fmt.Sprintf("%s: %d rows after %d the last time, and a change by at most %g of these is expected", e.Name, e.Count, e.OfRows, e.Limit)
	case e.Name == expectFresh && e.Age < 0:
		return fmt.Sprintf("%s: there is no row, and an event time within %s is expected", e.Name, schema.Duration(e.MaxAge))
	case e.Name == expectFresh:
		return fmt.Sprintf("%s: the newest event time is %s old, and at most %s is expected", e.Name, schema.Duration(e.Age.Round(time.Millisecond)), schema.Duration(e.MaxAge))
	case strings.HasSuffix(e.Name, expectNulls):
		return fmt.Sprintf("%s: %d of %d rows are null, and a share of at most %g is expected", e.Name, e.Count, e.OfRows, e.Limit)
	}
	return fmt.Sprintf("%s: %d of %d values are outside, and a share of at most %g is expected", e.Name, e.Count, e.OfRows, e.Limit)
}

// judge compares what was counted in a window with what the view expects, and notes it in
// the run. It returns an error when the run must not go on.
func (r *Runner) judge(ctx context.Context, view *schema.View, w schema.Window, counts record.Counts, t *task) error {
	seen, err := r.compare(ctx, view, w, counts)
	warns := view.Expect.OnFailure == "" || view.Expect.OnFailure == schema.WarnOnFailure
	r.mu.Lock()
	t.run.Expectations = seen
	r.publish(t)
	r.mu.Unlock()
	if err != nil {
		if !warns {
			return err
		}
		r.Logger.Warn("cannot read the rows of the last run", "view", view.Name, "error", err)
		r.warn(t, "%s was not checked: the record of the last run can't be read", expectChange)
	}
	var failed []string
	for i := range seen {
		if seen[i].Failed {
			failed = append(failed, seen[i].String())
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case warns:
		for _, text := range failed {
			r.warn(t, "the rows of source %q are not as expected: %s", view.Origin.Name, text)
		}
		return nil
	}
	kept := "some of its rows may be stored"
	if view.Expect.OnFailure == schema.KeepOnFailure {
		kept = "none of its rows is stored, and those of before stay"
	}
	return schema.NotAsExpected.Errorf("feature view %q: the rows of source %q are not as expected, so the run failed and %s: %s; fix the rows, or change expect of the view",
		view.Name, view.Origin.Name, kept, strings.Join(failed, "; "))
}

// compare returns all that a view expects of the rows of a window. With an error, the
// change of the number of rows is missing.
func (r *Runner) compare(ctx context.Context, view *schema.View, w schema.Window, counts record.Counts) (all []Expectation, err error) {
	e := view.Expect
	if w.Mode != schema.Range {
		if e.Rows != nil && w.From == schema.BeginningOfTime {
			all, err = r.compareRows(ctx, view, counts.Rows)
		}
		if e.FreshWithin != 0 {
			fresh, err := r.compareNewest(view, w, counts.Newest)
			if err != nil {
				return all, err
			}
			all = append(all, fresh)
		}
	}
	for i, f := range e.Features {
		n := counts.Features[i]
		if f.Bounded() {
			all = append(all, shareOf("features."+f.Name+expectOutside, n.Outside, n.Rows-n.Nulls, f.MaxOutsideShare))
		}
		if f.MaxNullShare != nil {
			all = append(all, shareOf("features."+f.Name+expectNulls, n.Nulls, n.Rows, *f.MaxNullShare))
		}
	}
	return all, err
}

func shareOf(name string, seen, of int64, limit float64) Expectation {
	return Expectation{Name: name, Count: seen, OfRows: of, Limit: limit, Failed: seen > 0 && float64(seen)/float64(of) > limit}
}

// compareRows compares the rows of a run from the beginning.
func (r *Runner) compareRows(ctx context.Context, view *schema.View, rows int64) (all []Expectation, err error) {
	e := view.Expect.Rows
	if e.Min > 0 {
		all = append(all, Expectation{Name: expectRows, Count: rows, Limit: float64(e.Min), Failed: rows < e.Min})
	}
	if e.MaxChange == nil {
		return all, nil
	}
	last, found, err := r.lastRows(ctx, view.Name)
	if err != nil || !found || last == 0 { // then there is nothing to measure by
		return all, err
	}
	limit := float64(*e.MaxChange)
	change := math.Abs(float64(rows-last)) / float64(last)
	return append(all, Expectation{Name: expectChange, Count: rows, OfRows: last, Limit: limit, Failed: change > limit}), nil
}

// lastRows returns the rows of the last run of a view from the beginning that succeeded.
func (r *Runner) lastRows(ctx context.Context, view string) (rows int64, found bool, err error) {
	r.mu.Lock()
	for i := len(r.ended) - 1; i >= 0 && !found; i-- {
		run := &r.ended[i].run
		if found = run.View == view && run.State == Succeeded && run.whole(); found {
			rows = run.RowsRead - run.RowsBad
		}
	}
	r.mu.Unlock()
	if found {
		return rows, true, nil
	}
	if rows, found, err = r.LastRows(ctx, view); err != nil {
		return 0, false, fmt.Errorf("read the rows of the last run of %q: %w", view, err)
	}
	return rows, found, nil
}

// compareNewest compares the newest event time of a window, and of what is stored, with
// the window's end.
func (r *Runner) compareNewest(view *schema.View, w schema.Window, newest int64) (Expectation, error) {
	stored, err := r.Store.NewestEventTime(view.ID)
	if err != nil {
		return Expectation{}, fmt.Errorf("read the newest event time of %q: %w", view.Name, err)
	}
	e := Expectation{Name: expectFresh, Age: -1, MaxAge: view.Expect.FreshWithin.Std()}
	if newest = max(newest, stored); newest != store.NoEventTime {
		e.Age = ageOf(newest, w.To)
	}
	e.Failed = e.Age < 0 || e.Age > e.MaxAge
	return e, nil
}

// ageOf returns how long before a time another one is, in microseconds both: at least 0,
// and at most what a duration holds.
func ageOf(newest, at int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Microsecond)
	return time.Duration(min(max(0, at-newest), most)) * time.Microsecond
}
