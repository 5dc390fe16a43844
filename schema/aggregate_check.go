package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The limits on aggregate views.
const (
	MaxWindows       = 64
	MinWindow        = Duration(time.Second)
	MaxWindow        = Duration(10 * 366 * 24 * time.Hour)
	MaxAggregateN    = 256 // of last_n and top_k
	MaxHalfLives     = 32  // in the longest window of a decayed sum
	MaxStateBytes    = 512 << 10
	maxAggregateRuns = 64 // percentiles of one feature
)

func (v *validator) aggregateView(path string, a *AggregateView) {
	owner := fmt.Sprintf("aggregate view %q", a.Name)
	if LocalName(a.Name) == requestRef {
		v.addf(path+".name", `an aggregate view can't be named "request": that name is for request values; rename it`)
	}
	keys := v.viewEntities(path, &FeatureView{Name: a.Name, Entities: a.Entities})
	if a.KeepOld != nil && *a.KeepOld > MaxKeepOld {
		v.addf(path+".keep_old", "%s: keep_old must be %s or shorter, not %s", owner, MaxKeepOld, *a.KeepOld)
	}
	if len(a.Where) > MaxExprBytes {
		v.addf(path+".where", "%s: where has %d bytes (limit %d)", owner, len(a.Where), MaxExprBytes)
	}
	s := v.streams[a.Stream]
	switch {
	case a.Stream == "":
		v.addf(path+".stream", "%s has no stream; write stream: NAME", owner)
		return
	case s == nil:
		v.unknownf(a.Stream, names(v.streams), path+".stream", "%s: no stream %q", owner, a.Stream)
		return
	}
	v.keysAreFields(path+".entities", owner, s, keys)
	v.windows(path+".windows", owner, s, a.Windows)
	if len(a.Features) == 0 {
		v.addf(path+".features", `%s has no feature; write features: [{name: n, count: "*"}]`, owner)
	}
	for i := range a.Features {
		v.aggregateFeature(fmt.Sprintf("%s.features[%d]", path, i), owner, s, a, &a.Features[i])
	}
	v.expanded(path+".features", owner, keys, a)
}

// expanded checks the features that a view has once each aggregate is in each window.
func (v *validator) expanded(path, owner string, keys []JoinKey, a *AggregateView) {
	features := v.defs.expand(a).Features
	if len(features) > MaxFeatures {
		v.addf(path, "%s has %d features in all windows; use at most %d", owner, len(features), MaxFeatures)
	}
	seen := map[string]bool{}
	for _, f := range features {
		switch {
		case seen[f.Name]:
			v.addf(path, "%s has two features named %q, once each window has its own; rename one", owner, f.Name)
		case !namePattern.MatchString(f.Name):
			v.addf(path, "%s: feature %q is too long a name with its window; shorten it", owner, f.Name)
		case slices.ContainsFunc(keys, func(k JoinKey) bool { return k.Name == f.Name }):
			v.addf(path, "%s: feature %q is a join key too; rename it", owner, f.Name)
		}
		seen[f.Name] = true
	}
}

func (v *validator) windows(path, owner string, s *Stream, windows []AggregateWindow) {
	if len(windows) == 0 {
		v.addf(path, "%s has no window; write windows: [1h, 24h]", owner)
	}
	if len(windows) > MaxWindows {
		v.addf(path, "%s has %d windows; use at most %d", owner, len(windows), MaxWindows)
	}
	seen := map[string]bool{}
	for i, w := range windows {
		at := fmt.Sprintf("%s[%d]", path, i)
		if seen[w.String()] {
			v.addf(at, "%s has window %s twice; remove one", owner, w)
		}
		seen[w.String()] = true
		if why := w.fault(); why != "" {
			v.addf(at, "%s: window %s", owner, why)
			continue
		}
		if r := s.Log.Retention; r != 0 && (w.Lifetime || w.Length > r || w.span() > r) {
			v.addf(at, "%s: window %s reaches further back than the log of stream %q, which keeps %s; a state could never be built again: make retention longer, or leave it out", owner, w, s.Name, r)
		}
	}
}

// span returns how far back a calendar window can reach.
func (w AggregateWindow) span() Duration {
	days := map[CalendarUnit]int{CalendarHour: 1, CalendarDay: 2, CalendarWeek: 8, CalendarMonth: 32, CalendarYear: 367}[w.Calendar]
	if w.Of == PreviousUnit {
		days *= 2
	}
	return Duration(days) * Duration(day)
}

// fault returns why a window can't be; "" when it can.
func (w AggregateWindow) fault() string {
	switch {
	case w.Lifetime:
		return ""
	case w.Calendar != "" && (w.Length != 0 || w.Hop != 0):
		return "has both a calendar unit and a length; keep one"
	case w.Calendar != "":
		return w.calendarFault()
	case w.TimeZone != "" || w.Of != "":
		return "has a time zone or of, which only calendar units have; write calendar: day"
	case w.Length < MinWindow || w.Length > MaxWindow:
		return fmt.Sprintf("must be %s to %s long, not %s", MinWindow, MaxWindow, w.Length)
	case w.Hop != 0 && (w.Hop > w.Length || w.Length%w.Hop != 0):
		return fmt.Sprintf("%s: hop %s must divide the length", w.Length, w.Hop)
	case w.Hop == 0 && w.Length%Duration(time.Second) != 0:
		return fmt.Sprintf("%s: the length must be whole seconds, or have a hop", w.Length)
	}
	return ""
}

func (w AggregateWindow) calendarFault() string {
	switch {
	case !slices.Contains([]CalendarUnit{CalendarHour, CalendarDay, CalendarWeek, CalendarMonth, CalendarYear}, w.Calendar):
		return fmt.Sprintf("has no calendar unit %q; use hour, day, week, month or year", w.Calendar)
	case w.Of != "" && w.Of != CurrentUnit && w.Of != PreviousUnit:
		return fmt.Sprintf("of %s: of must be current or previous, not %q", w.Calendar, w.Of)
	case !zoneExists(w.TimeZone):
		return fmt.Sprintf("of %s: no time zone %q; write an IANA name, as in time_zone: Europe/Berlin, or UTC", w.Calendar, w.TimeZone)
	}
	return ""
}

func (v *validator) aggregateFeature(path, owner string, s *Stream, a *AggregateView, f *AggregateFeature) {
	v.name(path+".name", "feature", f.Name)
	ops, fields := f.reads()
	what := fmt.Sprintf("%s: feature %q", owner, f.Name)
	if len(ops) != 1 {
		told := "has no aggregate"
		if len(ops) > 1 {
			told = "has several aggregates: " + strings.Join(namesOf(ops, func(op AggregateOp) string { return string(op) }), ", ")
		}
		v.addf(path, `%s %s; write one, as in sum: amount or count: "*"`, what, told)
		return
	}
	op := ops[0]
	t, why := resultType(s, AggregateColumn{Op: op, Field: s.Field(fields[0])}, fields[0])
	if why != "" {
		v.addf(path+"."+string(op), "%s: %s", what, why)
		return
	}
	for i, w := range f.Windows {
		if !slices.ContainsFunc(a.Windows, func(x AggregateWindow) bool { return x.String() == w.String() }) {
			v.addf(fmt.Sprintf("%s.windows[%d]", path, i), "%s: the view has no window %s; %s", what, w, Nearest(w.String(), namesOf(a.Windows, AggregateWindow.String)))
		}
	}
	if f.Default != "" {
		if _, err := ParseValue(t, json.RawMessage(f.Default)); err != nil {
			v.addf(path+".default", "default of %s feature %q: %v", t, f.Name, err)
		}
	}
	v.aggregateParameters(path, what, op, a, f)
}

// aggregateParameters checks what some aggregates need and others can't have.
func (v *validator) aggregateParameters(path, what string, op AggregateOp, a *AggregateView, f *AggregateFeature) {
	only := func(key string, set bool, of ...AggregateOp) bool {
		if set && !slices.Contains(of, op) {
			v.addf(path+"."+key, "%s: %s is for %s; remove it", what, key, strings.Join(namesOf(of, func(op AggregateOp) string { return string(op) }), " and "))
		}
		return slices.Contains(of, op)
	}
	if only("n", f.N != 0, OpLastN, OpTopK) && (f.N < 1 || f.N > MaxAggregateN) {
		v.addf(path+".n", "%s: %s needs n: from 1 to %d", what, op, MaxAggregateN)
	}
	only("range", f.Range != nil, OpPercentiles)
	if f.Range != nil && (len(f.Range) != 2 || !(f.Range[0] > 0 && f.Range[0] < f.Range[1])) {
		v.addf(path+".range", "%s: range must be the least and the largest magnitude, both above 0, as in range: [0.01, 1000000]", what)
	}
	if only("at", f.At != nil, OpPercentiles) {
		if len(f.At) == 0 || len(f.At) > maxAggregateRuns || slices.ContainsFunc(f.At, func(x float64) bool { return !(x > 0 && x < 1) }) {
			v.addf(path+".at", "%s: percentiles need at: with 1 to %d numbers above 0 and below 1, as in at: [0.5, 0.99]", what, maxAggregateRuns)
		}
	}
	if only("half_life", f.HalfLife != 0, OpDecayedSum) {
		v.decays(path, what, a, f)
	}
}

func (v *validator) decays(path, what string, a *AggregateView, f *AggregateFeature) {
	if f.HalfLife < Duration(time.Millisecond) {
		v.addf(path+".half_life", "%s: decayed_sum needs half_life: of 1ms or longer, as in half_life: 6h", what)
		return
	}
	windows := f.Windows
	if len(windows) == 0 {
		windows = a.Windows
	}
	for _, w := range windows {
		if w = a.window(w); w.Length == 0 || w.Length/f.HalfLife > MaxHalfLives {
			v.addf(path+".half_life", "%s: a decayed sum needs windows of at most %d half-lives, and window %s is none; write windows: for this feature", what, MaxHalfLives, w)
		}
	}
}
