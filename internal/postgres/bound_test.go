//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/pgdev"
	"larder/internal/postgres"
)

// cluster is a Postgres of the test's own.
func cluster(t *testing.T) *pgdev.Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "larder-*") // Postgres, as another user, can't enter the test's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c, err := pgdev.Start(t.Context(), pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(c.Dir())
	})
	return c
}

// quick is a silence that a query of these tests outlasts.
const quick = 300 * time.Millisecond

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	postgres.BoundAfter(config, quick)
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// TestALongQueryIsWaitedFor: it is silent, and Postgres answers others, be it with a
// refusal.
func TestALongQueryIsWaitedFor(t *testing.T) {
	c := connect(t, cluster(t).DSN())
	var n int
	if err := c.QueryRow(t.Context(), "SELECT 7 FROM pg_sleep(2)").Scan(&n); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.Exec(t.Context(), "ALTER USER larder PASSWORD 'another'"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "SELECT pg_sleep(1)"); err != nil {
		t.Errorf("nobody is let in: %v", err)
	}
	// The deadlines of calls hold as before, and the connection's next user has its own.
	ctx, cancel := context.WithTimeout(t.Context(), 2*quick)
	defer cancel()
	began := time.Now()
	_, err := c.Exec(ctx, "SELECT pg_sleep(60)")
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 10*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

// TestAFrozenPostgresIsNoticed in a query, in a pool and by a new connection.
func TestAFrozenPostgresIsNoticed(t *testing.T) {
	cluster := cluster(t)
	c := connect(t, cluster.DSN())
	config, err := pgxpool.ParseConfig(cluster.DSN())
	if err != nil {
		t.Fatal(err)
	}
	postgres.BoundPool(config)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Freeze(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Thaw(); err != nil {
			t.Error(err)
		}
	}()
	began := time.Now()
	if err := c.PgConn().Exec(t.Context(), "SELECT 1").Close(); !errors.Is(err, postgres.ErrSilent) {
		t.Errorf("a query: %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a query failed after %s", took)
	}
	began = time.Now()
	if err := pool.Ping(t.Context()); err == nil {
		t.Error("a frozen Postgres answers")
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the pool failed after %s", took)
	}
	began = time.Now()
	postgres.Close(pool)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the pool was closed after %s", took)
	}
}
