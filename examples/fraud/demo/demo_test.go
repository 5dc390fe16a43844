package demo_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/examples/fraud"
	"larder/examples/fraud/demo"
)

// TestRun: the whole demo on a tenth of its customers, with the real binary.
func TestRun(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "larder")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "larder/cmd/larder").CombinedOutput(); err != nil {
		t.Fatalf("the larder binary does not build: %v\n%s", err, out)
	}
	dir := t.TempDir()
	var out bytes.Buffer
	var loaded, total int64
	ended := false
	err := demo.Run(t.Context(), demo.Options{
		Larder: binary, Dir: dir, Out: &out,
		Data:    fraud.Config{Customers: 500, Terminals: 1000, Days: 90},
		Loading: func(done, all int64) { loaded, total = done, all },
		Loaded:  func() { ended = true },
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !ended || loaded == 0 || loaded != total {
		t.Errorf("loading reported %d of %d rows, and its end: %v", loaded, total, ended)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r demo.Report
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&r); err != nil {
		t.Fatal(err)
	}
	// Up to 90 daily rows of each customer and terminal, and about 2 transactions
	// of each customer on the last day.
	if r.RowsLoaded < 100_000 || r.RowsMaterialized < 50_000 || r.Scored < 500 || r.AUC < 0.7 || r.AUC > 1 {
		t.Errorf("the report is off: %s", raw)
	}
	if r.AUCWindows < 0.7 || r.AUCWindows > 1 || r.EventsPerSecond <= 0 || r.FreshP50 <= 0 || r.FreshP50 > r.FreshP99 {
		t.Errorf("the report of the stream is off: %s", raw)
	}
	if r.RowsPerSecond <= 0 || r.RequestsPerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 {
		t.Errorf("the report has no such speeds: %s", raw)
	}
	for _, want := range []string{"$ larder apply ", "$ larder materialize --full --to ", "$ larder stream backfill transactions --query ", "$ larder verify --all ", "$ larder replay --log ", "$ larder skew --log ", "Applied as version 1.", "grpcurl -plaintext", "curl -s http://127.0.0.1:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo did not print %q:\n%s", want, &out)
		}
	}
}
