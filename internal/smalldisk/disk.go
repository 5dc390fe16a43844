//go:build unix

// Package smalldisk gives a test a disk that it can fill and empty.
//
// The disk is a tmpfs of its own where the test may mount one. Elsewhere it is a plain
// folder, and filling it takes from a process the right to make files longer, which its
// writes notice in the same way: they fail, in the middle.
package smalldisk

import (
	"errors"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A Disk is a disk of a test.
type Disk struct {
	Dir     string
	Mounted bool // it is a file system of its own
	t       testing.TB
	pid     int
	limited bool
}

// New returns an empty disk of some bytes.
func New(t testing.TB, bytes int64) *Disk {
	t.Helper()
	d := &Disk{Dir: t.TempDir(), t: t}
	if err := mount(d.Dir, bytes); err == nil {
		d.Mounted = true
		t.Cleanup(func() {
			if err := unmount(d.Dir); err != nil {
				t.Error(err)
			}
		})
	} else {
		t.Logf("no tmpfs can be mounted (%v); the disk is full by a limit on the length of files", err)
		signal.Ignore(syscall.SIGXFSZ)
		t.Cleanup(d.Empty)
	}
	return d
}

// Of names the process that finds the disk full where none could be mounted; by default
// the test's own.
func (d *Disk) Of(pid int) { d.pid = pid }

// Fill leaves no byte free.
func (d *Disk) Fill() {
	d.t.Helper()
	if !d.Mounted {
		if err := limit(d.pid, 0); err != nil {
			d.t.Fatal(err)
		}
		d.limited = true
		return
	}
	f, err := os.OpenFile(d.filling(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		n, err := f.Write(block)
		if errors.Is(err, syscall.ENOSPC) && n == 0 {
			block = block[:len(block)/2]
		} else if err != nil && !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
	}
}

// Empty takes away what Fill wrote.
func (d *Disk) Empty() {
	d.t.Helper()
	if !d.Mounted {
		if d.limited {
			if err := limit(d.pid, math.MaxInt64); err != nil && !errors.Is(err, syscall.ESRCH) {
				d.t.Error(err)
			}
		}
		return
	}
	if err := os.Remove(d.filling()); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
}

func (d *Disk) filling() string { return filepath.Join(d.Dir, "fill") }

// ReadOnly makes a disk that is mounted read-only, or writable again.
func (d *Disk) ReadOnly(on bool) {
	d.t.Helper()
	if err := remount(d.Dir, on); err != nil {
		d.t.Fatal(err)
	}
}
