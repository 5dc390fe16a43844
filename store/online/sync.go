package online

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// sync makes all that was written durable. Badger's own Sync covers the log that
// is written now; logs before it, whose rows have not become a table yet, are
// synced here.
func (s *Store) sync() error {
	if err := s.db.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	rows := filepath.Join(s.dir, rowsFolder)
	logs, err := filepath.Glob(filepath.Join(rows, "*.mem"))
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	for _, log := range logs {
		// A log that is gone has become a table, which Badger has synced.
		if err := syncPath(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sync %s: %w", filepath.Base(log), err)
		}
	}
	if err := syncPath(rows); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}
