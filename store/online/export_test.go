package online

// Flatten compacts all rows into one level, as time would.
func (s *Store) Flatten() error { return s.db.Flatten(1) }
