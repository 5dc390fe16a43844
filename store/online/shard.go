package online

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// A shard is one part of the cache, with its own lock. Entries are appended to
// segments that are used in turn. A segment that is used again loses its
// entries, but for those that were visited since: these are carried over
// (the clock algorithm).
//
//	entry, padded to 8 bytes:
//	hash 8 | event time 8 | row length 4 | key length 2 | absent 1 | 0 1 | key | row
type shard struct {
	mu       sync.RWMutex
	index    map[uint64]position // by hash; two keys of one hash displace each other
	segments [segmentsShard]segment
	size     int // of a segment
	current  int // the segment that is appended to
	carry    []byte
}

// A position is where an entry lies: segment times size plus offset, in units of
// 8 bytes.
type position uint32

type segment struct {
	data    []byte // grows to the shard's size at first use
	used    int
	visited []atomic.Uint32 // a bit for each 8 bytes at which an entry may start
}

// cached is an entry of the cache. key and row alias it.
type cached struct {
	hash      uint64
	eventTime int64
	key, row  []byte
	absent    bool // the key has no row
}

const (
	cachedHeader      = 24
	leastSegmentBytes = 4 << 10
	unit              = 8
	largestShare      = 4 // an entry takes at most this part of a segment
)

func (s *shard) init(segmentBytes int64) {
	s.index = map[uint64]position{}
	s.size = int(min(segmentBytes, 1<<27)) &^ (unit - 1)
}

func (s *shard) at(p position) cached {
	g := &s.segments[int(p)*unit/s.size]
	e, _ := parseCached(g.data[int(p)*unit%s.size:])
	return e
}

// touch marks an entry as visited. Safe under the read lock.
func (s *shard) touch(p position) {
	g := &s.segments[int(p)*unit/s.size]
	at := int(p) * unit % s.size / unit
	if word, bit := &g.visited[at/32], uint32(1)<<(at%32); word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// put adds or replaces an entry. Entries that are too large are left out.
func (s *shard) put(e cached) {
	n := cachedBytes(e)
	if n > s.size/largestShare || len(e.key) > 1<<16-1 {
		delete(s.index, e.hash)
		return
	}
	if g := &s.segments[s.current]; g.used+n > s.size {
		s.turn()
	}
	s.append(e)
}

func (s *shard) append(e cached) {
	g := &s.segments[s.current]
	if g.data == nil {
		g.data, g.visited = make([]byte, s.size), make([]atomic.Uint32, s.size/unit/32+1)
	}
	s.index[e.hash] = position((s.current*s.size + g.used) / unit)
	writeCached(g.data[g.used:], e)
	g.used += cachedBytes(e)
}

// turn goes to the next segment, and carries over what was visited there.
func (s *shard) turn() {
	s.current = (s.current + 1) % segmentsShard
	g := &s.segments[s.current]
	s.carry = s.carry[:0]
	for at := 0; at < g.used; {
		e, n := parseCached(g.data[at:])
		p := position((s.current*s.size + at) / unit)
		if live, found := s.index[e.hash]; found && live == p {
			// At most half, so that there is room for what comes.
			if g.visited[at/unit/32].Load()&(1<<(at/unit%32)) != 0 && len(s.carry)+n <= s.size/2 {
				s.carry = append(s.carry, g.data[at:at+n]...)
			} else {
				delete(s.index, e.hash)
			}
		}
		at += n
	}
	g.used = 0
	clear(g.visited)
	for at := 0; at < len(s.carry); {
		e, n := parseCached(s.carry[at:])
		s.append(e)
		at += n
	}
}

func cachedBytes(e cached) int {
	return (cachedHeader + len(e.key) + len(e.row) + unit - 1) &^ (unit - 1)
}

func writeCached(dst []byte, e cached) {
	binary.LittleEndian.PutUint64(dst, e.hash)
	binary.LittleEndian.PutUint64(dst[8:], uint64(e.eventTime))
	binary.LittleEndian.PutUint32(dst[16:], uint32(len(e.row)))
	binary.LittleEndian.PutUint16(dst[20:], uint16(len(e.key)))
	dst[22] = 0
	if e.absent {
		dst[22] = 1
	}
	copy(dst[cachedHeader+copy(dst[cachedHeader:], e.key):], e.row)
}

func parseCached(src []byte) (e cached, n int) {
	rowLen, keyLen := int(binary.LittleEndian.Uint32(src[16:])), int(binary.LittleEndian.Uint16(src[20:]))
	row := cachedHeader + keyLen
	e = cached{
		hash:      binary.LittleEndian.Uint64(src),
		eventTime: int64(binary.LittleEndian.Uint64(src[8:])),
		key:       src[cachedHeader:row:row],
		row:       src[row : row+rowLen : row+rowLen],
		absent:    src[22] == 1,
	}
	return e, cachedBytes(e)
}
