package worker

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Limits are what a child may take.
type Limits struct {
	Memory int64         // bytes, beyond what it has when it is confined
	CPU    time.Duration // of all threads together, from the start; 0: no limit
}

// Confine limits the calling process: its memory and time, which it may not raise
// again, and on Linux also its system calls. It then opens no files, uses no network
// and starts no programs; what is open stays open.
func Confine(l Limits) error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0}
	if l.Memory > 0 {
		used, err := dataBytes()
		if err != nil {
			return fmt.Errorf("measure the process's memory: %w", err)
		}
		limits[unix.RLIMIT_DATA] = uint64(used + l.Memory)
	}
	for which, limit := range limits {
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("limit what the process may take: %w", err)
		}
	}
	if l.CPU > 0 {
		if err := LimitCPU(l.CPU); err != nil {
			return err
		}
	}
	return filterCalls()
}

// LimitCPU sets how much time all threads of the calling process may take together,
// from its start; 0: no limit. The kernel ends a process that takes more.
func LimitCPU(most time.Duration) error {
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if most > 0 {
		limit.Cur = uint64((most + time.Second - 1) / time.Second)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limit the time that the process may take: %w", err)
	}
	return nil
}
