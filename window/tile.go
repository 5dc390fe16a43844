package window

// A tile is what is known of the folded events between two instants.
type tile struct {
	start      int64
	n          int64 // events
	counts     []int64
	sums       []sum
	extremes   []extreme
	latest     []latest
	sets       []set
	histograms []histogram
	tops       []top
}

func newTile(p *layout) *tile {
	return &tile{
		counts: make([]int64, len(p.counts)), sums: make([]sum, len(p.sums)), extremes: make([]extreme, len(p.extremes)),
		latest: make([]latest, len(p.latest)), sets: make([]set, len(p.sets)), histograms: make([]histogram, len(p.histograms)),
		tops: make([]top, len(p.tops)),
	}
}

// reset empties the tile and keeps its memory.
func (t *tile) reset(start int64) {
	t.start, t.n = start, 0
	clear(t.counts)
	clear(t.extremes)
	for i := range t.sums {
		t.sums[i].reset()
	}
	for i := range t.latest {
		t.latest[i].reset()
	}
	for i := range t.sets {
		t.sets[i].reset()
	}
	for i := range t.histograms {
		t.histograms[i].reset()
	}
	for i := range t.tops {
		t.tops[i].reset()
	}
}

func (t *tile) add(p *layout, e *entry) {
	t.n++
	for i, f := range p.counts {
		if !e.values[f].IsNull() {
			t.counts[i]++
		}
	}
	for i := range p.sums {
		t.sums[i].addValue(&p.sums[i], e.values[p.sums[i].field], e.time-t.start, false)
	}
	for i, x := range p.extremes {
		if v := e.values[x.field]; !v.IsNull() {
			t.extremes[i].add(v)
		}
	}
	for i := range p.latest {
		v, ok, long := p.latest[i].keeps(e.values)
		if long {
			t.latest[i].long++
		}
		if ok {
			t.latest[i].add(&p.latest[i], e.time, e.id, v)
		}
	}
	for i, x := range p.sets {
		if v := e.values[x.field]; !v.IsNull() {
			t.sets[i].add(hashOf(v))
		}
	}
	for i := range p.histograms {
		if v := e.values[p.histograms[i].field]; !v.IsNull() {
			t.histograms[i].add(&p.histograms[i], v)
		}
	}
	for i, x := range p.tops {
		switch v := e.values[x.field]; {
		case v.kind >= kindHash:
			t.tops[i].long++
		case !v.IsNull():
			t.tops[i].add(v, 1, maxTop)
		}
	}
}

// sub takes an event back. False: the tile can't tell what remains, and is spoilt.
func (t *tile) sub(p *layout, e *entry) bool {
	t.n--
	ok := true
	for i, f := range p.counts {
		if !e.values[f].IsNull() {
			t.counts[i]--
		}
		ok = ok && t.counts[i] >= 0
	}
	for i := range p.sums {
		t.sums[i].addValue(&p.sums[i], e.values[p.sums[i].field], e.time-t.start, true)
	}
	for i, x := range p.extremes {
		if v := e.values[x.field]; !v.IsNull() {
			ok = ok && t.extremes[i].sub(v)
		}
	}
	for i := range p.latest {
		_, kept, long := p.latest[i].keeps(e.values)
		if long {
			t.latest[i].long--
		}
		ok = ok && (!kept || t.latest[i].sub(&p.latest[i], e.time, e.id))
	}
	for _, x := range p.sets {
		ok = ok && e.values[x.field].IsNull()
	}
	for i := range p.histograms {
		if v := e.values[p.histograms[i].field]; !v.IsNull() {
			ok = ok && t.histograms[i].sub(&p.histograms[i], v)
		}
	}
	for i, x := range p.tops {
		switch v := e.values[x.field]; {
		case v.kind >= kindHash:
			t.tops[i].long--
		case !v.IsNull():
			ok = ok && t.tops[i].sub(v)
		}
	}
	return ok
}

// addValue adds what a sum takes of a value, age after its tile's start.
func (s *sum) addValue(p *sumPart, v Value, age int64, back bool) {
	if v.IsNull() {
		return
	}
	if p.kind == decayed {
		s.addFloat(float64(v.number()*weight(powers(), steps(age, p.halfLife))), back)
		return
	}
	if x, minus, ok := partPieces(p, v); ok {
		s.add(&x, minus != back)
		return
	}
	s.count(v.Float(), back)
}

// partPieces returns what a linear or squared sum takes of a value; not ok for what isn't
// finite.
func partPieces(p *sumPart, v Value) (x pieces, minus, ok bool) {
	switch {
	case p.fieldType == Int && p.kind == linear:
		x, minus = intPieces(v.Int())
	case p.fieldType == Int:
		x = intSquarePieces(v.Int())
	case v.bits>>52&0x7ff == 0x7ff:
		return x, false, false
	case p.kind == linear:
		x, minus = floatPieces(v.Float())
	default:
		x = squarePieces(v.Float())
	}
	return x, minus, true
}

func hashOf(v Value) uint64 {
	if v.kind == kindHash {
		return v.bits
	}
	return hash(v)
}

// append writes all but the start.
func (t *tile) append(dst []byte, p *layout) []byte {
	dst = appendUint(dst, t.n)
	for _, n := range t.counts {
		dst = appendUint(dst, t.n-n)
	}
	for i := range t.sums {
		dst = t.sums[i].append(dst)
	}
	for i := range t.extremes {
		dst = t.extremes[i].append(dst, p.extremes[i].fieldType, t.n)
	}
	for i := range t.latest {
		dst = t.latest[i].append(dst, &p.latest[i], t.start)
	}
	for i := range t.sets {
		dst = t.sets[i].append(dst)
	}
	for i := range t.histograms {
		dst = t.histograms[i].append(dst)
	}
	for i := range t.tops {
		dst = t.tops[i].append(dst, p.tops[i].fieldType)
	}
	return dst
}

// decode reads all but the start, whatever the tile held. No event of it is after end.
func (t *tile) decode(r *reader, p *layout, start, end int64) {
	t.start = start
	t.n = r.count(maxEvents)
	if t.n == 0 {
		r.bad("a tile without events")
		return
	}
	for i := range t.counts {
		t.counts[i] = t.n - r.count(t.n)
	}
	for i := range t.sums {
		t.sums[i].decode(r, p.sums[i].places(), t.n)
	}
	for i := range t.extremes {
		t.extremes[i].decode(r, p.extremes[i].fieldType, t.n)
	}
	for i := range t.latest {
		t.latest[i].decode(r, &p.latest[i], start, end, t.n)
	}
	for i := range t.sets {
		t.sets[i].decode(r)
	}
	for i := range t.histograms {
		t.histograms[i].decode(r, &p.histograms[i], t.n)
	}
	for i := range t.tops {
		t.tops[i].decode(r, p.tops[i].fieldType, t.n)
	}
}
