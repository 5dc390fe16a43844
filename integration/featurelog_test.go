package integration_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestFeatureLog: the log has the scores that were returned, a killed server leaves only
// complete files, and a log works as a spine.
func TestFeatureLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	log := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", log, "--feature-log-table")
	m.write("definitions.yaml", m.base+"models: [{name: spend, feature_service: spend, log: {rate: 1}, versions: [{version: 1, onnx: spend-1.onnx}]}]\n")
	s.apply(m.dir)
	s.mustMaterialize()
	answers := map[int64]float64{}
	score := func(users ...int64) {
		t.Helper()
		answer, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", RequestId: "again", Entities: []*larderv1.Column{int64Column("user_id", users...)}})
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range users {
			answers[u] = answer.GetScores()[i]
		}
	}
	score(1, 2, 3)
	score(7)
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	var logged int
	if err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.feature_log WHERE model = 'spend' AND role = 'serve'").Scan(&logged); err != nil || logged != 4 {
		t.Errorf("the table has %d rows (%v); want 4", logged, err)
	}
	names, err := filepath.Glob(filepath.Join(log, "spend", "1-1-*.parquet"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files %q, %v", names, err)
	}
	in, err := file.OpenParquetFile(names[0], false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rows, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := rows.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	column := func(name string) arrow.Array {
		t.Helper()
		at := table.Schema().FieldIndices(name)
		if len(at) != 1 {
			t.Fatalf("no column %s in %s", name, table.Schema())
		}
		return table.Column(at[0]).Data().Chunk(0)
	}
	users, scores := column("user_id").(*array.Int64), column("log:score").(*array.Float64)
	if users.Len() != 4 {
		t.Fatalf("%d rows", users.Len())
	}
	for i := range users.Len() {
		if got, want := scores.Value(i), answers[users.Value(i)]; math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("user %d: the log has score %v, and the answer had %v", users.Value(i), got, want)
		}
	}
	s.start()
	checked := func(command string, code int, want string) {
		t.Helper()
		stdout, stderr, got := s.client(command, "--log", log)
		if got != code || !strings.Contains(singleSpaced(stdout+stderr), want) {
			t.Errorf("%s: exit code %d\n%s%s\nwant %d with %s", command, got, stdout, stderr, code, want)
		}
	}
	checked("replay", 0, "spend 1 4 4 0")
	checked("skew", 0, "spend spend:amount 4 0 % 0 0 0")
	if stdout, _, code := s.client("replay", "--log", log, "--json"); code != 0 || !strings.Contains(singleSpaced(stdout), `"versions": [ { "model": "spend", "version": 1, "equal": 4, "different": 0 } ]`) {
		t.Errorf("replay --json: exit code %d\n%s", code, stdout)
	}
	if _, err := db.Pool.Exec(t.Context(), "UPDATE spend SET amount = amount + 1 WHERE user_id = 7; DELETE FROM spend WHERE user_id = 2"); err != nil {
		t.Fatal(err)
	}
	checked("skew", 1, "spend spend:amount 4 50 % 1 0 1 0.3333 0.04444")
	for command, want := range map[string]string{"replay": "spend 1 4 4 0", "skew": "spend spend:amount 4 50 % 1"} { // the server's own log
		stdout, stderr, _ := s.client(command)
		if !strings.Contains(singleSpaced(stdout), want) {
			t.Errorf("%s of the server's log:\n%s%s\nwant %s", command, stdout, stderr, want)
		}
	}
	score(4)
	s.kill()
	s.start()
	if left, _ := filepath.Glob(filepath.Join(log, "spend", "*")); len(left) != 1 || left[0] != names[0] {
		t.Errorf("after a kill and a start there are %q", left)
	}
	// Another model under the same number, and then none: the definitions of the log count.
	m.write("spend-1.onnx", m.file(2))
	s.apply(m.dir)
	checked("replay", 0, "spend 1 4 4 0")
	for _, command := range []string{"replay", "skew"} { // the table has the same rows
		stdout, stderr, code := s.client(command, "--table")
		if want := map[string]string{"replay": "spend 1 4 4 0", "skew": "spend spend:amount 4 50 % 1"}[command]; !strings.Contains(singleSpaced(stdout), want) {
			t.Errorf("%s --table: exit code %d\n%s%s\nwant %s", command, code, stdout, stderr, want)
		}
	}
	m.write("definitions.yaml", m.base)
	s.apply(m.dir)
	checked("replay", 0, "spend 1 4 4 0")
	checked("skew", 1, "spend spend:amount 4 50 % 1 0 1 0.3333 0.04444")
	if stdout, stderr, code := s.client("replay", "--log", t.TempDir()); code != 1 || !strings.Contains(stderr, "no feature log files in") {
		t.Errorf("replay of nothing: exit code %d, %s%s", code, stdout, stderr)
	}
	out := filepath.Join(t.TempDir(), "rebuilt.csv")
	if _, stderr, code := s.client("dataset", "--service", "spend", "--spine", names[0], "--event-time-column", "log:time", "--out", out); code != 0 || strings.Contains(stderr, "refused") {
		t.Errorf("the log as a spine: exit code %d, %s", code, stderr)
	}

	// The file of the logged version is lost: its rows are left out, and the report says so.
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if _, err := db.Pool.Exec(t.Context(), "DELETE FROM larder.model_chunks"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.data, "models")); err != nil {
		t.Fatal(err)
	}
	s.start()
	checked("replay", 1, "spend@1, definitions of version 1, 4 rows: model \"spend\" version 1: fetch the model file: model file")
	if stdout, stderr, code := s.client("replay"); code != 1 || !strings.Contains(stderr, "versions in the feature log are gone") {
		t.Errorf("replay of the server's log: exit code %d\n%s%s", code, stdout, stderr)
	}
	if stdout, _, code := s.client("replay", "--log", log, "--json"); code != 1 || !strings.Contains(singleSpaced(stdout), `"gone": [ { "model": "spend", "version": 1, "catalog_version": 1, "rows": 4, "cause":`) {
		t.Errorf("replay --json: exit code %d\n%s", code, stdout)
	}
}

// TestServersOwnTable: a server whose log is a table alone replays that.
func TestServersOwnTable(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN, "--feature-log-table")
	m.write("definitions.yaml", m.base+"models: [{name: spend, feature_service: spend, log: {rate: 1}, versions: [{version: 1, onnx: spend-1.onnx}]}]\n")
	s.apply(m.dir)
	s.mustMaterialize()
	for _, command := range []string{"replay", "skew"} {
		if stdout, stderr, code := s.client(command); code != 1 || !strings.Contains(stderr, "the feature log has no rows yet") {
			t.Errorf("%s of nothing: exit code %d, %s%s", command, code, stdout, stderr)
		}
	}
	if _, stderr, code := s.client("replay", "--model", "nobody"); code != 1 || !strings.Contains(stderr, `the feature log has no rows of model "nobody"`) {
		t.Errorf("replay of a model without rows: exit code %d, %s", code, stderr)
	}
	for range 3 {
		if _, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", 1, 2)}}); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]string{"replay": "spend 1 6 6 0", "skew": "spend spend:amount 6 0 %"} {
		if stdout, stderr, code := s.client(command); code != 0 || !strings.Contains(singleSpaced(stdout), want) {
			t.Errorf("%s: exit code %d\n%s%s\nwant %s", command, code, stdout, stderr, want)
		}
	}
}
