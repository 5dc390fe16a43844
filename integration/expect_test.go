package integration_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// expecting are the definitions of [spend] with what the view expects.
func expecting(onFailure string) string {
	return `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: spend, table: spend, timestamp_field: event_time}]
feature_views:
  - name: spend
    entities: [user]
    source: spend
    features: [{name: amount, type: float64}]
    expect:
      on_failure: ` + onFailure + `
      rows: {min: 10, max_change: 0.9}
      fresh_within: 2h
      features: [{name: amount, min: 0, max_null_share: 0}]
feature_services: [{name: spend, features: ["spend:*"]}]
`
}

// execute runs statements on a test's database.
func execute(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// watermark returns that of the one view.
func (s *server) watermark() int64 {
	s.t.Helper()
	st, err := s.control.GetStatus(context.Background(), &larderv1.GetStatusRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	return st.GetViews()[0].GetWatermark()
}

// TestExpectations: what a run does with rows that are not as expected, and where it says so.
func TestExpectations(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	spend(t, db.DSN, 100)
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, expecting("keep")))
	s.mustMaterialize()
	mark := s.watermark()
	const told = "features.amount.max_outside_share: 1 of 2 values are outside, and a share of at most 0 is expected"
	execute(t, db.DSN, "INSERT INTO spend VALUES (7, now(), -4242.5), (8, now(), 8)")

	// Keep: nothing of the run is seen.
	stdout, stderr, code := s.client("materialize")
	if want := "none of its rows is stored, and those of before stay: " + told; code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("keep: exit code %d\n%s%s", code, stdout, stderr)
	}
	s.wantAllAmounts(100)
	run := s.lastRun()
	if run.GetState() != larderv1.Run_STATE_FAILED || run.GetRowsRead() != 2 || run.GetRowsWritten() != 0 || s.watermark() != mark {
		t.Errorf("keep: %v", run)
	}
	stdout, stderr, code = s.client("status", run.GetId())
	for _, want := range []string{
		"MET EXPECTATION",
		"yes fresh_within: the newest event time is ",
		"no " + told,
		"yes features.amount.max_null_share: 0 of 2 rows are null, and a share of at most 0 is expected",
	} {
		if !strings.Contains(singleSpaced(stdout), want) || code != 1 {
			t.Errorf("larder status RUN, exit code %d: no %q in\n%s%s", code, want, stdout, stderr)
		}
	}

	// Fail: the watermark stays.
	s.apply(definitionsFolder(t, expecting("fail")))
	if _, stderr, code := s.client("materialize"); code != 1 || !strings.Contains(stderr, "some of its rows may be stored: "+told) || s.watermark() != mark {
		t.Errorf("fail: exit code %d\n%s", code, stderr)
	}

	// Warn: the rows are stored, and the run says what is wrong with them.
	s.apply(definitionsFolder(t, expecting("warn")))
	warning := `spend: the rows of source "spend" are not as expected: ` + told
	if stdout, stderr, code := s.client("materialize"); code != 0 || !strings.Contains(stdout, warning) {
		t.Errorf("warn: exit code %d\n%s%s", code, stdout, stderr)
	}
	if got, _, err := s.amount(t.Context(), 7); err != nil || got != -4242.5 {
		t.Errorf("warn: user 7 has %v, %v", got, err)
	}
	if stdout, _, code := s.client("status"); code != 0 || !strings.Contains(stdout, warning) {
		t.Errorf("larder status, exit code %d: no %q in\n%s", code, warning, stdout)
	}
	if s.watermark() == mark {
		t.Error("warn: the watermark stays")
	}

	if n := s.figure(`larder_materialize_expectations_failed_total{expectation="features.amount.max_outside_share",view="spend"}`); n != 3 {
		t.Errorf("the metric counts %v failures, not 3", n)
	}
	said := s.logText()
	for _, e := range s.lastRun().GetExpectations() {
		said += e.String()
	}
	if !strings.Contains(said, "a materialization is in doubt") || strings.Contains(said, "4242") {
		t.Errorf("the log and the run lack the warning, or have the value:\n%s", said)
	}
}

// lastRun returns the last run of the one view.
func (s *server) lastRun() *larderv1.Run {
	s.t.Helper()
	st, err := s.control.GetStatus(context.Background(), &larderv1.GetStatusRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	return st.GetViews()[0].GetLastRun()
}

// TestKillsWhileARunKeeps: a server that is killed while it counts or writes has stored
// nothing that is not as expected, and loses nothing that is.
func TestKillsWhileARunKeeps(t *testing.T) {
	rows := runRows() / 4
	db := pgtest.New(t)
	spend(t, db.DSN, rows)
	s := startServer(t, db.DSN, "--name", "here") // its runs are recorded by name
	s.apply(definitionsFolder(t, expecting("keep")))
	s.mustMaterialize()
	mark := s.watermark()
	eventually(t, "record of the run", func() bool {
		answer, err := s.control.GetDefinition(t.Context(), &larderv1.GetDefinitionRequest{Name: "spend", Kind: "feature view"})
		return err == nil && len(answer.GetRuns()) == 1 && answer.GetRuns()[0].GetState() == larderv1.Run_STATE_SUCCEEDED
	})
	execute(t, db.DSN, "INSERT INTO spend SELECT user_id, now(), amount + 0.5 FROM spend", "INSERT INTO spend VALUES (7, now(), -4242.5)")
	for _, after := range []int64{1, rows / 2, rows + 2} { // the last run ends
		id := s.startIncremental()
		s.awaitRows(id, after)
		s.kill()
		s.start()
		s.wantAllAmounts(rows)
		if s.watermark() != mark {
			t.Fatalf("after %d rows: the watermark moved", after)
		}
	}

	// The number of rows is compared with that of a run before the kills.
	stdout, stderr, code := s.client("materialize", "--full")
	if want := fmt.Sprintf("rows.max_change: %d rows after %d the last time, and a change by at most 0.9 of these is expected", 2*rows+1, rows); code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
	}
	s.wantAllAmounts(rows)

	execute(t, db.DSN, "DELETE FROM spend WHERE amount < 0")
	id := s.startIncremental()
	eventually(t, "rows that are written", func() bool { r := s.run(id); return r.GetRowsWritten() > 0 || r.GetEndedAt() != 0 })
	s.kill()
	s.start()
	s.mustMaterialize()
	for user := int64(1); user <= rows; user += rows / 100 {
		if got, _, err := s.amount(t.Context(), user); err != nil || got != float64(user)+0.5 {
			t.Fatalf("user %d: %v %v", user, got, err)
		}
	}
}

// startIncremental starts a run from the watermark and returns its id.
func (s *server) startIncremental() string {
	s.t.Helper()
	runs, err := s.materialize(context.Background(), &larderv1.MaterializeRequest{NoWait: true})
	if err != nil || len(runs) != 1 {
		s.t.Fatalf("start a run: %v %v", runs, err)
	}
	return runs[0].GetId()
}
