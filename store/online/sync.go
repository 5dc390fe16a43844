package online

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// sync makes all writes durable. Badger's own Sync covers only the current log.
// Earlier logs with rows that are not in a table yet are synced here.
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
		// A missing log was converted to a table, and Badger has synced that.
		if err := syncPath(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sync %s: %w", filepath.Base(log), err)
		}
	}
	if err := syncPath(rows); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}
