package window

import (
	"math"
	"math/bits"
	"sort"
)

// A viewer is what an evaluation works with.
type viewer struct {
	reader   reader
	run      uint64 // of this evaluation
	windows  []view
	gathered []gathered
	extremes []gatheredExtreme
	held     []held // of each field
	single   total
	combined total
	found    set
	top      top
	tile     top
	dense    []int64 // of buckets
	denseLo  int
	denseHi  int
	denseOf  *outputPlan
	denseRun uint64
	denseNaN int64
	newest   []newNumber // of pending events
	merged   histogram
}

// A view is a window at a time: its tiles, and which pending entries lie in it.
type view struct {
	run     uint64
	row     *row
	tiles   []*tile
	pending uint32 // a bit each
	events  int64
}

// A gathered is the sum of one part over one window.
type gathered struct {
	run uint64
	total
}

// A gatheredExtreme is an extreme over one window.
type gatheredExtreme struct {
	run uint64
	extreme
}

func (d *viewer) init(p *Program) {
	d.windows = make([]view, len(p.windows))
	d.gathered = make([]gathered, p.gathers)
	d.extremes = make([]gatheredExtreme, p.extremes)
	d.held = make([]held, len(p.fields))
}

// Evaluate answers the wanted outputs at time t. False: no window holds an event, or t is
// before what the state can tell; see Settled.
func (s *State) Evaluate(t int64, want []int, out *Answer) bool {
	t = clampTime(t)
	out.reset()
	if s.folded && t < s.settled {
		return false
	}
	s.view.run++
	if !s.anyEvent(t) {
		return false
	}
	for _, i := range want {
		o := &s.program.outputs[i]
		out.Values = append(out.Values, s.output(o, s.look(o.window, t), t, out))
	}
	return true
}

func (s *State) anyEvent(t int64) bool {
	for _, w := range s.program.order {
		if s.look(w, t).events > 0 {
			return true
		}
	}
	return false
}

// Expired reports whether no window can hold one of the state's events at t or later.
func (s *State) Expired(t int64) bool {
	t = clampTime(t)
	for w := range s.program.windows {
		lo, r := s.reach(w, t), &s.rows[s.program.windows[w].level]
		if n := len(r.tiles); n > 0 && r.tiles[n-1].start >= lo {
			return false
		}
		for i := len(s.pending) - 1; i >= 0 && s.pending[i].time >= lo; i-- {
			if s.pending[i].live {
				return false
			}
		}
	}
	return true
}

// reach returns the first time that a window holds at t or later.
func (s *State) reach(w int, t int64) int64 {
	lo, _ := s.span(w, t)
	return lo
}

// span returns the first and the last time that a window holds at t.
func (s *State) span(w int, t int64) (lo, hi int64) {
	p := &s.program.windows[w]
	switch {
	case p.Length > 0:
		return floor(t, p.Hop) - p.Length, t
	case p.Lifetime:
		return MinTime, t
	}
	u := s.rows[p.level].unit(t)
	if p.Previous {
		return u.previous, u.start - 1
	}
	return u.start, t
}

// look returns the view of a window at t.
func (s *State) look(w int, t int64) *view {
	v := &s.view.windows[w]
	if v.run == s.view.run {
		return v
	}
	lo, hi := s.span(w, t)
	*v = view{run: s.view.run, row: &s.rows[s.program.windows[w].level]}
	tiles := v.row.tiles
	from := sort.Search(len(tiles), func(i int) bool { return tiles[i].start >= lo })
	to := len(tiles)
	for to > from && tiles[to-1].start > hi {
		to--
	}
	v.tiles = tiles[from:to]
	for _, t := range v.tiles {
		v.events += t.n
	}
	for i := range s.pending {
		if e := &s.pending[i]; e.live && e.time >= lo && e.time <= hi {
			v.pending |= 1 << i
			v.events++
		}
	}
	return v
}

// each calls f for the pending entries of a view.
func (s *State) each(v *view, f func(e *entry)) {
	for i := range s.pending {
		if v.pending&(1<<i) != 0 {
			f(&s.pending[i])
		}
	}
}

func (s *State) output(o *outputPlan, v *view, t int64, out *Answer) Value {
	switch o.op {
	case CountAll:
		return OfInt(v.events)
	case Count:
		return OfInt(s.count(o, v))
	case Sum:
		return s.sum(o, v, out)
	case Mean:
		return s.mean(o, v)
	case Variance, Stddev:
		return s.variance(o, v)
	case Min, Max:
		return s.extreme(o, v, out)
	case First:
		return s.first(o, v, out)
	case Last:
		return s.last(o, v, out)
	case LastN:
		return s.lastN(o, v, out)
	case Distinct:
		return s.distinct(o, v)
	case Percentile:
		return s.percentile(o, v, out)
	case TopK:
		return s.topK(o, v, out)
	case DecayedSum:
		return s.decayedSum(o, v, t)
	}
	return s.sinceLast(o, v, t)
}

func (s *State) count(o *outputPlan, v *view) int64 {
	n := int64(bits.OnesCount32(v.pending & s.present(o.field.field)))
	for _, t := range v.tiles {
		n += t.counts[o.count]
	}
	return n
}

// gather returns a part's total over a view.
func (s *State) gather(part, gather int, v *view) *total {
	g := &s.view.gathered[gather]
	if g.run == s.view.run {
		return &g.total
	}
	g.run = s.view.run
	g.reset()
	for _, t := range v.tiles {
		g.merge(&t.sums[part])
	}
	g.mergeTotal(s.pendingSum(&v.row.level.layout.sums[part], v.pending))
	return &g.total
}

func (s *State) sum(o *outputPlan, v *view, out *Answer) Value {
	t := s.gather(o.part, o.gather, v)
	if o.field.fieldType == Int {
		x, ok := t.magnitude(0).int()
		if !ok {
			out.Overflows++
			return Null()
		}
		return OfInt(x)
	}
	if x, ok := t.special(); ok {
		return OfFloat(x)
	}
	return OfFloat(t.magnitude(floatUnit).float())
}

func (s *State) mean(o *outputPlan, v *view) Value {
	n := s.count(o, v)
	if n <= 0 {
		return Null()
	}
	t := s.gather(o.part, o.gather, v)
	if x, ok := t.special(); ok {
		return OfFloat(x)
	}
	return OfFloat(t.magnitude(v.row.level.layout.sums[o.part].unit()).over(n))
}

func (s *State) variance(o *outputPlan, v *view) Value {
	n := s.count(o, v)
	if n <= 1 {
		return Null()
	}
	t, q := s.gather(o.part, o.gather, v), s.gather(o.square, o.squares, v)
	if _, ok := t.special(); ok {
		return OfFloat(math.NaN())
	}
	unit := v.row.level.layout.sums[o.part].unit()
	return OfFloat(variance(t.magnitude(unit), q.magnitude(2*unit), n, unit, o.op == Stddev))
}

func (s *State) extreme(o *outputPlan, v *view, out *Answer) Value {
	g := &s.view.extremes[o.gather]
	if g.run != s.view.run {
		g.run, g.extreme = s.view.run, extreme{}
		for _, t := range v.tiles {
			g.merge(&t.extremes[o.part])
		}
		g.merge(s.pendingExtreme(o.field.field, v.pending))
	}
	out.NaNs += g.nans
	if g.n == 0 {
		return Null()
	}
	rank := g.least
	if o.op == Max {
		rank = g.greatest
	}
	if o.field.fieldType == Float {
		return Value{kind: kindFloat, bits: uint64(floatRank(uint64(rank)))}
	}
	return OfInt(rank)
}

func (s *State) distinct(o *outputPlan, v *view) Value {
	x := &s.view.found
	x.reset()
	for _, t := range v.tiles {
		x.merge(&t.sets[o.part])
	}
	s.each(v, func(e *entry) {
		if y := e.values[o.field.field]; !y.IsNull() {
			x.add(hashOf(y))
		}
	})
	return OfInt(x.size())
}
