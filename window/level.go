package window

import "math"

// A level is a way to cut time into tiles: those of all windows of one hop, of one unit of
// a calendar, or one tile for ever.
type level struct {
	layout   layout
	hop      int64     // 0 for a calendar and for ever
	reach    int64     // of hop: the greatest length of a window
	calendar *calendar // nil for a hop and for ever
	previous bool      // of a calendar: a window looks at the unit before
}

// A row is a level of a state: its tiles in ascending order.
type row struct {
	level *level
	tiles []*tile
	free  []*tile
	units [2]unitSpan // of a calendar: those that were asked for lately
}

// unit returns the calendar's unit of t.
func (r *row) unit(t int64) unitSpan {
	for i := range r.units {
		if u := r.units[i]; u.start <= t && t < u.end {
			return u
		}
	}
	r.units[1] = r.units[0]
	r.units[0] = r.level.calendar.span(t)
	return r.units[0]
}

// start returns where the tile of t begins.
func (r *row) start(t int64) int64 {
	switch {
	case r.level.hop > 0:
		return floor(t, r.level.hop)
	case r.level.calendar != nil:
		return r.unit(t).start
	}
	return MinTime
}

// horizon returns the first start that a window can still reach at t or later.
func (r *row) horizon(t int64) int64 {
	switch {
	case r.level.hop > 0:
		return floor(t, r.level.hop) - r.level.reach
	case r.level.calendar == nil:
		return math.MinInt64
	}
	u := r.unit(t)
	if r.level.previous {
		return u.previous
	}
	return u.start
}

// find returns where the tile with the start is, or would be.
func (r *row) find(start int64) (int, bool) {
	lo, hi := 0, len(r.tiles)
	if hi > 0 && r.tiles[hi-1].start <= start { // most events are new
		if r.tiles[hi-1].start == start {
			return hi - 1, true
		}
		return hi, false
	}
	for lo < hi {
		mid := (lo + hi) / 2
		if r.tiles[mid].start < start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(r.tiles) && r.tiles[lo].start == start
}

// add adds an event to its tile.
func (r *row) add(e *entry) {
	start := r.start(e.time)
	i, found := r.find(start)
	if !found {
		r.tiles = append(r.tiles, nil)
		copy(r.tiles[i+1:], r.tiles[i:])
		r.tiles[i] = r.blank(start)
	}
	r.tiles[i].add(&r.level.layout, e)
}

// sub takes an event back from its tile.
func (r *row) sub(e *entry) bool {
	i, found := r.find(r.start(e.time))
	if !found {
		return false
	}
	t := r.tiles[i]
	if t.n == 1 {
		r.tiles = append(r.tiles[:i], r.tiles[i+1:]...)
		r.free = append(r.free, t)
		return true
	}
	return t.sub(&r.level.layout, e)
}

// drop drops the tiles before a start.
func (r *row) drop(start int64) {
	n := 0
	for n < len(r.tiles) && r.tiles[n].start < start {
		n++
	}
	if n > 0 {
		r.free = append(r.free, r.tiles[:n]...)
		r.tiles = r.tiles[:copy(r.tiles, r.tiles[n:])]
	}
}

func (r *row) reset() {
	r.free = append(r.free, r.tiles...)
	r.tiles = r.tiles[:0]
}

// blank returns an empty tile.
func (r *row) blank(start int64) *tile {
	t := r.old()
	t.reset(start)
	return t
}

// old returns a tile with anything in it.
func (r *row) old() *tile {
	n := len(r.free)
	if n == 0 {
		return newTile(&r.level.layout)
	}
	t := r.free[n-1]
	r.free = r.free[:n-1]
	return t
}
