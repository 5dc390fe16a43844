package scoring_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"larder/scoring"
)

// Each operator came onto the list by a run of fuzzing without a death, with the version of
// ONNX Runtime that is installed, and docs/models.md shows both.
func TestListNamesItsRuns(t *testing.T) {
	docs, err := os.ReadFile("../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := os.ReadFile("../tools/setup/onnxruntime.sh")
	if err != nil {
		t.Fatal(err)
	}
	runs, named := scoring.ListRuns()
	known := map[string]bool{}
	for _, r := range runs {
		row := fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d | %d |\n", r.ID, r.Date, r.Runtime, r.Seeds, r.Models, r.Fewest, r.Rows, r.Deaths)
		if !strings.Contains(string(docs), row) {
			t.Errorf("docs/models.md lacks the row of a fuzzing run:\n%s", row)
		}
		if known[r.ID] = r.Deaths == 0 && r.Fewest > 0; !known[r.ID] {
			t.Errorf("run %s has %d deaths, and tried an operator %d times", r.ID, r.Deaths, r.Fewest)
		}
		if !strings.Contains(string(setup), "version="+r.Runtime+"\n") {
			t.Errorf("run %s is of ONNX Runtime %s, and tools/setup/onnxruntime.sh installs another; fuzz the list again", r.ID, r.Runtime)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !known[named[name]] {
			t.Errorf("%s names the run %q, which is not known", name, named[name])
		}
		if short := strings.TrimPrefix(name, "ai.onnx.ml:"); !strings.Contains(string(docs), "`"+short+"`") {
			t.Errorf("docs/models.md lacks the operator %s", short)
		}
	}
}
