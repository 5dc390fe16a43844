package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A Question describes a report to make.
type Question struct {
	Metric  Metric
	Alpha   float64 // the share of experiments without a difference that may show one
	Control int64   // the version that others are compared with
	// Weights are the versions that share the traffic, including the control; nil where
	// one version answers all requests. Assigned returns the version that a unit is sent
	// to.
	Weights  []Weight
	Assigned func(unit string) int64
}

// A Weight is the share of the units that a version answers.
type Weight struct {
	Version int64
	Share   float64
}

// A Role says why a version scored rows.
type Role string

// The roles of versions.
const (
	Control Role = "control" // the others are compared with it
	Split   Role = "split"   // it has its share of the units
	Shadow  Role = "shadow"  // it scored requests that the control answered
	Pinned  Role = "pinned"  // callers named the version, or the traffic was split otherwise then
)

// A Report shows the results of versions.
type Report struct {
	Versions []*Version
	Ratio    *SampleRatio // nil where traffic isn't split, or with too few units
	Outcomes int          // labels that were read
	Unknown  int          // the labels that match no logged row
}

// A Version shows the results of one version in one role.
type Version struct {
	Version   int64
	Role      Role
	Share     float64 // of the units, in a split
	Rows      int     // that it scored
	Units     int     // the units of these rows
	Undefined int     // rows that it scored NaN; no figure includes them
	Labelled  int     // rows that have a label
	Positives int     // the labelled rows that are true
	Figure    Interval
	// Difference is the metric minus the control's. It is nil for the control itself, with
	// too few rows, and where units were not assigned at random.
	Difference *Difference
	Verdict    string

	// Unscored are the labelled rows that it scored NaN. A verdict without them would
	// flatter a version that fails on difficult rows.
	Unscored int

	rows []int32 // those with a label and a score
}

// A Difference is the metric of a version minus that of the control.
type Difference struct {
	Interval         // always valid
	P        float64 // always valid
	Rows     int     // rows of the version that count
	Paired   bool    // both scored the same rows
}

// Report compares the versions of the data.
func (d *Data) Report(q Question) *Report {
	d.sort()
	r := &Report{Versions: d.versions(q), Outcomes: d.Outcomes, Unknown: d.Unknown}
	var control *Version
	for _, v := range r.Versions {
		d.count(v)
		v.Figure = q.Metric.figure(d.sample(v.rows), q.Alpha)
		if v.Role == Control {
			control = v
		}
	}
	r.Ratio = ratioOf(r.Versions)
	for _, v := range r.Versions {
		if control != nil && v != control && v.Role != Pinned {
			v.Difference = d.difference(q, control, v)
		}
		v.Verdict = verdict(q, r, control, v)
	}
	return r
}

// versions groups the rows by version and role: the control first, then the versions
// in the order of the weights, then shadows, then pinned versions.
func (d *Data) versions(q Question) []*Version {
	type name struct {
		version int64
		role    Role
	}
	byName := map[name]*Version{}
	var all []*Version
	add := func(n name, share float64) *Version {
		v := &Version{Version: n.version, Role: n.role, Share: share}
		byName[n], all = v, append(all, v)
		return v
	}
	add(name{q.Control, Control}, 0)
	for _, w := range q.Weights {
		if w.Version == q.Control {
			all[0].Share = w.Share
			continue
		}
		add(name{w.Version, Split}, w.Share)
	}
	for i := range d.rows {
		n := name{d.rows[i].version, d.role(q, &d.rows[i])}
		v := byName[n]
		if v == nil {
			v = add(n, 0)
		}
		v.rows = append(v.rows, int32(i))
	}
	first := len(q.Weights)
	slices.SortStableFunc(all[max(1, first):], func(a, b *Version) int {
		return cmp.Or(-cmp.Compare(a.Role, b.Role), cmp.Compare(a.Version, b.Version)) // shadows before pinned versions
	})
	return all
}

func (d *Data) role(q Question, r *scored) Role {
	switch {
	case r.shadow:
		return Shadow
	case q.Weights == nil && r.version == q.Control:
		return Control
	case q.Weights == nil || q.Assigned(d.names[r.unit]) != r.version:
		return Pinned
	case r.version == q.Control:
		return Control
	}
	return Split
}

// count counts a version's rows, and keeps those with a label and a score.
func (d *Data) count(v *Version) {
	units := map[int32]struct{}{}
	v.Rows = len(v.rows)
	kept := v.rows[:0]
	for _, i := range v.rows {
		r := &d.rows[i]
		units[r.unit] = struct{}{}
		o := d.outcomeOf(r)
		if math.IsNaN(r.score) {
			v.Undefined++
		}
		if o == nil || math.IsNaN(o.label) {
			continue
		}
		v.Labelled++
		v.Positives += int(o.label)
		if math.IsNaN(r.score) {
			v.Unscored++
		} else {
			kept = append(kept, i)
		}
	}
	v.Units, v.rows = len(units), kept
}

// sample returns rows that have labels.
func (d *Data) sample(rows []int32) sample {
	n := len(rows)
	s := sample{scores: make([]float64, n), labels: make([]float64, n), values: make([][]float64, n), units: make([]int32, n)}
	for i, at := range rows {
		o := d.outcomeOf(&d.rows[at])
		s.scores[i], s.labels[i], s.values[i], s.units[i] = d.rows[at].score, o.label, o.values, d.rows[at].unit
	}
	return s
}

// difference compares a version with the control. It returns nil with too few rows.
func (d *Data) difference(q Question, control, v *Version) *Difference {
	ours, theirs := v.rows, control.rows
	if v.Role == Shadow {
		ours, theirs = d.pairs(v.rows, control.rows)
	}
	out := &Difference{Rows: len(ours), Paired: v.Role == Shadow}
	var enough bool
	out.Interval, out.P, enough = q.Metric.difference(d.sample(ours), d.sample(theirs), out.Paired, q.Alpha)
	if !enough {
		return nil
	}
	return out
}

// pairs returns the rows that both of two versions scored.
func (d *Data) pairs(ours, theirs []int32) (ourPairs, theirPairs []int32) {
	at := make(map[key]int32, len(theirs))
	for _, i := range theirs {
		at[d.rows[i].id] = i
	}
	for _, i := range ours {
		if other, both := at[d.rows[i].id]; both {
			ourPairs, theirPairs = append(ourPairs, i), append(theirPairs, other)
		}
	}
	return ourPairs, theirPairs
}

// ratioOf compares the units of versions with the shares that they should have.
func ratioOf(versions []*Version) *SampleRatio {
	var units []int
	var shares []float64
	for _, v := range versions {
		if v.Share > 0 {
			units, shares = append(units, v.Units), append(shares, v.Share)
		}
	}
	return sampleRatio(units, shares)
}

// verdict says in a sentence what is known about a version.
func verdict(q Question, r *Report, control, v *Version) string {
	name := fmt.Sprintf("version %d", v.Version)
	switch diff := v.Difference; {
	case v == control:
		return ""
	case v.Role == Pinned:
		return name + " can't be compared: its rows were not assigned at random, because requests named the version or because the traffic was split otherwise"
	case control == nil || control.Rows == 0:
		return "the control scored no rows, so " + name + " can't be compared"
	case r.Ratio != nil && r.Ratio.Mismatch() && v.Role == Split:
		return "find out why the versions did not get their shares of the units; until then the comparison is not reliable"
	case v.Unscored > 0 || control.Unscored > 0:
		return unscored(v, control)
	case diff == nil && !enoughLabels(v, control):
		return name + " can't be compared yet: too few of its rows or of the control's have labels"
	case diff == nil:
		return fmt.Sprintf("%s can't be compared by %s yet: too few rows decide the figure, such as those with a true label or with a very large value; wait for more labels", name, q.Metric.Name)
	case diff.Low == diff.High:
		return fmt.Sprintf("%s and version %d have exactly the same %s", name, control.Version, q.Metric.Name)
	case diff.Low > 0 || diff.High < 0:
		low, high := math.Abs(diff.Low), math.Abs(diff.High)
		return fmt.Sprintf("%s is %s version %d: %s is %s by %s (%s to %s); chance alone would show such a difference in at most %s %% of experiments, however often you look",
			name, q.comparative(diff.Value), control.Version, q.Metric.Name, higher(diff.Value), number(math.Abs(diff.Value)), number(min(low, high)), number(max(low, high)), number(100*q.Alpha))
	default:
		return fmt.Sprintf("there is no significant difference between %s and version %d: %s differs by %s (%s to %s), which chance can explain; more labels narrow the interval",
			name, control.Version, q.Metric.Name, number(diff.Value), number(diff.Low), number(diff.High))
	}
}

// enoughLabels reports whether a difference lacks more than labels.
func enoughLabels(v, control *Version) bool { return min(len(v.rows), len(control.rows)) >= minRows }

// unscored explains why a verdict is withheld.
func unscored(v, control *Version) string {
	which := v
	if v.Unscored == 0 {
		which = control
	}
	return fmt.Sprintf("version %d can't be compared: version %d scored NaN for %d of %d rows with labels, and the figures leave these out; find out why",
		v.Version, which.Version, which.Unscored, which.Labelled)
}

func (q Question) comparative(difference float64) string {
	switch d := q.Metric.direction(); {
	case d == neither:
		return "other than"
	case (difference > 0) == (d == better):
		return "better than"
	}
	return "worse than"
}

func higher(difference float64) string {
	if difference > 0 {
		return "higher"
	}
	return "lower"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
