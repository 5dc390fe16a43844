package online

import (
	"context"
	"io"

	"larder/store/row"
)

// Flatten compacts all rows into one level, as time would.
func (s *Store) Flatten() error { return s.db.Flatten(1) }

// SetMinFree makes the disk fuller or emptier than it was. No writer may be open.
func (s *Store) SetMinFree(bytes int64) { s.opts.MinFreeBytes = bytes }

// CheckSnapshot reads a snapshot without storing it.
func CheckSnapshot(r io.Reader) error {
	return readSnapshot(r, func(snapshotEntry) error { return nil })
}

// Warm fills the cache, as Run does.
func (s *Store) Warm(ctx context.Context) error { return s.warm(ctx) }

// Memory is what a process may use, of a machine whose files are under root.
func Memory(root string) int64 { return memory(root) }

// FillDuringEnd has a reader fill the cache with what it read of a key before the
// key's row was committed, and the commit end between the two loads by which the
// cache finds out. It tells whether the cache knows the key then.
func FillDuringEnd(key []byte) (known bool) {
	c := newCache(1 << 20)
	view, entity := row.CutView(key)
	epoch := c.epoch.Load() // then the reader reads
	a := c.begin(1, func(int) []byte { return key })
	c.between = func() { c.end(a, func(int) (int64, []byte, bool) { return 0, nil, false }) }
	c.fill(epoch, entity, []cached{{view: view, row: []byte("old")}})
	l := look{cache: c}
	defer l.end()
	l.at(entity)
	_, known = l.row(view)
	return known
}
