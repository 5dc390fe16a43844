package online

import "io"

// Flatten compacts all rows into one level, as time would.
func (s *Store) Flatten() error { return s.db.Flatten(1) }

// SetMinFree makes the disk fuller or emptier than it was. No writer may be open.
func (s *Store) SetMinFree(bytes int64) { s.opts.MinFreeBytes = bytes }

// CheckSnapshot reads a snapshot without storing it.
func CheckSnapshot(r io.Reader) error {
	return readSnapshot(r, func(snapshotEntry) error { return nil })
}
