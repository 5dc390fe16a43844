package scoring_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"larder/schema"
	"larder/scoring"
)

// openOnly, in the environment, makes this binary open the library it names and
// tell what came of it: a process opens ONNX Runtime once.
const openOnly = "LARDER_TEST_OPEN"

func openAndTell(path string) int {
	r, err := scoring.Open(scoring.Options{Library: path})
	var said *schema.Error
	if errors.As(err, &said) {
		fmt.Println(said.Reason, said.Message)
		return 0
	}
	if err != nil {
		fmt.Println("another error:", err)
		return 1
	}
	fmt.Println("opened", r.Version())
	if err := r.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// open returns the output of another process that opens path in the folder dir.
func open(t *testing.T, dir, path string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), openOnly+"="+path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestOpenFindsTheLibrary(t *testing.T) {
	path := library.Library()
	f := func(dir, asked string) {
		t.Helper()
		if got := open(t, dir, asked); !strings.HasPrefix(got, "opened "+library.Version()) {
			t.Errorf("open %q in %s: got %s", asked, dir, got)
		}
	}
	f(t.TempDir(), path)
	f(t.TempDir(), filepath.Dir(path))

	checkout := t.TempDir()
	below := filepath.Join(checkout, "a", "b")
	setUp := filepath.Join(checkout, ".larder", "onnxruntime")
	for _, dir := range []string{below, setUp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(checkout, "go.mod"), "module x\n")
	if err := os.Symlink(path, filepath.Join(setUp, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	f(below, "")
}

func TestOpenSaysWhatMendsIt(t *testing.T) {
	empty := t.TempDir()
	text := filepath.Join(t.TempDir(), "libonnxruntime.so")
	write(t, text, "not a library")
	f := func(asked string, words ...string) {
		t.Helper()
		got := open(t, empty, asked)
		for _, w := range append(words, "NO_ONNXRUNTIME", "run `make setup`", "--onnxruntime", "LARDER_ONNXRUNTIME") {
			if !strings.Contains(got, w) {
				t.Errorf("open %q: got %s, want it to say %q", asked, got, w)
			}
		}
	}
	missing := filepath.Join(empty, "none.so")
	f(missing, "no ONNX Runtime library at "+missing)
	f(empty, "the folder "+empty+" has no ")
	f(text, text+" is not an ONNX Runtime library for "+runtime.GOOS+"/"+runtime.GOARCH)
	f(compiled(t, "int answer(void) { return 42; }"), "is not an ONNX Runtime library for")
	f(compiled(t, `
		static const void *api(unsigned version) { return 0; }
		static const char *version(void) { return "1.10.0"; }
		static struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {api, version};
		void *OrtGetApiBase(void) { return &base; }`), "is too old: version 1.24 or newer is needed")
}

func TestOpenTwice(t *testing.T) {
	_, err := scoring.Open(scoring.Options{})
	var said *schema.Error
	if !errors.As(err, &said) || said.Reason != "ONNXRUNTIME_OPEN" {
		t.Errorf("got %v, want ONNXRUNTIME_OPEN", err)
	}
}

// compiled returns the path of a shared library of some C, made by the compiler
// that cgo needs anyway.
func compiled(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	c, lib := filepath.Join(dir, "x.c"), filepath.Join(dir, "x.so")
	write(t, c, source)
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", lib, c).CombinedOutput(); err != nil {
		t.Fatalf("compile a library: %v: %s", err, out)
	}
	return lib
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNoTelemetry: the library's reporting, which begins with a file in the
// temporary folder, never starts.
func TestNoTelemetry(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0])
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORT_DISABLE_TELEMETRY=") { // which this process has set by now
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+temp, openOnly+"="+library.Library())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		t.Errorf("ONNX Runtime left %s", file.Name())
	}
}
