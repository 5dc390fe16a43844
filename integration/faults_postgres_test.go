//go:build linux

package integration_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// within runs a client command and fails the test if it takes longer than most.
func (s *server) within(most time.Duration, args ...string) (said string, code int) {
	s.t.Helper()
	began := time.Now()
	stdout, stderr, code := s.client(args...)
	took := time.Since(began)
	if took > most {
		s.t.Errorf("larder %s took %s, at most %s was allowed", strings.Join(args, " "), took, most)
	}
	s.t.Logf("larder %s: exit code %d after %s", strings.Join(args[:1], " "), code, took.Round(time.Millisecond))
	return stdout + stderr, code
}

// TestPostgresStopsWithoutClosing freezes all of Postgres's processes in the middle of a
// run: requests are answered, commands and the run end and say why, and SIGTERM ends the
// server.
func TestPostgresStopsWithoutClosing(t *testing.T) {
	t.Parallel() // it waits most of the time
	rows := runRows()
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), rows)
	s := startServer(t, cluster.DSN())
	s.apply(dir)
	s.mustMaterialize()
	id := s.startRun()
	s.awaitRows(id, 1)
	if err := cluster.Freeze(); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw := func() {
		if thawed {
			return
		}
		thawed = true
		if err := cluster.Thaw(); err != nil {
			t.Error(err)
		}
	}
	defer thaw()
	frozen := time.Now()
	const quick, bounded = 5 * time.Second, 40 * time.Second // of a slow machine
	if said, code := s.within(quick, "status"); code != 0 || !strings.Contains(said, "spend") {
		t.Errorf("status: exit code %d, %s", code, said)
	}
	if said, code := s.within(bounded, "models"); code != 0 { // from what the server knows
		t.Errorf("models: exit code %d, %s", code, said)
	}
	for _, args := range [][]string{{"apply", dir}, {"plan", dir}} {
		said, code := s.within(bounded, args...)
		if code != 1 || !strings.Contains(said, "Postgres") {
			t.Errorf("%s: exit code %d, %s", args[0], code, said)
		}
	}
	eventually(t, "end of the run", func() bool { return s.run(id).GetEndedAt() != 0 })
	if run := s.run(id); run.GetState() == larderv1.Run_STATE_FAILED && !strings.Contains(run.GetError(), "Postgres does not answer") {
		t.Errorf("the run says %q", run.GetError())
	}
	t.Logf("the run and the commands ended %s after Postgres stopped", time.Since(frozen).Round(time.Millisecond))
	said, code := s.within(quick, "status")
	if code != 1 || !strings.Contains(said, "Postgres does not answer") || !strings.Contains(said, "versions and runs are as of ") {
		t.Errorf("status says\n%s", said)
	}
	s.wantAmount(7)
	began := time.Now()
	code = s.terminate()
	if took := time.Since(began); code != 0 || took > 30*time.Second {
		t.Errorf("exit code %d, %s after SIGTERM", code, took)
	} else {
		t.Logf("it ended %s after SIGTERM", took.Round(time.Millisecond))
	}
	s.start() // Postgres is still stopped: it serves from its folder
	s.wantAmount(8)
	thaw()
	eventually(t, "Postgres again", func() bool {
		st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		return err == nil && st.GetPostgresError() == ""
	})
	s.mustMaterialize()
	s.wantAllAmounts(rows)
}

// never is a view over a source that never answers, with a limit, beside one that does.
const never = `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources:
  - {name: spend, table: spend, timestamp_field: event_time}
  - {name: never, query: "SELECT 1::bigint AS user_id, now() - interval '1 hour' AS event_time, 1.5::float8 AS n FROM pg_sleep(600)", timestamp_field: event_time}
feature_views:
  - {name: spend, entities: [user], source: spend, features: [{name: amount, type: float64}]}
  - {name: never, entities: [user], source: never, max_run: 3s, features: [{name: n, type: float64}]}
feature_services: [{name: spend, features: ["spend:*"]}]
`

// TestASourceThatNeverAnswers fails its own run at the view's limit, and no other.
func TestASourceThatNeverAnswers(t *testing.T) {
	t.Parallel() // it waits most of the time
	db := pgtest.New(t)
	spend(t, db.DSN, 100)
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, never))
	runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{})
	if err != nil || len(runs) != 2 {
		t.Fatalf("%v %v", runs, err)
	}
	for _, run := range runs {
		switch {
		case run.GetFeatureView() == "spend" && run.GetState() != larderv1.Run_STATE_SUCCEEDED:
			t.Errorf("the other view: %s %s", run.GetState(), run.GetError())
		case run.GetFeatureView() == "never" && (run.GetState() != larderv1.Run_STATE_FAILED || !strings.Contains(run.GetError(), `feature view "never": the run took longer than max_run, 3s`)):
			t.Errorf("the view: %s %s", run.GetState(), run.GetError())
		}
	}
	s.wantAmount(7)
}

// TestConnectionsAreTerminated runs while an administrator ends every connection again
// and again; then runs go on by themselves.
func TestConnectionsAreTerminated(t *testing.T) {
	t.Parallel() // it waits most of the time
	rows := runRows() / 10
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), rows)
	s := startServer(t, cluster.DSN())
	s.apply(dir)
	s.mustMaterialize()
	admin, err := pgx.Connect(t.Context(), cluster.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	for range 10 {
		id := s.startRun()
		for s.run(id).GetEndedAt() == 0 {
			if _, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"); err != nil {
				t.Fatal(err)
			}
		}
		if run := s.run(id); run.GetState() == larderv1.Run_STATE_FAILED && !strings.Contains(run.GetError(), "Postgres") {
			t.Errorf("the run says %q", run.GetError())
		}
		s.wantAmount(7)
	}
	eventually(t, "a run that succeeds", func() bool {
		runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{Full: true})
		return err == nil && runs[0].GetState() == larderv1.Run_STATE_SUCCEEDED
	})
	s.wantAllAmounts(rows)
}

// TestNoConnectionIsLeft: others hold all of Postgres's connections, also while the
// server starts.
func TestNoConnectionIsLeft(t *testing.T) {
	t.Parallel() // it waits most of the time
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), 100)
	s := startServer(t, cluster.DSN())
	s.apply(dir)
	s.mustMaterialize()
	held := holdAll(t, cluster.DSN())
	s.kill()
	held = append(held, holdAll(t, cluster.DSN())...)
	s.start() // no connection is left: it serves from its folder
	s.wantAmount(7)
	if said, code := s.within(10*time.Second, "status"); code != 1 || !strings.Contains(said, "spend") || !strings.Contains(said, "larder: Postgres doesn't answer") {
		t.Errorf("status: exit code %d, %s", code, said)
	}
	if said, code := s.within(40*time.Second, "apply", dir); code != 1 || !strings.Contains(said, "Postgres") {
		t.Errorf("apply: exit code %d, %s", code, said)
	}
	if said, code := s.within(40*time.Second, "materialize"); code != 1 || !strings.Contains(said, "Postgres") {
		t.Errorf("materialize: exit code %d, %s", code, said)
	}
	for _, c := range held {
		c.Close(t.Context())
	}
	eventually(t, "a run that succeeds", func() bool {
		runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{})
		return err == nil && runs[0].GetState() == larderv1.Run_STATE_SUCCEEDED
	})
}

// holdAll takes the connections that are left.
func holdAll(t *testing.T, dsn string) (held []*pgx.Conn) {
	t.Helper()
	for {
		c, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			return held
		}
		held = append(held, c)
	}
}
