//go:build unix

package wholefile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"larder/internal/diskspace"
	"larder/internal/smalldisk"
	"larder/internal/wholefile"
)

// TestAFullDiskLeavesWhatWasThere, whether the file is begun before the disk is full or
// after it.
func TestAFullDiskLeavesWhatWasThere(t *testing.T) {
	disk := smalldisk.New(t, 1<<20)
	path := filepath.Join(disk.Dir, "catalog.json")
	if err := wholefile.Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("new"), 1<<15)
	begun, err := wholefile.Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	disk.Fill()
	if _, err := begun.Write(large); !diskspace.IsFault(err) {
		t.Errorf("a write to a full disk: %v", err)
	}
	if err := begun.Close(); err != nil {
		t.Error(err)
	}
	if err := wholefile.Write(path, large, 0o600); !diskspace.IsFault(err) {
		t.Errorf("a file on a full disk: %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("the file has %.20q (%v)", got, err)
	}
	disk.Empty()
	if got := names(t, disk.Dir); len(got) != 1 {
		t.Errorf("left in the folder: %q", got)
	}
	if err := wholefile.Write(path, large, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, path, string(large), 0o600)
}
