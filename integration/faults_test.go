package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// eventually calls ask until it returns true, and fails the test after a minute.
func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-deadline:
			t.Fatalf("after a minute: no %s", what)
		case <-tick.C:
		}
	}
}

// spend is a view of one feature over a table of n rows: user i spent i.
func spend(t testing.TB, dsn string, n int64) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`CREATE TABLE spend AS SELECT i::bigint AS user_id, now() - interval '1 hour' AS event_time, i::float8 AS amount
		FROM generate_series(1, %d) AS i`, n))
	if err != nil {
		t.Fatal(err)
	}
	return definitionsFolder(t, `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: spend, table: spend, timestamp_field: event_time}]
feature_views: [{name: spend, entities: [user], source: spend, features: [{name: amount, type: float64}]}]
feature_services: [{name: spend, features: ["spend:*"]}]
`)
}

// amount reads the feature of a user.
func (s *server) amount(ctx context.Context, user int64) (float64, larderv1.Status, error) {
	answer, err := s.serving.GetFeatures(ctx, &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "spend"},
		Entities: []*larderv1.Column{int64Column("user_id", user)},
	})
	if err != nil {
		return 0, 0, err
	}
	f := answer.GetFeatures()[0]
	return f.GetDoubles().GetValues()[0], f.GetStatuses()[0], nil
}

func (s *server) wantAmount(user int64) {
	s.t.Helper()
	got, st, err := s.amount(context.Background(), user)
	if err != nil || st != larderv1.Status_STATUS_PRESENT || got != float64(user) {
		s.t.Errorf("user %d: %v %s %v", user, got, st, err)
	}
}

func TestPostgresStopsAndStartsWhileServing(t *testing.T) {
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), 100)
	s := startServer(t, cluster.DSN())
	s.apply(dir)
	s.mustMaterialize()
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	s.wantAmount(7)
	eventually(t, "word in the status that Postgres is gone", func() bool {
		st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		return err == nil && strings.HasPrefix(st.GetPostgresError(), "Postgres can't be reached; check that it runs")
	})
	runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{})
	if err != nil || runs[0].GetState() != larderv1.Run_STATE_FAILED || !strings.Contains(runs[0].GetError(), "Postgres") {
		t.Errorf("a run without Postgres: %v %v", runs, err)
	}
	if _, stderr, code := s.client("apply", dir); code != 1 || !strings.Contains(stderr, "can't be reached; try again") {
		t.Errorf("an apply without Postgres: exit code %d, %s", code, stderr)
	}
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.start() // from the catalog in its data folder
	s.wantAmount(8)
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Postgres again", func() bool {
		st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		return err == nil && st.GetPostgresError() == "" && st.GetRegistryVersion() == 1
	})
	s.mustMaterialize()
	s.wantAmount(9)
}

func TestPostgresStopsWhileMaterializing(t *testing.T) {
	rows := runRows()
	cluster := pgtest.Cluster(t)
	dir := spend(t, cluster.DSN(), rows)
	s := startServer(t, cluster.DSN())
	s.apply(dir)
	id := s.startRun()
	s.awaitRows(id, 1)
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the run", func() bool { return s.run(id).GetEndedAt() != 0 })
	if run := s.run(id); run.GetState() != larderv1.Run_STATE_SUCCEEDED { // it may have been faster
		if run.GetState() != larderv1.Run_STATE_FAILED || run.GetError() == "" {
			t.Errorf("the run ended as %s, %q", run.GetState(), run.GetError())
		}
		if st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{}); err != nil || st.GetViews()[0].GetWatermark() != 0 {
			t.Errorf("a failed window moved the watermark: %v %v", st, err)
		}
	}
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mustMaterialize()
	s.wantAllAmounts(rows)
}

func TestKillInTheMiddleOfAWindow(t *testing.T) {
	rows := runRows()
	db := pgtest.New(t)
	dir := spend(t, db.DSN, rows)
	s := startServer(t, db.DSN)
	s.apply(dir)
	for _, after := range []int64{1, rows / 10, rows / 3} {
		s.awaitRows(s.startRun(), after)
		s.kill()
		s.start()
	}
	s.mustMaterialize()
	s.wantAllAmounts(rows)
}

func TestRunIsCancelled(t *testing.T) {
	rows := runRows()
	db := pgtest.New(t)
	dir := spend(t, db.DSN, rows)
	s := startServer(t, db.DSN)
	s.apply(dir)
	id := s.startRun()
	s.awaitRows(id, 1)
	if stdout, stderr, code := s.client("materialize", "--cancel", id); code != 0 || !strings.Contains(stdout, "cancelled") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code := s.client("materialize", "--cancel", id); code != 1 || !strings.Contains(stderr, "has already ended (cancelled)") {
		t.Errorf("a run that was cancelled: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := s.client("materialize", "--cancel", "nobody"); code != 1 || !strings.Contains(stderr, `no run "nobody"`) {
		t.Errorf("a run that never was: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := s.client("materialize", "spend", "--cancel", id); code != 2 || !strings.Contains(stderr, "takes the id of a run; leave out the feature views") {
		t.Errorf("a run and a view: exit code %d, %s", code, stderr)
	}
	if st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{}); err != nil || st.GetViews()[0].GetWatermark() != 0 {
		t.Errorf("a cancelled run moved the watermark: %v %v", st, err)
	}
	s.mustMaterialize()
	s.wantAllAmounts(rows)
}

// wantAllAmounts checks the number of rows and a sample of them.
func (s *server) wantAllAmounts(rows int64) {
	s.t.Helper()
	st, err := s.control.GetStatus(context.Background(), &larderv1.GetStatusRequest{})
	if err != nil || st.GetViews()[0].GetRows() != rows {
		s.t.Errorf("status: %v %v; want %d rows", st, err, rows)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		s.wantAmount(1 + random.Int64N(rows))
	}
	if _, got, err := s.amount(context.Background(), rows+1); err != nil || got != larderv1.Status_STATUS_NOT_FOUND {
		s.t.Errorf("a user who is not there: %s %v", got, err)
	}
}

// startRun starts a full run and returns its id.
func (s *server) startRun() string {
	s.t.Helper()
	runs, err := s.materialize(context.Background(), &larderv1.MaterializeRequest{Full: true, NoWait: true})
	if err != nil || len(runs) != 1 {
		s.t.Fatalf("start a run: %v %v", runs, err)
	}
	return runs[0].GetId()
}

func (s *server) run(id string) *larderv1.Run {
	s.t.Helper()
	answer, err := s.control.GetRun(context.Background(), &larderv1.GetRunRequest{Id: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetRun()
}

// runRows is the number of rows for which a run takes a second or more, so that a test
// can interrupt it.
func runRows() int64 {
	if raceEnabled {
		return 250_000
	}
	return 1_000_000
}

// awaitRows waits until a run has read at least n rows or has ended.
func (s *server) awaitRows(id string, rows int64) {
	s.t.Helper()
	eventually(s.t, "progress", func() bool {
		run := s.run(id)
		return run.GetRowsRead() >= rows || run.GetEndedAt() != 0
	})
}

func (s *server) mustMaterialize() {
	s.t.Helper()
	runs, err := s.materialize(context.Background(), &larderv1.MaterializeRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range runs {
		if r.GetState() != larderv1.Run_STATE_SUCCEEDED {
			s.t.Fatalf("materialize %s: %s %s", r.GetFeatureView(), r.GetState(), r.GetError())
		}
	}
}

func TestSIGTERMUnderLoad(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, 100))
	s.mustMaterialize()
	answered, stop := make(chan int64), make(chan struct{})
	errs := make(chan error, 1)
	go func() {
		var n int64
		for {
			select {
			case <-stop:
				answered <- n
				return
			default:
			}
			if _, _, err := s.amount(context.Background(), 1+n%100); err == nil {
				n++
			} else if status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
				select {
				case errs <- err:
				default:
				}
			}
		}
	}()
	s.wantAmount(1)
	code := s.terminate()
	close(stop)
	n := <-answered
	if code != 0 || n == 0 {
		t.Errorf("exit code %d after %d answers", code, n)
	}
	select {
	case err := <-errs:
		t.Errorf("a request failed while the server drained: %v", err)
	default:
	}
}
