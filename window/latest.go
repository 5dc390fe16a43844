package window

import (
	"bytes"
	"cmp"
)

// An item is a value at an event's place.
type item struct {
	time  int64
	id    []byte // the item's own
	value Value
}

func comparePlaces(t int64, id []byte, u int64, other []byte) int {
	if c := cmp.Compare(t, u); c != 0 {
		return c
	}
	return bytes.Compare(id, other)
}

// A latest is the newest items of some events in ascending order, or the single oldest.
// Slots past the end keep their memory.
type latest struct {
	items []item
	long  int64 // texts that were too long to keep
}

func (l *latest) reset() { l.items, l.long = l.items[:0], 0 }

// find returns where the place is, or would be.
func (l *latest) find(t int64, id []byte) (int, bool) {
	i := len(l.items)
	for i > 0 {
		c := comparePlaces(l.items[i-1].time, l.items[i-1].id, t, id)
		if c == 0 {
			return i - 1, true
		}
		if c < 0 {
			break
		}
		i--
	}
	return i, false
}

func (l *latest) add(p *latestPart, t int64, id []byte, v Value) {
	i, found := l.find(t, id)
	switch {
	case found:
		l.items[i].value = v
	case len(l.items) < p.n:
		l.insert(i, t, id, v)
	case p.oldest && i == 0:
		l.set(0, t, id, v)
	case !p.oldest && i > 0:
		out := l.items[0]
		copy(l.items[:i-1], l.items[1:i])
		l.items[i-1] = out
		l.set(i-1, t, id, v)
	}
}

// insert takes the memory of the slot past the end.
func (l *latest) insert(i int, t int64, id []byte, v Value) {
	n := len(l.items)
	if n < cap(l.items) {
		l.items = l.items[:n+1]
	} else {
		l.items = append(l.items, item{})
	}
	slot := l.items[n]
	copy(l.items[i+1:], l.items[i:n])
	l.items[i] = slot
	l.set(i, t, id, v)
}

func (l *latest) set(i int, t int64, id []byte, v Value) {
	x := &l.items[i]
	x.time, x.id, x.value = t, append(x.id[:0], id...), v
}

func (l *latest) remove(i int) {
	slot := l.items[i]
	n := len(l.items) - 1
	copy(l.items[i:], l.items[i+1:])
	l.items[n] = slot
	l.items = l.items[:n]
}

// sub takes the item at a place back. False: it is held, and what comes in its place
// isn't known.
func (l *latest) sub(p *latestPart, t int64, id []byte) bool {
	i, found := l.find(t, id)
	if len(l.items) < p.n {
		if found {
			l.remove(i)
		}
		return found
	}
	return !found && (i > 0) == p.oldest
}

func (l *latest) append(dst []byte, p *latestPart, start int64) []byte {
	dst = appendUint(dst, l.long)
	dst = appendUint(dst, int64(len(l.items)))
	at := start
	for i := range l.items {
		x := &l.items[i]
		dst = appendUint(dst, x.time-at)
		at = x.time
		dst = appendBytes(dst, x.id)
		if !p.presence {
			dst = appendValue(dst, p.fieldType, x.value)
		}
	}
	return dst
}

func (l *latest) decode(r *reader, p *latestPart, start, end, events int64) {
	l.reset()
	l.long = r.count(events)
	at := start
	for i := range r.length(min(p.n, int(min(events-l.long, MaxN))), 2) {
		at += r.count(end - at)
		id := r.bytes(maxID)
		v := Value{kind: kindPresent}
		if !p.presence {
			v = r.value(p.fieldType)
		}
		if i > 0 && comparePlaces(l.items[i-1].time, l.items[i-1].id, at, id) >= 0 {
			r.bad("the order of items")
		}
		if r.failed() {
			return
		}
		l.insert(i, at, id, v)
	}
}

// long counts the texts that a latest part didn't keep.
func (s *State) long(o *outputPlan, v *view) int64 {
	if o.field.fieldType != Text {
		return 0
	}
	n := int64(0)
	for _, t := range v.tiles {
		n += t.latest[o.part].long
	}
	s.each(v, func(e *entry) {
		if e.values[o.field.field].kind >= kindHash {
			n++
		}
	})
	return n
}

func (s *State) first(o *outputPlan, v *view, out *Answer) Value {
	out.LongTexts += s.long(o, v)
	for _, t := range v.tiles {
		if x := t.latest[o.part].items; len(x) > 0 {
			return x[0].value
		}
	}
	p := &v.row.level.layout.latest[o.part]
	for i := range s.pending {
		if v.pending&(1<<i) != 0 {
			if x, ok, _ := p.keeps(s.pending[i].values); ok {
				return x
			}
		}
	}
	return Null()
}

// newest calls f for the newest items of a view, the newest first, until it is false.
// Pending entries are newer than all in tiles.
func (s *State) newest(o *outputPlan, v *view, f func(time int64, x Value) bool) {
	p := &v.row.level.layout.latest[o.part]
	for i := len(s.pending) - 1; i >= 0; i-- {
		if v.pending&(1<<i) == 0 {
			continue
		}
		if x, ok, _ := p.keeps(s.pending[i].values); ok && !f(s.pending[i].time, x) {
			return
		}
	}
	for i := len(v.tiles) - 1; i >= 0; i-- {
		items := v.tiles[i].latest[o.part].items
		for j := len(items) - 1; j >= 0; j-- {
			if !f(items[j].time, items[j].value) {
				return
			}
		}
	}
}

func (s *State) last(o *outputPlan, v *view, out *Answer) (x Value) {
	out.LongTexts += s.long(o, v)
	s.newest(o, v, func(_ int64, y Value) bool {
		x = y
		return false
	})
	return x
}

func (s *State) lastN(o *outputPlan, v *view, out *Answer) Value {
	out.LongTexts += s.long(o, v)
	from := len(out.items)
	s.newest(o, v, func(_ int64, x Value) bool {
		out.items = append(out.items, x)
		return len(out.items)-from < o.n
	})
	return out.listFrom(from)
}

func (s *State) sinceLast(o *outputPlan, v *view, t int64) (x Value) {
	s.newest(o, v, func(e int64, _ Value) bool {
		x = OfFloat(float64(t-e) / 1e6)
		return false
	})
	return x
}
