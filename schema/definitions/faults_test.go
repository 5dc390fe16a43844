package definitions_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema/definitions"
)

var update = flag.Bool("update", false, "write the current messages to testdata/faults")

// The files of testdata/faults hold cases: a definition file, a line ----, and its
// messages. A line ==== separates two cases.
const (
	caseEnd   = "====\n"
	saidBegin = "----\n"
)

// TestFaults compares the exact message and place of every fault.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/faults: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, c := range strings.Split(string(golden), caseEnd) {
				text, _, found := strings.Cut(c, saidBegin)
				if !found {
					t.Fatalf("a case without %q:\n%s", saidBegin, c)
				}
				_, err := definitions.Parse(source(text))
				if err == nil {
					t.Errorf("no fault was found in:\n%s", text)
					continue
				}
				out = append(out, text+saidBegin+err.Error()+"\n")
			}
			got := strings.Join(out, caseEnd)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(golden), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
