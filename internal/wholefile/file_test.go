package wholefile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"larder/internal/wholefile"
)

// check compares a file with what it should hold, and the folder's files with it alone.
func check(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s has %q (%v), want %q", path, got, err, want)
	}
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != mode {
		t.Errorf("mode %v (%v), want %v", at.Mode().Perm(), err, mode)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestAFileAppearsWholeWithItsMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rows")
	f, err := wholefile.Create(path, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there before Commit: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	check(t, path, "new", 0o640)
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(path, []byte("newer"), 0o640); err != nil {
		t.Fatal(err)
	}
	check(t, path, "newer", 0o604)
	if f, err = wholefile.Create(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, path, "newer", 0o604)
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left in the folder: %q", got)
	}
}

func TestALinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "rows"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("rows", link); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	check(t, path, "new", 0o600)
	if at, err := os.Lstat(link); err != nil || at.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", at, err)
	}
}

func TestOnlyRegularFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	f := func(path, want string) {
		t.Helper()
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wholefile.Create(path, 0o644); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
		if after, err := os.Stat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s is %v (%v), was %v", path, after, err, before)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	toDevice := filepath.Join(dir, "device")
	if err := os.Symlink(os.DevNull, toDevice); err != nil {
		t.Fatal(err)
	}
	f(dir, "it is a folder, not a regular file; name a new file")
	f(pipe, "it is a pipe")
	f(socket.Addr().String(), "it is a socket")
	f(toDevice, "/dev/null: it is a device")
	f(os.DevNull, "it is a device")
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("nothing", dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := wholefile.Create(dangling, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
}

// TestWhatCameMeanwhileIsNotReplaced: a pipe that appears while a file is written.
func TestWhatCameMeanwhileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rows")
	f, err := wholefile.Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil || !strings.Contains(err.Error(), "it is a pipe") {
		t.Errorf("committed: %v", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left in the folder: %q", got)
	}
}
