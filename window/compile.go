package window

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// A Program folds and evaluates as a Spec says. Safe for concurrent use.
type Program struct {
	fields   []FieldType
	used     []int   // fields that an aggregate reads
	needs    []needs // of each field
	windows  []windowPlan
	order    []int // windows, the longest first
	levels   []level
	outputs  []outputPlan
	gathers  int // different sums of windows
	extremes int // the same of extremes
}

// needs says what is kept of a text.
type needs struct{ text, hash bool }

type windowPlan struct {
	Window
	level int
}

// An outputPlan is an output, with the parts of its window's tiles that it reads.
type outputPlan struct {
	op          Op
	window      int
	part, count int // of the layout's list for op; of counts
	square      int // of sums
	field       fieldPart
	n           int
	billionths  int64
	gather      int // of the sum or the extreme, for this window
	squares     int // the same of the square
}

// Compile checks a spec and plans its states. Its errors name all that is wrong.
func Compile(spec Spec) (*Program, error) {
	p := &Program{fields: slices.Clone(spec.Fields), needs: make([]needs, len(spec.Fields))}
	if err := spec.check(); err != nil {
		return nil, err
	}
	for _, w := range spec.Windows {
		p.addWindow(w)
	}
	gathers, extremes := make(gathers), make(gathers)
	for _, o := range spec.Outputs {
		p.addOutput(spec.Aggregates[o.Aggregate], o.Window, gathers, extremes)
	}
	p.gathers, p.extremes = len(gathers), len(extremes)
	for i := range p.levels {
		l := &p.levels[i]
		for h := range l.layout.histograms {
			l.layout.histograms[h].buckets = int(min(max(levelBuckets/l.worstTiles(), leastBuckets), mostBuckets))
		}
	}
	for f := range p.fields {
		if slices.ContainsFunc(spec.Outputs, func(o Output) bool { return spec.Aggregates[o.Aggregate].reads(f) }) {
			p.used = append(p.used, f)
		}
	}
	for i := range p.windows {
		p.order = append(p.order, i)
	}
	slices.SortStableFunc(p.order, func(a, b int) int {
		return int(min(max(p.windows[b].longest()-p.windows[a].longest(), -1), 1))
	})
	return p, nil
}

func (a *Aggregate) reads(f int) bool { return a.Op != CountAll && a.Field == f }

func (s *Spec) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case len(s.Windows) == 0 || len(s.Windows) > MaxWindows:
		fault("%d windows; have 1 to %d", len(s.Windows), MaxWindows)
	case len(s.Outputs) == 0 || len(s.Outputs) > MaxOutputs:
		fault("%d outputs; have 1 to %d", len(s.Outputs), MaxOutputs)
	case len(s.Fields) > MaxFields:
		fault("%d fields; have at most %d", len(s.Fields), MaxFields)
	}
	for i, f := range s.Fields {
		if f > Text {
			fault("field %d: unknown type %d", i, f)
		}
	}
	for i := range s.Windows {
		if err := s.Windows[i].check(); err != nil {
			fault("window %d: %w", i, err)
		}
	}
	for i := range s.Aggregates {
		if err := s.Aggregates[i].check(s.Fields); err != nil {
			fault("aggregate %d: %s: %w", i, s.Aggregates[i].Op, err)
		}
	}
	for i, o := range s.Outputs {
		switch {
		case o.Aggregate < 0 || o.Aggregate >= len(s.Aggregates):
			fault("output %d: no aggregate %d", i, o.Aggregate)
		case o.Window < 0 || o.Window >= len(s.Windows):
			fault("output %d: no window %d", i, o.Window)
		case s.Aggregates[o.Aggregate].Op == DecayedSum:
			if half := s.Aggregates[o.Aggregate].HalfLife; half > 0 && (s.Windows[o.Window].longest()-1)/maxHalves >= half {
				fault("output %d: window %d is longer than %d half-lives of decayed_sum; shorten it, or lengthen the half-life", i, o.Window, maxHalves)
			}
		}
	}
	return errors.Join(faults...)
}

func (w *Window) check() error {
	set := 0
	for _, is := range []bool{w.Length != 0, w.Lifetime, w.Calendar != NoUnit} {
		if is {
			set++
		}
	}
	hop := w.hop()
	switch {
	case set != 1:
		return errors.New("set one of length, lifetime and calendar")
	case w.Calendar > Year:
		return fmt.Errorf("unknown unit %d", w.Calendar)
	case w.Calendar == NoUnit && (w.Previous || w.Location != nil):
		return errors.New("previous and location are for calendar units")
	case w.Length == 0 && w.Hop != 0:
		return errors.New("a hop is for a length")
	case w.Length == 0:
		return nil
	case w.Length < 0 || w.Length > MaxLength:
		return fmt.Errorf("length %s; have more than 0 and at most 100 years", micros(w.Length))
	case hop == 0:
		return fmt.Errorf("length %s has no default hop; choose one that is a whole number of seconds, or give a hop that divides it", micros(w.Length))
	case hop < 0 || w.Length%hop != 0:
		return fmt.Errorf("hop %s doesn't divide length %s", micros(hop), micros(w.Length))
	case w.Length/hop > MaxTiles:
		return fmt.Errorf("hop %s cuts length %s into %d tiles; have at most %d", micros(hop), micros(w.Length), w.Length/hop, MaxTiles)
	}
	return nil
}

func micros(us int64) time.Duration {
	return time.Duration(min(max(us, math.MinInt64/1000), math.MaxInt64/1000)) * time.Microsecond
}

func (w *Window) hop() int64 {
	if w.Hop != 0 || w.Length <= 0 {
		return w.Hop
	}
	return DefaultHop(w.Length)
}

// longest returns the greatest length that a window has, in microseconds.
func (w *Window) longest() int64 {
	const day = 24 * 3600 * second
	switch {
	case w.Lifetime:
		return math.MaxInt64
	case w.Length > 0:
		return w.Length
	case w.Calendar > Year:
		return 0
	}
	return [...]int64{0, 2 * 3600 * second, day + 3*3600*second, 8 * day, 32 * day, 367 * day}[w.Calendar]
}

func (a *Aggregate) check(fields []FieldType) error {
	if a.Op > SinceLast {
		return fmt.Errorf("unknown aggregate %d", a.Op)
	}
	if a.Op == CountAll || a.Op == SinceLast && a.Field == AnyField {
		return nil
	}
	if a.Field < 0 || a.Field >= len(fields) {
		return fmt.Errorf("no field %d", a.Field)
	}
	t := fields[a.Field]
	switch a.Op {
	case Sum, Mean, Variance, Stddev, Min, Max, Percentile, DecayedSum:
		if t != Int && t != Float {
			return fmt.Errorf("field %d is %s; it takes int and float", a.Field, t)
		}
	}
	switch a.Op {
	case LastN, TopK:
		if a.N < 1 || a.N > MaxN {
			return fmt.Errorf("n is %d; have 1 to %d", a.N, MaxN)
		}
	case Percentile:
		return a.checkPercentile()
	case DecayedSum:
		if a.HalfLife < 1 || a.HalfLife > MaxLength {
			return fmt.Errorf("half-life %s; have more than 0 and at most 100 years", micros(a.HalfLife))
		}
	}
	return nil
}

func (a *Aggregate) checkPercentile() error {
	if b := a.billionths(); b < 1 || b > 1e9-1 {
		return fmt.Errorf("at is %v; have more than 0 and less than 1, in at most nine decimals", a.At)
	}
	r := a.bounds()
	if !(r[0] >= 1e-300 && r[1] <= 1e300 && r[0] < r[1]) {
		return fmt.Errorf("range is %v to %v; have the lesser magnitude first, from 1e-300 to 1e300", r[0], r[1])
	}
	return nil
}

func (a *Aggregate) billionths() int64 {
	if !(a.At > 0 && a.At < 1) {
		return 0
	}
	return int64(math.Round(float64(a.At * 1e9)))
}

func (a *Aggregate) bounds() [2]float64 {
	if a.Range == [2]float64{} {
		return [2]float64{1e-9, 1e12}
	}
	return a.Range
}

// addWindow plans a window, on a level with those that it can share tiles with.
func (p *Program) addWindow(w Window) {
	w.Hop = w.hop()
	if w.Calendar != NoUnit && w.Location == nil {
		w.Location = time.UTC
	}
	i := slices.IndexFunc(p.levels, func(l level) bool { return l.takes(&w) })
	if i < 0 {
		i = len(p.levels)
		l := level{hop: w.Hop}
		if w.Calendar != NoUnit {
			l.calendar = &calendar{w.Calendar, w.Location}
		}
		p.levels = append(p.levels, l)
	}
	l := &p.levels[i]
	l.reach = max(l.reach, w.Length)
	l.previous = l.previous || w.Previous
	p.windows = append(p.windows, windowPlan{Window: w, level: i})
}

func (l *level) takes(w *Window) bool {
	if l.calendar != nil {
		return l.calendar.unit == w.Calendar && l.calendar.loc.String() == w.Location.String()
	}
	return w.Calendar == NoUnit && l.hop == w.Hop
}

// A gathers numbers parts of windows, of one kind.
type gathers map[[2]int]int

func (g gathers) of(w, part int) int {
	k := [2]int{w, part}
	if _, ok := g[k]; !ok {
		g[k] = len(g)
	}
	return g[k]
}

// addOutput plans an output, and puts what it reads into its level's tiles.
func (p *Program) addOutput(a Aggregate, w int, sums, extremes gathers) {
	o := outputPlan{op: a.Op, window: w, n: a.N}
	l := &p.levels[p.windows[w].level].layout
	if a.Op == CountAll {
		p.outputs = append(p.outputs, o)
		return
	}
	f := fieldPart{field: a.Field}
	if a.Field != AnyField {
		f.fieldType = p.fields[a.Field]
	}
	o.field = f
	switch a.Op {
	case Count:
		o.count = indexOf(&l.counts, a.Field)
	case Sum, Mean, Variance, Stddev:
		o.part = indexOf(&l.sums, sumPart{fieldPart: f})
		o.gather = sums.of(w, o.part)
		if a.Op != Sum {
			o.count = indexOf(&l.counts, a.Field)
		}
		if a.Op == Variance || a.Op == Stddev {
			o.square = indexOf(&l.sums, sumPart{fieldPart: f, kind: squares})
			o.squares = sums.of(w, o.square)
		}
	case DecayedSum:
		o.part = indexOf(&l.sums, sumPart{fieldPart: f, kind: decayed, halfLife: a.HalfLife})
	case Min, Max:
		o.part = indexOf(&l.extremes, f)
		o.gather = extremes.of(w, o.part)
	case First, Last, LastN:
		p.needs[a.Field].text = true
		if a.Op != LastN {
			o.n = 1
		}
		o.part = l.addLatest(latestPart{fieldPart: f, n: o.n, oldest: a.Op == First})
	case SinceLast:
		o.part = l.addLatest(latestPart{fieldPart: f, n: 1, presence: true})
	case Distinct:
		p.needs[a.Field].hash = true
		o.part = indexOf(&l.sets, f)
	case Percentile:
		o.billionths = a.billionths()
		r := a.bounds()
		o.part = indexOf(&l.histograms, histogramPart{fieldPart: f, least: r[0], most: r[1]})
	case TopK:
		p.needs[a.Field].text = true
		o.part = indexOf(&l.tops, f)
	}
	p.outputs = append(p.outputs, o)
}

// addLatest shares a part with one of more or fewer items.
func (l *layout) addLatest(x latestPart) int {
	for i := range l.latest {
		y := &l.latest[i]
		if y.fieldPart == x.fieldPart && y.oldest == x.oldest && y.presence == x.presence {
			y.n = max(y.n, x.n)
			return i
		}
	}
	l.latest = append(l.latest, x)
	return len(l.latest) - 1
}

// OutputType returns the type of the output.
func (p *Program) OutputType(i int) Type {
	o := &p.outputs[i]
	switch o.op {
	case CountAll, Count, Distinct:
		return Type{Field: Int}
	case Sum, Min, Max, First, Last:
		return Type{Field: o.field.fieldType}
	case LastN, TopK:
		return Type{Field: o.field.fieldType, List: true}
	}
	return Type{Field: Float}
}

// Fingerprint returns a text that differs for programs that can't read each other's
// states: of other fields, windows or aggregates, or of other rules of a time zone from
// 1970 to 2100.
func (p *Program) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "window %d\n", format)
	for _, f := range p.used {
		fmt.Fprintf(h, "field %d %s %v\n", f, p.fields[f], p.needs[f])
	}
	for i := range p.levels {
		l := &p.levels[i]
		fmt.Fprintf(h, "level %d %d %v %+v\n", l.hop, l.reach, l.previous, l.layout)
		if l.calendar != nil {
			fmt.Fprintf(h, "calendar %s %s\n", l.calendar.unit, l.calendar.loc)
			writeTransitions(h, l.calendar.loc)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func writeTransitions(h io.Writer, loc *time.Location) {
	at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
	for end := at.AddDate(130, 0, 0); at.Before(end); {
		_, offset := at.Zone()
		_, until := zoneBounds(at)
		fmt.Fprintf(h, "%d %d\n", at.Unix(), offset)
		if until.IsZero() {
			return
		}
		at = until
	}
}
