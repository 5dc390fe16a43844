package online

// Flatten compacts all rows into one level, as time would.
func (s *Store) Flatten() error { return s.db.Flatten(1) }

// SetMinFree makes the disk fuller or emptier than it was. No writer may be open.
func (s *Store) SetMinFree(bytes int64) { s.opts.MinFreeBytes = bytes }
