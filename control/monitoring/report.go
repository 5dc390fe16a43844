package monitoring

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/monitor/drift"
	"larder/monitor/profile"
	"larder/monitor/watch"
	"larder/schema"
	"larder/store/registry"
)

const (
	// windowRows is how many rows a window has that is compared by itself.
	windowRows = 1000
	// longestWindow is how long rows are gathered for one.
	longestWindow = 24 * time.Hour
)

// A Report is how what a model's version is fed differs from its reference.
type Report struct {
	Dataset       string // the training set of features; empty: the first rows
	ReferenceRows int64  // of features; 0 while there is no reference
	Rows          int64  // counted in the span
	Windows       int    // compared one by one
	Columns       []Column
	Missing       string // why there is nothing to compare
}

// A Column is how one column differs from its reference.
type Column struct {
	Name       string
	Kind       drift.Kind
	Reference  *profile.Profile
	Now        profile.Tally
	Pair       drift.Pair
	Deviations float64 // Wasserstein's distance in standard deviations of the reference
	Open       *drift.Change
	OpenSince  int64 // when the window that opened the drift began, in microseconds since 1970 UTC
}

// Distance is how far the column is from its reference, from 0 to 1.
func (c *Column) Distance() float64 {
	if c.Kind == drift.Numbers {
		return c.Pair.KolmogorovSmirnov()
	}
	return c.Pair.TotalVariation()
}

// Report compares what was counted of a plan's version in a span of time.
func (s Store) Report(ctx context.Context, p *schema.Plan, since, until time.Time) (*Report, error) {
	out := new(Report)
	for _, part := range []string{watch.Features, watch.Score} {
		r, err := s.Reference(ctx, p.Model.Name, p.ModelVersion.Version, part)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		if part == watch.Features {
			out.Dataset = r.Dataset
			for _, c := range r.Columns {
				out.ReferenceRows = max(out.ReferenceRows, c.Profile.Rows)
			}
		}
		if err := s.compare(ctx, p, part, r, since, until, out); err != nil {
			return nil, err
		}
	}
	switch {
	case !p.Model.Watches():
		out.Missing = "the model is not watched: its definition has monitor: {off: true}"
	case out.ReferenceRows == 0:
		out.Missing = "there is no reference yet: it is the training set that a version names (larder models push --dataset), or the first 1,000 rows that it is fed"
	case out.Rows == 0:
		out.Missing = "nothing was counted in this time; servers hand over what they count every 10 minutes"
	}
	slices.SortStableFunc(out.Columns, func(a, b Column) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(importance(&b), importance(&a)), cmp.Compare(b.Distance(), a.Distance()), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// rank puts causes first: a view whose rows are missing or old, then features, then scores; and
// what drifts before what doesn't.
func rank(c *Column) int {
	switch {
	case c.Open == nil:
		return 3
	case watch.IsStatus(c.Name):
		return 0
	case c.Name == watch.Score:
		return 2
	}
	return 1
}

// importance is above all others' where a column drifts.
func importance(c *Column) float64 {
	if c.Open == nil {
		return -1
	}
	return c.Open.Importance
}

// A span is what all servers counted in one window of theirs.
type span struct {
	begins, ends time.Time
	tallies      []profile.Tally
}

// compare adds the columns of a part.
func (s Store) compare(ctx context.Context, p *schema.Plan, part string, r *watch.Reference, since, until time.Time, out *Report) error {
	spans, err := s.spans(ctx, p, part, r, since, until)
	if err != nil || len(spans) == 0 {
		return err
	}
	columns := make([]Column, len(r.Columns))
	features := make([]drift.Feature, len(r.Columns))
	for i, c := range r.Columns {
		columns[i] = Column{Name: c.Name, Kind: kindOf(c.Profile), Reference: c.Profile}
		features[i] = drift.Feature{Name: c.Name, Kind: columns[i].Kind, Reference: countsOf(c.Profile.Counts, c.Profile.Rows, c.Profile.Nulls+c.Profile.NotFinite)}
	}
	threshold := p.Model.DriftThreshold()
	detector, err := drift.NewDetector(features, drift.Options{
		Shape: drift.Threshold{Certain: threshold / 2, Size: threshold}, Spread: drift.Threshold{Certain: 0.3 * threshold, Size: threshold},
	})
	if err != nil {
		return err
	}
	for _, w := range windows(spans) {
		counts := make([]drift.Counts, len(columns))
		for i := range w.tallies {
			t := &w.tallies[i]
			counts[i] = countsOf(t.Counts, t.Rows, t.Nulls+t.NotFinite)
		}
		changes, err := detector.Add(counts)
		if err != nil {
			return err
		}
		note(columns, changes, w.begins)
		if part == watch.Features {
			out.Windows++
		}
	}
	for i := range columns {
		c := &columns[i]
		for k := range spans {
			if err := c.Now.Add(&spans[k].tallies[i]); err != nil {
				return err
			}
		}
		if part == watch.Features {
			out.Rows = max(out.Rows, c.Now.Rows)
		}
		if c.Pair, err = drift.NewPair(c.Reference.Counts, c.Now.Counts); err != nil {
			return err
		}
		if c.Kind == drift.Numbers && len(c.Reference.Edges) > 0 {
			axis, err := drift.NewAxis(c.Reference.Edges, c.Reference.Min, c.Reference.Max)
			if err != nil {
				return err
			}
			if _, c.Deviations, err = c.Pair.Wasserstein(axis); err != nil {
				return err
			}
		}
	}
	out.Columns = append(out.Columns, columns...)
	return nil
}

// note keeps what a window opened and ended.
func note(columns []Column, changes []drift.Change, begins time.Time) {
	for i := range changes {
		change := &changes[i]
		at := slices.IndexFunc(columns, func(c Column) bool { return c.Name == change.Feature })
		switch change.State {
		case drift.Opened:
			columns[at].Open, columns[at].OpenSince = change, begins.UnixMicro()
		case drift.Updated:
			columns[at].Open = change
		case drift.Resolved:
			columns[at].Open, columns[at].OpenSince = nil, 0
		}
	}
}

func kindOf(p *profile.Profile) drift.Kind {
	if p.Categories != nil {
		return drift.Categories
	}
	return drift.Numbers
}

// countsOf returns counts as a detector takes them: its statuses are rows with a value and
// rows without one.
func countsOf(counts []int64, rows, missing int64) drift.Counts {
	return drift.Counts{Values: counts, Statuses: []int64{rows - missing, missing}}
}

// spans reads what was counted, added up over servers.
func (s Store) spans(ctx context.Context, p *schema.Plan, part string, r *watch.Reference, since, until time.Time) ([]span, error) {
	var all []span
	err := s.WatchWindows(ctx, p.Model.Name, p.ModelVersion.Version, part, r.ID(), since, until, func(w *registry.WatchWindow) error {
		var one watch.Window
		if err := one.DecodeTallies(w.Counts, len(r.Columns)); err != nil {
			return fmt.Errorf("what %s counted at %s: %w", w.Server, w.Begins.UTC().Format(time.RFC3339), err)
		}
		for i := range one.Tallies { // of a column that the server did not have
			if t := &one.Tallies[i]; len(t.Counts) == 0 {
				t.Counts = make([]int64, len(r.Columns[i].Profile.Counts))
			}
		}
		if n := len(all); n > 0 && all[n-1].begins.Equal(w.Begins) {
			return addAll(all[n-1].tallies, one.Tallies)
		}
		all = append(all, span{w.Begins, w.Ends, one.Tallies})
		return nil
	})
	return all, err
}

func addAll(to, from []profile.Tally) error {
	for i := range to {
		if err := to[i].Add(&from[i]); err != nil {
			return err
		}
	}
	return nil
}

// windows joins spans until each has enough rows, or is long enough. The last, which may have
// too few, is left for later.
func windows(spans []span) []span {
	var all []span
	var open *span
	for _, x := range spans {
		if open == nil {
			open = &span{x.begins, x.ends, cloned(x.tallies)}
		} else {
			_ = addAll(open.tallies, x.tallies) // of one reference
			open.ends = x.ends
		}
		rows := int64(0)
		for i := range open.tallies {
			rows = max(rows, open.tallies[i].Rows)
		}
		if rows >= windowRows || open.ends.Sub(open.begins) >= longestWindow {
			all, open = append(all, *open), nil
		}
	}
	return all
}

func cloned(tallies []profile.Tally) []profile.Tally {
	out := slices.Clone(tallies)
	for i := range out {
		out[i].Counts = slices.Clone(out[i].Counts)
	}
	return out
}

// Change says what has changed about a column that drifts, for people.
func (c *Column) Change() string {
	if c.Open == nil {
		return ""
	}
	var said []string
	for _, f := range c.Open.Findings {
		percent := fmt.Sprintf("%.3g %%", 100*f.Size)
		switch f.Measure {
		case drift.Location:
			said = append(said, percent+" of rows moved up or down")
		case drift.Spread:
			said = append(said, percent+" of rows moved away from the middle or towards it")
		case drift.Shares:
			said = append(said, percent+" of rows have another value")
		case drift.Category:
			said = append(said, fmt.Sprintf("the share of %s changed by %s", c.category(f.Index), percent))
		case drift.Unseen:
			said = append(said, percent+" of rows are outside of what the reference has")
		case drift.Status:
			if f.Index == 1 {
				said = append(said, "the share of rows without a value changed by "+percent)
			}
		}
	}
	return "in the newest window, " + strings.Join(said, ", ")
}

// category names a category in a text.
func (c *Column) category(i int) string {
	if i < 0 || i >= len(c.Reference.Categories) {
		return "other values"
	}
	return fmt.Sprintf("%q", schema.CutName(c.Reference.Categories[i]))
}
