//go:build unix

package diskspace

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// Free returns how many bytes this process may still write on the disk of a folder.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// Text returns a number of bytes for a person.
func Text(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// faults are what the system says when a disk is full, over its quota, mounted read-only
// or broken, or when the process may open no more files.
var faults = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO, syscall.ESTALE, syscall.EMFILE, syscall.ENFILE,
}

// IsFault reports whether err comes from a state of the disk that may pass, such as a
// full disk.
func IsFault(err error) bool {
	return slices.ContainsFunc(faults, func(e syscall.Errno) bool { return errors.Is(err, e) })
}
