package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// judged writes definitions with labels. Versions 1 and 2 split the users and have
// scores of opposite signs; version 3 is a shadow.
func (m *scored) judged(labels string) {
	m.t.Helper()
	m.ramped()
	m.write("spend-3.onnx", m.file(1)) // under another number
	m.write("definitions.yaml", m.base+fmt.Sprintf(`
  - {name: outcomes, table: outcomes, timestamp_field: known_at, created_timestamp_column: written_at, deleted_column: withdrawn}
models:
  - name: spend
    feature_service: spend
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}, {version: 3, onnx: spend-3.onnx}]
    log: {rate: 1}
    traffic: [{version: 1, weight: 50}, {version: 2, weight: 50}]
    split_by: user_id
    shadow: [3]
    labels: {source: outcomes, %s, label: {name: fraud, type: bool}, values: [{name: loss, type: float64}], schedule: 1m}
`, labels))
}

// experiment runs the command.
func (s *server) experiment(code int, args ...string) string {
	s.t.Helper()
	stdout, stderr, got := s.client(append([]string{"experiment"}, args...)...)
	if got != code {
		s.t.Errorf("experiment %q: exit code %d; want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout + stderr
}

func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s\nwant %s", text, w)
		}
	}
}

// TestExperiment: two servers answer, a shadow scores too, and labels arrive later. Each
// server reports the same verdict from the log's table, with labels found by request or
// by keys. A server that logs only to a folder reports only what it answered itself.
func TestExperiment(t *testing.T) {
	t.Parallel()
	const users = 1600
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(fmt.Sprintf("INSERT INTO spend SELECT i, now() - interval '1 hour', i FROM generate_series(101, %d) AS i", users))
	exec("CREATE TABLE outcomes (request_id text, n int, user_id bigint, known_at timestamptz, written_at timestamptz, withdrawn bool, fraud bool, loss float8)")
	m.base = strings.Replace(m.base, "sources: [{name: spend, table: spend, timestamp_field: event_time}]", "", 1)
	m.base = strings.TrimRight(m.base, "\n") + "\nsources:\n  - {name: spend, table: spend, timestamp_field: event_time}"

	m.judged("request_id: request, row: n")
	a := startServer(t, db.DSN, "--feature-log-table")
	if _, stderr, code := a.client("apply", m.dir); code != 1 || !strings.Contains(stderr, `no column "request"`) {
		t.Errorf("labels of another column: exit code %d, %s", code, stderr)
	}
	m.judged("request_id: request_id, row: n")
	a.apply(m.dir)
	a.mustMaterialize()
	files := t.TempDir()
	b := startServer(t, db.DSN, "--feature-log-table", "--feature-log", files)
	eventually(t, "first catalog on the other server", func() bool { return b.catalogVersion() == 1 })
	b.mustMaterialize()

	const rows = 100
	for first := int64(1); first <= users; first += rows {
		ids := make([]int64, rows)
		for i := range ids {
			ids[i] = first + int64(i)
		}
		s := []*server{a, b}[first/rows%2]
		req := &larderv1.GetFeaturesAndScoreRequest{Model: "spend", RequestId: fmt.Sprint("order ", first), Entities: []*larderv1.Column{int64Column("user_id", ids...)}}
		got, err := s.serving.GetFeaturesAndScore(t.Context(), req)
		if err != nil || got.GetRequestId() != req.GetRequestId() {
			t.Fatalf("request %q: %v", got.GetRequestId(), err)
		}
	}
	eventually(t, "scores of the shadow", func() bool {
		var n int
		err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.feature_log WHERE role = 'shadow'").Scan(&n)
		return err == nil && n == users
	})
	wantWords(t, a.experiment(0, "spend"), "version 2 can't be compared yet", "0 labels were read")

	// The more a user spends, the more often it is fraud. One label is deleted, one is
	// corrected, and one matches no logged row.
	exec(fmt.Sprintf(`INSERT INTO outcomes SELECT 'order ' || (i - (i - 1) %% %d), (i - 1) %% %[1]d, i, now(), now(), false, i * 7919 %% 1000 < i / 2, i / 10.0 FROM generate_series(1, %d) AS i`, rows, users))
	exec(`INSERT INTO outcomes SELECT request_id, n, user_id, known_at, written_at + interval '1 microsecond', user_id = 1, NOT fraud, loss FROM outcomes WHERE user_id IN (1, 2)`)
	exec(`INSERT INTO outcomes VALUES ('nobody', 0, 9999, now(), now(), false, true, 1), (NULL, 0, NULL, now(), now(), false, true, 1)`)
	text := b.experiment(0, "spend")
	wantWords(t, text, "model spend by AUC", "a unit is one user_id; 1,603 labels were read, 1 of them match no logged row", "skipped 1 rows of source \"outcomes\" that are not labels; the first has null_key",
		"shares of the units: as expected", "version 2 is worse than version 1: auc is lower by 0.5", "version 3 and version 1 have exactly the same auc")
	if again := a.experiment(0, "spend"); sansTime(again) != sansTime(text) {
		t.Errorf("one server says\n%s\nanother\n%s", text, again)
	}
	first := b.report(t, "spend", "--metric", "mean:loss")
	labelled := int64(0)
	for _, v := range first.GetVersions()[:2] {
		labelled += v.GetLabelled()
	}
	if shadow := first.GetVersions()[2]; labelled != users-1 || shadow.GetLabelled() != users-1 || shadow.GetRole() != "shadow" || !shadow.GetPaired() && shadow.GetDifference() != nil {
		t.Errorf("%d rows with labels; the shadow: %v", labelled, shadow)
	}
	wantWords(t, a.experiment(1, "spend", "--metric", "f1"), `no metric "f1"; choose one of auc, log_loss`)
	wantWords(t, a.experiment(1, "spend", "--control", "3"), "version 3 is not in the traffic")
	wantWords(t, a.experiment(1, "spned"), `no model "spned"; did you mean "spend"?`)

	// The labels of the definition serve models compare too, on the rows that b logged.
	compared := func() {
		t.Helper()
		b.models(0, []string{"compare", "spend@1", "spend@3", "--log", files}, "on 800 logged rows", "AUC", "800 rows have a label, of which 3", "+0 (0 to 0)")
	}
	compared()
	m.judged("keys: [user_id], within: 1h")
	a.apply(m.dir)
	eventually(t, "the other catalog", func() bool { return b.catalogVersion() == 2 })
	compared()
	byKeys := a.experiment(0, "spend")
	if cut := verdicts(text); verdicts(byKeys) != cut {
		t.Errorf("by keys\n%s\nby request\n%s", byKeys, text)
	}
	c := startServer(t, db.DSN, "--feature-log-table") // it updates its metrics at once
	eventually(t, "figures as metrics", func() bool {
		text := c.httpText("/metrics")
		return strings.Contains(text, `larder_experiment_labelled_rows{model="spend",role="shadow",version="3"} 1599`) &&
			strings.Contains(text, `larder_experiment_figure{metric="auc",model="spend",role="control",version="1"} 0.`)
	})
	folder := startServer(t, db.DSN, "--feature-log", t.TempDir())
	wantWords(t, folder.experiment(0, "spend"), "the control scored no rows")
	exec("UPDATE outcomes SET withdrawn = true")
	wantWords(t, a.experiment(0, "spend"), "can't be compared yet")
}

// verdicts returns the lines of a report after its table.
func verdicts(report string) string {
	_, after, _ := strings.Cut(report, "\n\nversion")
	return after
}

// sansTime removes the first line of a report, which has the time.
func sansTime(report string) string {
	_, after, _ := strings.Cut(report, "\n")
	return after
}

func (s *server) report(t *testing.T, args ...string) *larderv1.ExperimentReport {
	t.Helper()
	raw := s.experiment(0, append(args, "--json")...)
	var fields map[string]any
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	for _, name := range []string{"since", "until"} { // not what protobuf's JSON has
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(fields[name])); err != nil {
			t.Errorf("%s is no RFC 3339 time: %v", name, err)
		}
		delete(fields, name)
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	out := new(larderv1.ExperimentReport)
	if err := protojson.Unmarshal(rest, out); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return out
}
