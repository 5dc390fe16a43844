package cache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A Cache keeps rows in a page for each entity. It is safe for concurrent use.
type Cache struct {
	seed   maphash.Seed
	shards []shard // a power of two of them
	epoch  atomic.Uint64
	writes sync.Mutex // guards changes of pending
	// pending lists the announced rows: one set for each commit under way.
	pending atomic.Pointer[[]*hashSet]
	// pause is called before each step that others may see or precede, with the lock that
	// the step takes; nil outside of tests.
	pause func(next lock)
}

// A lock is the lock that a step takes.
type lock interface {
	TryLock() bool
	Unlock()
}

const (
	shardBytes    = 4 << 20 // in a cache that is large enough for many shards
	mostShards    = 256
	segmentsShard = 16
)

// New returns a cache of about size bytes; nil when size is negative.
func New(size int64) *Cache {
	if size < 0 {
		return nil
	}
	n := int64(1)
	for n < mostShards && n*shardBytes < size {
		n *= 2
	}
	c := &Cache{seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].init(max(size/n/segmentsShard, leastSegmentBytes))
	}
	c.pending.Store(new([]*hashSet))
	return c
}

func (c *Cache) hash(entity []byte) uint64 { return maphash.Bytes(c.seed, entity) }

func (c *Cache) shard(hash uint64) *shard { return &c.shards[hash&uint64(len(c.shards)-1)] }

// step lets a test stop here.
func (c *Cache) step(next lock) {
	if c.pause != nil {
		c.pause(next)
	}
}

// Epoch returns the number of commits that have ended. A reader calls it before it
// reads the store, and passes the result to Fill or Warm afterwards.
func (c *Cache) Epoch() uint64 { return c.epoch.Load() }

// Fill keeps rows of an entity as read from the store, unless they may have changed
// since epoch. It copies them.
func (c *Cache) Fill(epoch uint64, entity []byte, rows []Row) {
	hash := c.hash(entity)
	s := c.shard(hash)
	c.step(&s.mu)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.changed(epoch, hash, rows) {
		c.step(nil)
		s.put(hash, entity, rows)
	}
}

// Warmth is the outcome of an attempt to warm the cache.
type Warmth int

// The outcomes of Warm.
const (
	IsWarm  Warmth = iota // or was
	IsStale               // the rows may have changed since
	IsFull                // another page would have to be evicted
)

// Warm keeps the rows that the store had at epoch for an entity that the cache doesn't
// know. It only uses room that was never used before. It copies the rows.
func (c *Cache) Warm(epoch uint64, entity []byte, rows []Row) Warmth {
	hash := c.hash(entity)
	s := c.shard(hash)
	c.step(&s.mu)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(hash, entity); p != nil {
		return IsWarm
	}
	if !s.hasRoom() {
		return IsFull
	}
	if c.changed(epoch, hash, rows) {
		return IsStale
	}
	c.step(nil)
	s.put(hash, entity, rows)
	return IsWarm
}

// changed reports whether rows may have changed since epoch. It loads the
// announcements first. End increments the epoch before it removes its announcement, so
// a commit that is missing from the announcements shows in the epoch.
func (c *Cache) changed(epoch, hash uint64, rows []Row) bool {
	c.step(nil)
	pending := *c.pending.Load()
	c.step(nil)
	if c.epoch.Load() != epoch {
		return true
	}
	for _, set := range pending {
		for i := range rows {
			if set.has(announced(hash, rows[i].View)) {
				return true
			}
		}
	}
	return false
}
