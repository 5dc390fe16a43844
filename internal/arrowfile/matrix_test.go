package arrowfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/arrowfile"
)

// python has the writers that files are compared with.
const python = "../../.larder/venv/files/bin/python"

func runPython(t *testing.T, args ...string) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the environment of the writers is missing: %v; run tools/setup/python.sh files, as make test does", err)
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/matrix.py"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// rewrite writes what it reads of a file to others.
func rewrite(t *testing.T, from string, to ...string) error {
	t.Helper()
	in, err := arrowfile.Open(t.Context(), from, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	var out []*arrowfile.Writer
	for _, path := range to {
		w, err := arrowfile.Create(path, in.Schema())
		if err != nil {
			return err
		}
		defer w.Close()
		out = append(out, w)
	}
	for in.Next() {
		for _, w := range out {
			if err := w.Write(in.Record()); err != nil {
				return err
			}
		}
	}
	for _, w := range out {
		if err := w.Commit(); err != nil {
			return err
		}
	}
	return in.Err()
}

// TestEveryWriter: every value of files that pyarrow, DuckDB, polars and Spark wrote is
// what pyarrow reads: of every type, encoding, kind of page and compression, with and
// without nulls, in several row groups. Spark's files are in testdata/spark.
func TestEveryWriter(t *testing.T) {
	dir := t.TempDir()
	runPython(t, "write", dir)
	var paths []string
	for _, pattern := range []string{filepath.Join(dir, "*.parquet"), "testdata/spark/*.parquet"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %v, %v", pattern, some, err)
		}
		paths = append(paths, some...)
	}
	if err := os.Mkdir(filepath.Join(dir, "ours"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if err := rewrite(t, path, filepath.Join(dir, strings.TrimSuffix(name, ".parquet")+".arrows"), filepath.Join(dir, "ours", name)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if !t.Failed() {
		runPython(t, "compare", dir, "testdata/spark")
	}
	t.Logf("%d files", len(paths))
}
