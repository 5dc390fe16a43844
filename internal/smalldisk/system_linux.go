package smalldisk

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

const source = "larder-test"

func mount(dir string, bytes int64) error {
	return unix.Mount(source, dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes))
}

func remount(dir string, readOnly bool) error {
	flags := uintptr(unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount(source, dir, "tmpfs", flags, "")
}

func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

// limit bounds the length of the files that a process may write; 0 is this one.
func limit(pid int, bytes uint64) error {
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: math.MaxUint64}, nil)
}
