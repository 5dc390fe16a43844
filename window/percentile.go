package window

import "slices"

func (s *State) percentile(o *outputPlan, v *view, out *Answer) Value {
	p := &v.row.level.layout.histograms[o.part]
	d := &s.view
	most := int(p.keyOf(p.most))
	d.spread(o, v, p, s)
	out.NaNs += d.denseNaN
	n := int64(0)
	for i := d.denseLo; i < d.denseHi; i++ {
		n += d.dense[i]
	}
	if n == 0 {
		return Null()
	}
	rank := rankOf(o.billionths, n)
	i := d.denseLo
	for ; ; i++ {
		if rank -= d.dense[i]; rank <= 0 {
			break
		}
	}
	return OfFloat(p.middle(p.keyAt(i, most)))
}

// spread adds the histograms of a view into dense.
func (d *viewer) spread(o *outputPlan, v *view, p *histogramPart, s *State) {
	if d.denseRun == d.run && d.denseOf.window == o.window && d.denseOf.part == o.part {
		return
	}
	if d.denseLo < d.denseHi {
		clear(d.dense[d.denseLo:d.denseHi])
	}
	d.denseRun, d.denseOf = d.run, o
	d.denseNaN = 0
	most := int(p.keyOf(p.most))
	if n := p.size(); len(d.dense) < n {
		d.dense = append(d.dense, make([]int64, n-len(d.dense))...)
	}
	d.denseLo, d.denseHi = len(d.dense), 0
	add := func(key int32, n int64) {
		i := p.place(key, most)
		d.denseLo, d.denseHi = min(d.denseLo, i), max(d.denseHi, i+1)
		d.dense[i] += n
	}
	take := func(h *histogram) {
		d.denseNaN += h.nans
		for _, b := range h.buckets {
			add(p.fine(b.key, h.shift), b.n)
		}
	}
	d.newest = d.newest[:0]
	s.each(v, func(e *entry) {
		if x := e.values[o.field.field]; !x.IsNull() {
			d.newest = append(d.newest, newNumber{v.row.start(e.time), x})
		}
	})
	for _, t := range v.tiles {
		take(d.withNewest(t.start, &t.histograms[o.part], p))
	}
	for len(d.newest) > 0 { // of tiles that are not there yet
		take(d.withNewest(d.newest[0].start, nil, p))
	}
}

// A newNumber is the number of a pending event, and the start of its tile.
type newNumber struct {
	start int64
	value Value
}

// withNewest returns the histogram of a tile as it is once its pending events are folded,
// so that an answer does not depend on which events are, and takes them off d.newest.
func (d *viewer) withNewest(start int64, h *histogram, p *histogramPart) *histogram {
	first := slices.IndexFunc(d.newest, func(n newNumber) bool { return n.start == start })
	if first < 0 {
		return h
	}
	d.merged.reset()
	if h != nil {
		d.merged.copyFrom(h)
	}
	d.newest = slices.DeleteFunc(d.newest, func(n newNumber) bool {
		if n.start == start {
			d.merged.add(p, n.value)
		}
		return n.start == start
	})
	return &d.merged
}

// place returns the place of a key among all that there can be, in their order.
func (p *histogramPart) place(key int32, most int) int {
	side := most - int(p.keyOf(p.least)) + 1 // keys of a sign
	switch {
	case key < 0:
		return most + int(key)
	case key == 0:
		return side
	}
	return side + 1 + int(key) - int(p.keyOf(p.least))
}

// keyAt is the inverse of place.
func (p *histogramPart) keyAt(place, most int) int32 {
	side := most - int(p.keyOf(p.least)) + 1
	switch {
	case place < side:
		return int32(place - most)
	case place == side:
		return 0
	}
	return int32(place-side-1) + p.keyOf(p.least)
}
