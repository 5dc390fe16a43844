package folder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/models/folder"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *folder.Folder {
	t.Helper()
	f, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// settled returns what one look finds, as model/version=content.
func settled(t *testing.T, f *folder.Folder) string {
	t.Helper()
	files, err := f.Settled()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, file := range files {
		raw, err := f.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%s/%d=%s", file.Model, file.Version, raw))
	}
	return strings.Join(said, " ")
}

// TestFilesAreTakenWhenTheyStayTheSame: not while they are written.
func TestFilesAreTakenWhenTheyStayTheSame(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	look := func(want string) {
		t.Helper()
		if got := settled(t, f); got != want {
			t.Errorf("a look finds %q, want %q", got, want)
		}
	}
	look("")
	write(t, dir, "fraud/1/model.onnx", "half")
	look("")
	write(t, dir, "fraud/1/model.onnx", "half and the rest")
	look("")
	look("fraud/1=half and the rest")
	write(t, dir, "fraud/2/model.onnx", "two")
	look("fraud/1=half and the rest")
	look("fraud/1=half and the rest fraud/2=two")
	if err := os.RemoveAll(filepath.Join(dir, "fraud")); err != nil {
		t.Fatal(err)
	}
	look("")
}

// TestWhatIsNoModelIsPassedOver: other names, and what leads out of the folder.
func TestWhatIsNoModelIsPassedOver(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside, "model.onnx", "secret")
	write(t, dir, "fraud/config.pbtxt", "x")
	for _, name := range []string{"fraud/0/model.onnx", "fraud/01/model.onnx", "fraud/one/model.onnx", "fraud/1/other.onnx", "no-name/1/model.onnx", ".git/1/model.onnx", "fraud/99999999999999999999/model.onnx", "model.onnx"} {
		write(t, dir, name, "x")
	}
	for link, to := range map[string]string{"fraud/3/model.onnx": filepath.Join(outside, "model.onnx"), "linked": outside, "fraud/4": outside} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir)
	settled(t, f)
	if got := settled(t, f); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestAFileThatChangesIsNotRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "fraud/1/model.onnx", "before")
	f := open(t, dir)
	settled(t, f)
	files, err := f.Settled()
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	write(t, dir, "fraud/1/model.onnx", "and after")
	if _, err := f.Read(files[0]); err == nil || !strings.Contains(err.Error(), "completely written") {
		t.Errorf("reading a file that changed: %v", err)
	}
}
