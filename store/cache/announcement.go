package cache

// An Announcement is the rows of one commit, from Begin to End.
type Announcement struct {
	cache  *Cache
	at     func(i int) (view uint32, entity []byte)
	hashes []uint64 // of the entities
	set    *hashSet
	known  []bool // whether the cache knew each announced row
}

// announced is the hash of a view's row of an entity, as commits announce it.
func announced(hash uint64, view uint32) uint64 {
	return (hash ^ uint64(view)) * 0x9e3779b97f4a7c15
}

// Begin announces that n rows are about to change. at names each of them, and what it
// returns must not change until End. No row may be in two commits at once.
func (c *Cache) Begin(n int, at func(i int) (view uint32, entity []byte)) *Announcement {
	a := &Announcement{cache: c, at: at, hashes: make([]uint64, n), known: make([]bool, n)}
	all := make([]uint64, n)
	for i := range all {
		view, entity := at(i)
		a.hashes[i] = c.hash(entity)
		all[i] = announced(a.hashes[i], view)
	}
	a.set = newHashSet(all)
	a.list()
	for i, hash := range a.hashes {
		view, entity := at(i)
		s := c.shard(hash)
		c.step(&s.mu)
		s.mu.Lock()
		a.known[i] = s.forget(hash, entity, view)
		s.mu.Unlock()
	}
	return a
}

// End says that the commit has ended, with or without success. For each row that the
// cache knew, now returns the row in the store. ok is false where the cache should not
// keep the row.
func (a *Announcement) End(now func(i int) (eventTime int64, stored []byte, ok bool)) {
	c := a.cache
	for i, hash := range a.hashes {
		if !a.known[i] {
			continue
		}
		if eventTime, stored, ok := now(i); ok {
			view, entity := a.at(i)
			s := c.shard(hash)
			c.step(&s.mu)
			s.mu.Lock()
			s.put(hash, entity, []Row{{View: view, EventTime: eventTime, Bytes: stored}})
			s.mu.Unlock()
		}
	}
	c.step(nil)
	c.epoch.Add(1)
	a.unlist()
}

// list adds the announcement to the pending ones.
func (a *Announcement) list() {
	c := a.cache
	c.step(&c.writes)
	c.writes.Lock()
	defer c.writes.Unlock()
	next := append([]*hashSet{a.set}, *c.pending.Load()...)
	c.step(nil)
	c.pending.Store(&next)
}

// unlist removes it.
func (a *Announcement) unlist() {
	c := a.cache
	c.step(&c.writes)
	c.writes.Lock()
	defer c.writes.Unlock()
	var next []*hashSet
	for _, set := range *c.pending.Load() {
		if set != a.set {
			next = append(next, set)
		}
	}
	c.step(nil)
	c.pending.Store(&next)
}
