//go:build unix

package diskspace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"larder/internal/diskspace"
	"larder/internal/smalldisk"
)

func TestFreeFallsAsADiskFills(t *testing.T) {
	d := smalldisk.New(t, 1<<20)
	free, err := diskspace.Free(d.Dir)
	if err != nil || free <= 0 {
		t.Fatalf("%d bytes are free (%v)", free, err)
	}
	d.Fill()
	err = os.WriteFile(filepath.Join(d.Dir, "one"), make([]byte, 1<<16), 0o600)
	if !diskspace.IsFault(err) {
		t.Errorf("a write to a full disk: %v", err)
	}
	if full, err := diskspace.Free(d.Dir); err != nil || d.Mounted && full != 0 {
		t.Errorf("%d bytes are free on a full disk (%v)", full, err)
	}
	d.Empty()
	if err := os.WriteFile(filepath.Join(d.Dir, "two"), make([]byte, 1<<16), 0o600); err != nil {
		t.Errorf("a write once there is room: %v", err)
	}
	if _, err := diskspace.Free(filepath.Join(d.Dir, "nothing")); err == nil {
		t.Error("a folder that isn't there has free space")
	}
}

func TestIsFault(t *testing.T) {
	f := func(err error, want bool) {
		t.Helper()
		if got := diskspace.IsFault(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
	f(fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), true)
	f(syscall.EDQUOT, true)
	f(syscall.EACCES, false)
	f(syscall.ENOENT, false)
	f(nil, false)
}

func TestText(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		if got := diskspace.Text(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	f(500<<10, "500 KiB")
	f(640<<20, "640 MiB")
	f(10<<30, "10 GiB")
}
