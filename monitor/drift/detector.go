package drift

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Counts are the rows of a sample: values by bin, and all rows by status. Values are
// those of rows that have one, so both sums may differ. Either may be empty.
type Counts struct {
	Values   []int64
	Statuses []int64
}

// A Feature is what a Detector compares windows with.
type Feature struct {
	Name      string
	Kind      Kind
	Reference Counts
}

// A State is what a window made of the alarm of a feature.
type State int

// The states of an alarm.
const (
	Opened State = iota
	Updated
	Resolved
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Opened:
		return "opened"
	case Updated:
		return "updated"
	case Resolved:
		return "resolved"
	}
	return fmt.Sprintf("state %d", int(s))
}

// A Change is news of the alarm of a feature.
type Change struct {
	Feature string
	State   State
	// Importance is the Certain of the first finding: the share of the feature's rows that
	// changed beyond chance, whatever its kind.
	Importance float64
	// Findings are those of the measures that are open, the largest Certain first, each
	// from the newest window that was large enough to show it. Of an alarm that is
	// resolved they are those that ended it.
	Findings []Finding
}

// A Detector takes the windows of a model, in the order of time, and says which of its
// features drift. Its state follows from the windows alone: after a restart, add them
// again. Not safe for concurrent use.
type Detector struct {
	options  Options
	features []watched
}

type watched struct {
	Feature
	gauges []*alarm
	open   bool
}

// An alarm is the state of one measure.
type alarm struct {
	*gauge
	history uint32  // a bit for each of the newest windows that had rows; 1 shows a change
	open    bool    // since Hits of Of windows showed a change
	calm    int     // windows in a row that would have shown it and did not
	peak    Finding // the most certain since it opened, or of the windows that may open it
	newest  Finding
}

// NewDetector returns a Detector of features, whose names must differ.
func NewDetector(features []Feature, opts Options) (*Detector, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	d := &Detector{options: opts}
	names := make(map[string]bool, len(features))
	for _, f := range features {
		if names[f.Name] {
			return nil, fmt.Errorf("feature %q is there twice", f.Name)
		}
		names[f.Name] = true
		for _, counts := range [][]int64{f.Reference.Values, f.Reference.Statuses} {
			if _, err := rows(counts); err != nil {
				return nil, fmt.Errorf("reference of feature %q: %w", f.Name, err)
			}
		}
		w := watched{Feature: f}
		for _, g := range opts.gauges(f, len(features)) {
			w.gauges = append(w.gauges, &alarm{gauge: g})
		}
		d.features = append(d.features, w)
	}
	return d, nil
}

// gauges returns those of one feature of many. Alpha is shared out evenly over the
// features, and over the gauges of each.
func (o Options) gauges(f Feature, features int) []*gauge {
	measures := []Measure{Location, Spread, Unseen}
	if f.Kind == Categories {
		measures = []Measure{Shares, Category, Unseen}
	}
	share := o.Alpha / float64(features*(len(measures)+len(f.Reference.Statuses)))
	var all []*gauge
	for _, m := range measures {
		threshold := o.Shape
		switch m {
		case Spread:
			threshold = o.Spread
		case Unseen:
			threshold = o.Unseen
		}
		all = append(all, newGauge(m, -1, f.Reference.Values, threshold, o, share))
	}
	for i := range f.Reference.Statuses {
		all = append(all, newGauge(Status, i, f.Reference.Statuses, o.Status, o, share))
	}
	return all
}

// Add takes the next window: the counts of each feature, in the order of NewDetector.
// It returns the alarms that opened, those that are open still and had rows, and those
// that ended, the most important first. Where it returns an error, the window counts
// for nothing.
func (d *Detector) Add(window []Counts) ([]Change, error) {
	if len(window) != len(d.features) {
		return nil, fmt.Errorf("the window has %d features, but the detector has %d", len(window), len(d.features))
	}
	values, statuses := make([]Pair, len(window)), make([]Pair, len(window))
	for i, w := range window {
		var errs [2]error
		f := d.features[i]
		values[i], errs[0] = NewPair(f.Reference.Values, w.Values)
		statuses[i], errs[1] = NewPair(f.Reference.Statuses, w.Statuses)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		}
	}
	var changes []Change
	for i := range d.features {
		if c, ok := d.features[i].add(values[i], statuses[i], d.options); ok {
			changes = append(changes, c)
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Importance, a.Importance), slices.CompareFunc(a.Findings, b.Findings, func(x, y Finding) int {
			return cmp.Compare(y.Size, x.Size)
		}))
	})
	return changes, nil
}

// add takes a feature's part of a window, and says what became of its alarm.
func (w *watched) add(values, statuses Pair, o Options) (Change, bool) {
	heard, open := false, false
	var drifting, ended []Finding
	for _, a := range w.gauges {
		p := values
		if a.measure == Status {
			p = statuses
		}
		was := a.open
		if !a.empty && p.n > 0 {
			a.add(p, o)
			heard = heard || was || a.open
		}
		switch {
		case a.open:
			open = true
			drifting = append(drifting, a.newest)
		case was:
			ended = append(ended, a.newest)
		}
	}
	c := Change{Feature: w.Name, State: Updated, Findings: drifting}
	switch {
	case open && !w.open:
		c.State = Opened
	case !open && w.open:
		c.State, c.Findings = Resolved, ended
	case !open || !heard:
		return Change{}, false
	}
	w.open = open
	slices.SortStableFunc(c.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Certain, a.Certain), cmp.Compare(b.Size, a.Size))
	})
	c.Importance = c.Findings[0].Certain
	return c, true
}

// add takes a window that has rows.
func (a *alarm) add(p Pair, o Options) {
	f := a.take(p)
	shown := f.Certain > a.threshold.Certain && f.Size > a.threshold.Size
	a.history <<= 1
	if shown {
		a.history |= 1
	}
	a.history &= 1<<o.Of - 1
	if !a.open {
		if a.history == 0 {
			a.peak = Finding{}
			return
		}
		if shown && f.Certain > a.peak.Certain {
			a.peak = f
		}
		a.newest = f
		a.open = shown && bits.OnesCount32(a.history) >= o.Hits
		a.calm = 0
		return
	}
	// An open alarm ends at half of what opens one, and a window that is too small to
	// show the change is no sign of calm.
	switch still := f.Certain > a.threshold.Certain/2 && f.Size > a.threshold.Size/2; {
	case still:
		a.calm, a.newest = 0, f
		if f.Certain > a.peak.Certain {
			a.peak = f
		}
	case a.shows(a.peak, p.n):
		a.calm++
		a.newest = f
	}
	if a.calm == o.Of {
		a.open, a.calm, a.history, a.peak = false, 0, 0, Finding{}
	}
}
