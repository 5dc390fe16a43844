package featurelog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"larder/schema"
)

// lockFile is locked for as long as a process writes to the folder.
const lockFile = "lock"

// lock takes the folder for this process; closing the file gives it back, and so
// does the end of the process.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = schema.Errorf(schema.FailedPrecondition, "LOG_IN_USE", "another server writes its feature log to %s; give each server a folder of its own with --feature-log", dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes what a killed process left, each told to removed, and returns how
// many bytes the finished files have.
func sweep(dir string, removed func(path string)) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasSuffix(path, unfinished) {
			removed(path)
			return os.Remove(path)
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// syncFolders makes the names in folders last, which a file's own sync does not.
func syncFolders(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	return nil
}
