package cache

import "sync"

// A shard is one part of the cache, with its own lock. Pages are appended to segments
// that are used in turn. A segment that is used again loses its pages, except the
// pages that were read since: these are carried over (the clock algorithm).
type shard struct {
	mu       sync.RWMutex
	index    map[uint64]position // by hash; two keys with the same hash displace each other
	segments [segmentsShard]segment
	size     int    // of a segment
	current  int    // the segment that pages are appended to
	scratch  []byte // the page being made
}

// A position is where a page lies: segment times size plus offset, in units of
// 8 bytes.
type position uint32

type segment struct {
	data []byte // grows to the shard's size at first use
	used int
}

const (
	leastSegmentBytes = 4 << 10
	largestShare      = 4 // a page takes at most this part of a segment
)

func (s *shard) init(segmentBytes int64) {
	s.index = map[uint64]position{}
	s.size = int(min(segmentBytes, 1<<27)) &^ (unit - 1)
}

// find returns the page of a key, nil when there is none.
func (s *shard) find(hash uint64, key []byte) page {
	at, found := s.index[hash]
	if !found {
		return nil
	}
	p := pageAt(s.segments[int(at)*unit/s.size].data[int(at)*unit%s.size:])
	if !p.isOf(key) {
		return nil
	}
	return p
}

// forget makes the row of a view unknown, and reports whether it was known.
func (s *shard) forget(hash uint64, key []byte, view uint32) bool {
	p := s.find(hash, key)
	if p == nil {
		return false
	}
	slot := p.slot(view, p.slots())
	if slot == 0 || p.state(slot) == unknownState {
		return false
	}
	p.forget(slot)
	return true
}

// put makes rows of one key known. If they don't fit in place of the old rows, the
// page is written again; a page that gets too large is left out.
func (s *shard) put(hash uint64, key []byte, rows []Row) {
	old := s.find(hash, key)
	if old != nil && old.replaceAll(rows) {
		return
	}
	next := newPage(s.scratch[:0], hash, key)
	if old != nil {
		next = old.appendOthers(next, rows)
	}
	for i := range rows {
		next = next.withRow(&rows[i])
	}
	next.seal()
	s.scratch = next[:0]
	if len(next) > s.size/largestShare {
		delete(s.index, hash)
		return
	}
	if s.segments[s.current].used+len(next) > s.size {
		s.turn()
	}
	s.append(next)
}

// replaceAll replaces rows in place, and reports whether all of them fit.
func (p page) replaceAll(rows []Row) bool {
	all, from := true, p.slots()
	for i := range rows {
		slot := p.slot(rows[i].View, from)
		if slot == 0 || !p.replace(slot, &rows[i]) {
			all = false
			continue
		}
		from = p.next(slot)
	}
	return all
}

// appendOthers appends the known slots of views that are not in rows.
func (p page) appendOthers(to page, rows []Row) page {
	for at := p.slots(); at < len(p); at = p.next(at) {
		if p.state(at) != unknownState && !has(rows, p.view(at)) {
			to = append(to, p[at:p.next(at)]...)
		}
	}
	return to
}

func has(rows []Row, view uint32) bool {
	for i := range rows {
		if rows[i].View == view {
			return true
		}
	}
	return false
}

// hasRoom reports whether the next segment was never used.
func (s *shard) hasRoom() bool { return s.segments[(s.current+1)%segmentsShard].data == nil }

func (s *shard) append(p page) {
	g := &s.segments[s.current]
	if g.data == nil {
		g.data = make([]byte, s.size)
	}
	s.index[p.hash()] = position((s.current*s.size + g.used) / unit)
	g.used += copy(g.data[g.used:], p)
}

// turn moves to the next segment, and keeps the pages there that were read: at most
// half of the segment, so that there is room for new pages.
func (s *shard) turn() {
	s.current = (s.current + 1) % segmentsShard
	g := &s.segments[s.current]
	used := g.used
	g.used = 0
	for at := 0; at < used; {
		p := pageAt(g.data[at:])
		hash, n := p.hash(), len(p)
		if live, found := s.index[hash]; found && live == position((s.current*s.size+at)/unit) {
			if p.visited().Load() != 0 && g.used+n <= s.size/2 {
				p.visited().Store(0)
				s.append(p) // over the old contents before it
			} else {
				delete(s.index, hash)
			}
		}
		at += n
	}
}
