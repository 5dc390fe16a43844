package online

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A cache keeps the bytes of rows that were read lately, and the fact that a
// key has none. It is bounded in memory, holds no pointers for the garbage
// collector to follow, and is never staler than Badger:
//
// Before rows are committed, their keys are announced and taken out (begin);
// announced keys can't be filled. After the commit, keys that had been in
// the cache come back with their new rows, and the epoch moves on (end). A
// reader remembers the epoch from before it asked Badger, and its fill is
// refused when the epoch has moved or the key is announced. So while a commit
// is under way readers see what Badger has, and afterwards nobody can put back
// what was read before.
type cache struct {
	seed   maphash.Seed
	shards []shard // a power of two of them
	epoch  atomic.Uint64
	writes sync.Mutex // guards changes of pending
	// pending lists the announced keys: one set for each commit under way.
	pending atomic.Pointer[[]*hashSet]
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

func (c *cache) hash(key []byte) uint64 { return maphash.Bytes(c.seed, key) }

func (c *cache) shard(hash uint64) *shard { return &c.shards[hash&uint64(len(c.shards)-1)] }

// visit calls fn with i and the row of key, which aliases the cache until fn
// returns. It tells whether the cache knew the row, or that the key has none.
func (c *cache) visit(hash uint64, key []byte, i int, fn func(i int, eventTime int64, row []byte) error) (known bool, err error) {
	s := c.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, at, found := s.find(hash, key)
	if !found {
		return false, nil
	}
	s.touch(at)
	if e.absent {
		return true, nil
	}
	return true, fn(i, e.eventTime, e.row)
}

// fill keeps what Badger answered for key, unless it may have changed since
// epoch was loaded. A nil row is one that isn't there.
func (c *cache) fill(epoch, hash uint64, key []byte, eventTime int64, row []byte) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.epoch.Load() != epoch {
		return
	}
	for _, set := range *c.pending.Load() {
		if set.has(hash) {
			return
		}
	}
	s.put(cached{hash: hash, eventTime: eventTime, key: key, row: row, absent: row == nil})
}

// An announcement is the keys of one commit, from begin to end.
type announcement struct {
	set *hashSet
	hot []bool // of the announced keys, those that the cache held
}

// begin announces that the rows of keys are about to change.
func (c *cache) begin(hashes []uint64, key func(i int) []byte) *announcement {
	a := &announcement{set: newHashSet(hashes), hot: make([]bool, len(hashes))}
	c.writes.Lock()
	next := append([]*hashSet{a.set}, *c.pending.Load()...)
	c.pending.Store(&next)
	c.writes.Unlock()
	for i, h := range hashes {
		s := c.shard(h)
		s.mu.Lock()
		a.hot[i] = s.remove(h, key(i))
		s.mu.Unlock()
	}
	return a
}

// end says that the commit is over, well or not. For each key that the cache
// held, row returns what it has now; ok is false where nothing is to be kept.
func (c *cache) end(a *announcement, hashes []uint64, row func(i int) (e cached, ok bool)) {
	for i, h := range hashes {
		if !a.hot[i] {
			continue
		}
		if e, ok := row(i); ok {
			e.hash = h
			s := c.shard(h)
			s.mu.Lock()
			s.put(e)
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

// find returns the entry of key and where it lies.
func (s *shard) find(hash uint64, key []byte) (cached, position, bool) {
	at, found := s.index[hash]
	if !found {
		return cached{}, 0, false
	}
	e := s.at(at)
	return e, at, bytes.Equal(e.key, key)
}

// remove forgets key, and tells whether it was there.
func (s *shard) remove(hash uint64, key []byte) bool {
	_, _, found := s.find(hash, key)
	if found {
		delete(s.index, hash)
	}
	return found
}
