package cache

import "sync"

// A shard is one part of the cache, with its own lock. Pages are appended to segments. When
// one is full, another one gets the next pages:
//
//   - where half of the memory is taken by pages that were written again elsewhere, the
//     segment with the most of it, and the pages in it that are known are carried over;
//   - else a segment that was never used;
//   - else the segments in turn: one loses its pages, except those that were read since
//     (the clock algorithm).
type shard struct {
	mu       sync.RWMutex
	index    map[uint64]position // by hash; two keys with the same hash displace each other
	segments [segmentsShard]segment
	used     int    // segments that have memory: the first ones
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
	live int // bytes of pages in the index
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
		s.unlink(hash)
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

// hasRoom reports whether there is a segment that was never used.
func (s *shard) hasRoom() bool { return s.used < segmentsShard }

// unlink says that the page of a hash is no longer needed where it is.
func (s *shard) unlink(hash uint64) {
	if at, found := s.index[hash]; found {
		g := &s.segments[int(at)*unit/s.size]
		g.live -= len(pageAt(g.data[int(at)*unit%s.size:]))
	}
}

func (s *shard) append(p page) {
	g := &s.segments[s.current]
	if g.data == nil {
		g.data = make([]byte, s.size)
		s.used++
	}
	hash := p.hash()
	s.unlink(hash)
	s.index[hash] = position((s.current*s.size + g.used) / unit)
	g.live += len(p)
	g.used += copy(g.data[g.used:], p)
}

// turn moves to another segment. Of the pages there, at most half of the segment is kept,
// so that there is room for new pages.
func (s *shard) turn() {
	least, live := 0, 0
	for i := range s.segments[:s.used] {
		if live += s.segments[i].live; s.segments[i].live < s.segments[least].live {
			least = i
		}
	}
	spare := live <= s.used*s.size/2
	switch {
	case spare:
		s.current = least // of which at most half is known
	case s.hasRoom():
		s.current = s.used
		return
	default:
		s.current = (s.current + 1) % segmentsShard
	}
	g := &s.segments[s.current]
	used := g.used
	g.used = 0
	for at := 0; at < used; {
		p := pageAt(g.data[at:])
		hash, n := p.hash(), len(p)
		if found, known := s.index[hash]; known && found == position((s.current*s.size+at)/unit) {
			if (spare || p.visited().Load() != 0) && g.used+n <= s.size/2 {
				if !spare {
					p.visited().Store(0)
				}
				s.append(p) // over the old contents before it
			} else {
				s.unlink(hash)
				delete(s.index, hash)
			}
		}
		at += n
	}
}
