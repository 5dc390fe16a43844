//go:build linux

package smalldisk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func mount(dir string, bytes int64) error {
	return unix.Mount("larder-test", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes))
}
