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

// lock locks the folder for this process. Closing the file or ending the process
// unlocks it.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = schema.LogInUse.Errorf("give each server its own folder with --feature-log: another server writes its feature log to %s", dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the unfinished files of a killed process, and calls removed for each.
// It returns the bytes of the finished files.
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

// syncFolders makes the names in folders durable, which a file's own sync does not.
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
