package integration_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"larder/internal/pgtest"
)

// slowCouriers are couriers with a history that takes hours to read.
type slowCouriers struct {
	*server
	db *pgtest.DB
}

func newSlowCouriers(t *testing.T) *slowCouriers {
	t.Helper()
	s, db := newCouriers(t)
	if _, err := db.Pool.Exec(t.Context(), `CREATE VIEW slow AS SELECT courier_id, at, arrived, trips, rating, pg_sleep(0.01) IS NULL AS slept FROM couriers, generate_series(1, 1000000)`); err != nil {
		t.Fatal(err)
	}
	s.apply(definitionsFolder(t, strings.Replace(courierDefinitions, "table: couriers", "table: slow", 1)))
	return &slowCouriers{s, db}
}

// queries returns how many queries of the history are running.
func (s *slowCouriers) queries() (n int) {
	s.t.Helper()
	err := s.db.Pool.QueryRow(s.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%slow%'").Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *slowCouriers) underWay() {
	s.t.Helper()
	eventually(s.t, "a query under way", func() bool { return s.queries() > 0 })
}

// freed waits until no query is running and another set may start.
func (s *slowCouriers) freed() {
	s.t.Helper()
	eventually(s.t, "the end of the query", func() bool { return s.queries() == 0 })
	eventually(s.t, "a place for another set", func() bool {
		stream, err := flight.NewClientFromConn(s.conn, nil).DoExchange(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		_ = stream.CloseSend()
		_, err = stream.Recv()
		return status.Code(err) != codes.ResourceExhausted
	})
}

// TestFlightIsCancelled: when the client of a reading or a set goes away, its query
// ends and its slot is free again.
func TestFlightIsCancelled(t *testing.T) {
	s := newSlowCouriers(t)
	f := func(call func(context.Context) error) {
		t.Helper()
		for range 3 { // one more than may run at once
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- call(ctx) }()
			s.underWay()
			stop()
			if err := <-ended; err == nil {
				t.Error("a call that was cancelled ended as if it was done")
			}
			s.freed()
		}
	}
	f(func(ctx context.Context) error {
		stream, err := flight.NewClientFromConn(s.conn, nil).DoGet(ctx, &flight.Ticket{Ticket: []byte(`{"view": "stats"}`)})
		for err == nil {
			_, err = stream.Recv()
		}
		return err
	})
	f(func(ctx context.Context) error {
		_, err := s.exchange(ctx, courierSpine{}, 1, 1000)
		return err
	})
}

// TestInterruptedDataset: an interrupted command leaves no file either.
func TestInterruptedDataset(t *testing.T) {
	s := newSlowCouriers(t)
	dir := t.TempDir()
	spine := writeFile(t, dir, "spine.csv", "courier_id,event_time,km\n1,2026-01-01T12:00:00Z,1\n")
	cmd := exec.Command(larder, "dataset", "--service", "late", "--spine", spine, "--out", filepath.Join(dir, "out.parquet"), "--addr", s.grpc)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.underWay()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted command ended as if it was done")
	}
	s.freed()
	if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); len(left) > 0 {
		t.Errorf("%s was left behind", left)
	}
}
