package online

import (
	"context"
	"io"
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

// Dir returns the store's folder.
func (s *Store) Dir() string { return s.dir }
