//go:build unix && !linux

package smalldisk

import (
	"errors"
	"math"
	"syscall"
)

func mount(string, int64) error { return errors.ErrUnsupported }

func remount(string, bool) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }

// limit bounds the length of the files that this process may write.
func limit(pid int, bytes uint64) error {
	if pid != 0 {
		return errors.ErrUnsupported
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: math.MaxInt64})
}
