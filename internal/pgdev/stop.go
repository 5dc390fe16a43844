//go:build linux

package pgdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Freeze stops all of the cluster's processes without closing a connection, as a machine
// that hangs does. Thaw lets them go on.
func (c *Cluster) Freeze() error { return c.signalAll(syscall.SIGSTOP) }

// Thaw lets frozen processes go on.
func (c *Cluster) Thaw() error { return c.signalAll(syscall.SIGCONT) }

// signalAll sends a signal to the postmaster, which then starts no other process, and to
// its children.
func (c *Cluster) signalAll(s syscall.Signal) error {
	err := c.child.signal(s)
	parent := fmt.Sprint(c.child.cmd.Process.Pid)
	stats, globErr := filepath.Glob("/proc/[0-9]*/stat")
	err = errors.Join(err, globErr)
	for _, path := range stats {
		raw, readErr := os.ReadFile(path)
		if readErr != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		if len(fields) < 2 || fields[1] != parent {
			continue
		}
		var pid int
		if _, scanErr := fmt.Sscanf(string(raw), "%d", &pid); scanErr == nil {
			if killErr := syscall.Kill(pid, s); !errors.Is(killErr, syscall.ESRCH) {
				err = errors.Join(err, killErr)
			}
		}
	}
	return err
}
