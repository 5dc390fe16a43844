package cache

import "bytes"

// A Look reads the rows of one entity after the other. It holds the lock of the
// current page, so that rows may alias the page until the next At or End. A Look is
// for one goroutine, which must not fill the cache or write before End.
type Look struct {
	cache *Cache
	key   []byte // the key of the entity; nil before the first
	hash  uint64
	shard *shard
	page  page
	slot  int // the next to look at
}

// Look returns a look that is not at an entity yet.
func (c *Cache) Look() Look { return Look{cache: c} }

// At moves to an entity. Its key must not change until the next At.
func (l *Look) At(entity []byte) {
	if l.shard != nil && bytes.Equal(entity, l.key) {
		return
	}
	l.End()
	l.key, l.hash = entity, l.cache.hash(entity)
	l.shard = l.cache.shard(l.hash)
	l.shard.mu.RLock()
	if l.page = l.shard.find(l.hash, entity); l.page != nil {
		l.page.visit()
		l.slot = l.page.slots()
	}
}

// Row returns what the cache knows about the entity's row in a view. The row's bytes
// alias the cache until the next At or End.
func (l *Look) Row(view uint32) (r Row, known bool) {
	if l.page == nil {
		return r, false
	}
	slot := l.page.slot(view, l.slot)
	if slot == 0 || l.page.state(slot) == unknownState {
		return r, false
	}
	l.slot = l.page.next(slot)
	return l.page.row(slot), true
}

// End releases the page. The look may then move to other entities.
func (l *Look) End() {
	if l.shard != nil {
		l.shard.mu.RUnlock()
		l.shard = nil
	}
}
