package online

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"larder/store/row"
)

// A cache keeps the bytes of rows that were read lately, and the fact that a
// key has none, in a page for each entity. It is bounded in memory, holds no
// pointers for the garbage collector to follow, and is never staler than Badger:
//
// Before rows are committed, they are announced and made unknown (begin);
// announced rows can't be filled. After the commit, rows that had been
// known come back as they are now, and the epoch moves on (end). A
// reader remembers the epoch from before it asked Badger, and its fill is
// refused when the epoch has moved or a row is announced. So while a commit
// is under way readers see what Badger has, and afterwards nobody can put back
// what was read before.
type cache struct {
	seed   maphash.Seed
	shards []shard // a power of two of them
	epoch  atomic.Uint64
	writes sync.Mutex // guards changes of pending
	// pending lists the announced keys: one set for each commit under way.
	pending atomic.Pointer[[]*hashSet]
	// between is called between the two loads of changed; nil outside of tests.
	between func()
}

const (
	shardBytes    = 4 << 20 // of a cache that is large enough to have many
	mostShards    = 256
	segmentsShard = 16
)

// newCache returns a cache of about size bytes; nil when it is negative.
func newCache(size int64) *cache {
	if size < 0 {
		return nil
	}
	n := int64(1)
	for n < mostShards && n*shardBytes < size {
		n *= 2
	}
	c := &cache{seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].init(max(size/n/segmentsShard, leastSegmentBytes))
	}
	c.pending.Store(new([]*hashSet))
	return c
}

func (c *cache) hash(entity []byte) uint64 { return maphash.Bytes(c.seed, entity) }

func (c *cache) shard(hash uint64) *shard { return &c.shards[hash&uint64(len(c.shards)-1)] }

// announced is the hash of a view's row of an entity, as commits announce it.
func announced(hash uint64, view uint32) uint64 {
	return (hash ^ uint64(view)) * 0x9e3779b97f4a7c15
}

// A look is at the rows of one entity after the other. It holds the lock of the
// page that it is at, so that rows may alias the page until it goes on.
type look struct {
	cache *cache
	key   []byte // of the entity; nil before the first
	hash  uint64
	shard *shard
	page  page
	slot  int // the next to look at
}

// at goes to an entity.
func (l *look) at(key []byte) {
	if l.shard != nil && bytes.Equal(key, l.key) {
		return
	}
	l.end()
	l.key, l.hash = key, l.cache.hash(key)
	l.shard = l.cache.shard(l.hash)
	l.shard.mu.RLock()
	if l.page = l.shard.find(l.hash, key); l.page != nil {
		l.page.visit()
		l.slot = l.page.slots()
	}
}

// row returns what the cache knows of the entity's row in a view.
func (l *look) row(view uint32) (c cached, known bool) {
	if l.page == nil {
		return c, false
	}
	slot := l.page.slot(view, l.slot)
	if slot == 0 || l.page.state(slot) == unknownState {
		return c, false
	}
	l.slot = l.page.next(slot)
	return l.page.cached(slot), true
}

func (l *look) end() {
	if l.shard != nil {
		l.shard.mu.RUnlock()
		l.shard = nil
	}
}

// fill keeps what Badger answered for rows of an entity, unless they may have
// changed since epoch was loaded.
func (c *cache) fill(epoch uint64, key []byte, rows []cached) {
	hash := c.hash(key)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.changed(epoch, hash, rows) {
		s.put(hash, key, rows)
	}
}

// What comes of an attempt to warm the cache.
type warmth int

const (
	isWarm  warmth = iota // or was
	isStale               // the rows may have changed since
	isFull                // something else would have to go
)

// warm keeps rows that Badger had at epoch of an entity that the cache doesn't know,
// where there is room that was never used.
func (c *cache) warm(epoch uint64, key []byte, rows []cached) warmth {
	hash := c.hash(key)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(hash, key); p != nil {
		return isWarm
	}
	if !s.hasRoom() {
		return isFull
	}
	if c.changed(epoch, hash, rows) {
		return isStale
	}
	s.put(hash, key, rows)
	return isWarm
}

// changed tells whether rows may have changed since epoch. The pending
// announcements are loaded first: end moves the epoch on before it takes its
// announcement back, so a commit that is missing from them shows in the epoch.
func (c *cache) changed(epoch, hash uint64, rows []cached) bool {
	pending := *c.pending.Load()
	if c.between != nil {
		c.between()
	}
	if c.epoch.Load() != epoch {
		return true
	}
	for _, set := range pending {
		for i := range rows {
			if set.has(announced(hash, rows[i].view)) {
				return true
			}
		}
	}
	return false
}

// An announcement is the rows of one commit, from begin to end.
type announcement struct {
	keys   func(i int) []byte
	hashes []uint64 // of the entities
	set    *hashSet
	known  []bool // of the announced rows, those that the cache knew
}

// begin announces that n rows are about to change.
func (c *cache) begin(n int, keys func(i int) []byte) *announcement {
	a := &announcement{keys: keys, hashes: make([]uint64, n), known: make([]bool, n)}
	all := make([]uint64, n)
	for i := range all {
		view, entity := row.CutView(keys(i))
		a.hashes[i] = c.hash(entity)
		all[i] = announced(a.hashes[i], view)
	}
	a.set = newHashSet(all)
	c.writes.Lock()
	next := append([]*hashSet{a.set}, *c.pending.Load()...)
	c.pending.Store(&next)
	c.writes.Unlock()
	for i, hash := range a.hashes {
		view, entity := row.CutView(keys(i))
		s := c.shard(hash)
		s.mu.Lock()
		a.known[i] = s.forget(hash, entity, view)
		s.mu.Unlock()
	}
	return a
}

// end says that the commit is over, well or not. For each row that the cache
// knew, changed returns what it is now; ok is false where nothing is to be kept.
func (c *cache) end(a *announcement, changed func(i int) (eventTime int64, stored []byte, ok bool)) {
	for i, hash := range a.hashes {
		if !a.known[i] {
			continue
		}
		if eventTime, stored, ok := changed(i); ok {
			view, entity := row.CutView(a.keys(i))
			s := c.shard(hash)
			s.mu.Lock()
			s.put(hash, entity, []cached{{view: view, eventTime: eventTime, row: stored}})
			s.mu.Unlock()
		}
	}
	c.epoch.Add(1)
	c.writes.Lock()
	defer c.writes.Unlock()
	var next []*hashSet
	for _, set := range *c.pending.Load() {
		if set != a.set {
			next = append(next, set)
		}
	}
	c.pending.Store(&next)
}

// A hashSet is an immutable set of hashes, open addressed; 0 marks a free slot
// and is a member of every set, which costs one fill in 2^64.
type hashSet struct {
	slots []uint64
	mask  uint64
}

func newHashSet(hashes []uint64) *hashSet {
	n := 16
	for n < 2*len(hashes) {
		n *= 2
	}
	s := &hashSet{make([]uint64, n), uint64(n - 1)}
	for _, h := range hashes {
		at := h >> 8 & s.mask
		for s.slots[at] != 0 && s.slots[at] != h {
			at = (at + 1) & s.mask
		}
		s.slots[at] = h
	}
	return s
}

func (s *hashSet) has(h uint64) bool {
	for at := h >> 8 & s.mask; ; at = (at + 1) & s.mask {
		switch s.slots[at] {
		case h:
			return true
		case 0:
			return h == 0
		}
	}
}
