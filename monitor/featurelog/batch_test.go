package featurelog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/monitor/featurelog"
)

func TestFilesOfALog(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"fraud/3-7-a.parquet", "late/1-2-b.parquet", "late/1-2-b.tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := func(model string, want ...string) {
		t.Helper()
		files, err := featurelog.Files(dir, model)
		if (err != nil) != (want == nil) {
			t.Errorf("model %q: %v", model, err)
		}
		var got []string
		for _, path := range files {
			got = append(got, strings.TrimPrefix(path, dir+"/"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("model %q (-want +got)\n%s", model, diff)
		}
	}
	f("", "fraud/3-7-a.parquet", "late/1-2-b.parquet")
	f("late", "late/1-2-b.parquet")
	f("early")
	begun := filepath.Join(dir, "early", "1-2-c.parquet.unfinished")
	if err := os.MkdirAll(filepath.Dir(begun), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(begun, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := featurelog.Files(dir, "early"); err == nil || !strings.Contains(err.Error(), "has not finished the first files") {
		t.Errorf("a file that is being written: %v", err)
	}
	f("", "fraud/3-7-a.parquet", "late/1-2-b.parquet")
	if _, err := featurelog.OpenFile(t.Context(), filepath.Join(dir, "late", "x.parquet")); err == nil || !strings.Contains(err.String(), "not a file of a feature log") {
		t.Errorf("a file of another name: %v", err)
	}
}

func TestARowFollowsThoseOfItsRequest(t *testing.T) {
	f := func(want bool, row, before featurelog.RowID) {
		t.Helper()
		if got := row.Follows(before); got != want {
			t.Errorf("%v after %v: %v", row, before, got)
		}
	}
	f(true, featurelog.RowID{RequestID: "a", Row: 1}, featurelog.RowID{RequestID: "a", Row: 0})
	f(false, featurelog.RowID{RequestID: "b", Row: 1}, featurelog.RowID{RequestID: "a", Row: 0})
	f(false, featurelog.RowID{RequestID: "a", Row: 0}, featurelog.RowID{RequestID: "a", Row: 0}) // a second request of that id
}
