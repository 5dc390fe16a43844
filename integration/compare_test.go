package integration_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestModelsAreCompared on the vectors of a feature log, with labels and without.
func TestModelsAreCompared(t *testing.T) {
	t.Parallel()
	const rows = 60
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	log := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", log)
	m.write("definitions.yaml", m.base+`models:
  - name: spend
    feature_service: spend
    log: {rate: 1}
    serve: 1
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}]
    providers: [{name: cuda}, {name: cpu}]
`)
	s.apply(m.dir)
	s.mustMaterialize()
	answer, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: users(rows)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.check(answer, rows); err != nil {
		t.Fatal(err)
	}
	s.models(0, []string{"show", "spend"}, "version 1 is scored by onnxruntime on cpu", "not by cuda: ")
	eventually(t, "a file of the log", func() bool {
		begun, err := filepath.Glob(filepath.Join(log, "spend", "*.unfinished"))
		return err == nil && len(begun) > 0
	})
	other := startServer(t, db.DSN) // it can't finish the files of the first
	other.models(1, []string{"compare", "spend@1", "spend@2", "--log", log}, "has not finished the first files of the feature log in "+log)
	s.models(0, []string{"compare", "spend@1", "spend@2", "--log", log}, "on 60 logged rows")
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	s.start()

	s.models(0, []string{"compare", "spend@1", "spend@2", "--log", log}, "on 60 logged rows", "µs, 1 in a run", "µs, 10 in a run", "onnxruntime/cpu", "ranks correlate by", "decisions at the threshold 0.5 change")
	s.models(0, []string{"compare", "spend@1", "spend@1", "--log", log, "--rows", "10"}, "on 10 logged rows", "differ by 0 at most", "0 % of the decisions")
	stdout, stderr, code := s.client("models", "compare", "spend@1", "spend@2", "--log", log, "--json")
	var report struct {
		Rows      int
		Agreement struct {
			Max float64 `json:"max_difference"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &report); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	want := 0.0
	for user := int64(1); user <= rows; user++ {
		want = max(want, math.Abs(m.score(1, user)-m.score(2, user)))
	}
	if report.Rows != rows || math.Abs(report.Agreement.Max-want) > 1e-6 {
		t.Errorf("%d rows, at most %v apart; want %d, and %v", report.Rows, report.Agreement.Max, rows, want)
	}

	labels := filepath.Join(m.dir, "labels.csv")
	m.write("labels.csv", labelsOf(t, log, rows))
	s.models(0, []string{"compare", "spend@1", "spend@2", "--log", log, "--labels", labels}, "AUC", "log loss", "60 rows have a label, of which 30 are true")
	m.write("labels.csv", "log:request_id,label\n1,maybe\n")
	s.models(1, []string{"compare", "spend@1", "spend@2", "--log", log, "--labels", labels}, "neither true nor false")
	s.models(1, []string{"compare", "spend@1", "spend@9", "--log", log}, `model "spend" has no version 9`)
	s.models(2, []string{"compare", "spend", "spend@2", "--log", log}, "NAME@VERSION")
}

// labelsOf returns labels for the only request of a log; every other row is true.
func labelsOf(t *testing.T, log string, rows int) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(log, "spend", "*.parquet"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files %q, %v", names, err)
	}
	in, err := file.OpenParquetFile(names[0], false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	ids := table.Column(table.Schema().FieldIndices("log:request_id")[0]).Data().Chunk(0).(*array.String)
	text := &strings.Builder{}
	fmt.Fprintln(text, "log:request_id,log:row,label")
	for row := range rows {
		fmt.Fprintf(text, "%s,%d,%d\n", ids.Value(row), row, row%2)
	}
	return text.String()
}
