package cache

// Lock is what a step of the cache takes.
type Lock = lock

// Pause has f called before each step, with the lock that the step takes; nil
// when it takes none.
func (c *Cache) Pause(f func(next Lock)) { c.pause = f }

// LockOf returns the lock that a Look at an entity takes.
func (c *Cache) LockOf(entity []byte) Lock { return &c.shard(c.hash(entity)).mu }

// Peek returns what the cache knows of a row, without a lock.
func (c *Cache) Peek(view uint32, entity []byte) (r Row, known bool) {
	hash := c.hash(entity)
	l := Look{page: c.shard(hash).find(hash, entity)}
	if l.page != nil {
		l.slot = l.page.slots()
	}
	return l.Row(view)
}

// Announced returns how many commits are under way.
func (c *Cache) Announced() int { return len(*c.pending.Load()) }

// Memory returns the bytes of all segments that have memory, and those of the pages that are
// known, counted in two ways.
func (c *Cache) Memory() (taken, live, known int) {
	for i := range c.shards {
		s := &c.shards[i]
		taken += s.used * s.size
		for _, g := range s.segments {
			live += g.live
		}
		for hash, at := range s.index {
			p := pageAt(s.segments[int(at)*unit/s.size].data[int(at)*unit%s.size:])
			if p.hash() != hash {
				panic("the index names another page")
			}
			known += len(p)
		}
	}
	return taken, live, known
}
