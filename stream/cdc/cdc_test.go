package cdc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/pgdev"
	"larder/schema"
	"larder/stream/cdc"
	"larder/stream/source"
)

// The cluster of all tests but those that stop theirs.
var shared *pgdev.Cluster

func TestMain(m *testing.M) {
	c, err := startCluster(true)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = c
	code := m.Run()
	if err := errors.Join(c.Stop(), os.RemoveAll(c.Dir())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func startCluster(logical bool) (*pgdev.Cluster, error) {
	dir, err := os.MkdirTemp("", "larder-cdc-*")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the user whom Postgres runs as enters it
		return nil, err
	}
	return pgdev.Start(context.Background(), pgdev.Options{Dir: dir, Fast: true, Logical: logical})
}

// newCluster starts one that the test may treat badly.
func newCluster(t *testing.T, logical bool) *pgdev.Cluster {
	t.Helper()
	c, err := startCluster(logical)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Stop(), os.RemoveAll(c.Dir())); err != nil {
			t.Error(err)
		}
	})
	return c
}

var benches atomic.Int64

// A bench is a table of Postgres, and what a test needs around it.
type bench struct {
	t      *testing.T
	ctx    context.Context
	dsn    string
	pool   *pgxpool.Pool
	table  string
	slot   string
	stream schema.Stream
}

func newBench(t *testing.T, c *pgdev.Cluster) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	pool, err := pgxpool.New(ctx, c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	n := benches.Add(1)
	b := &bench{t: t, ctx: ctx, dsn: c.DSN(), pool: pool, table: fmt.Sprintf("public.t%d", n), slot: fmt.Sprintf("larder_s%d", n)}
	b.stream = schema.Stream{
		Name: fmt.Sprintf("s%d", n), EventID: "id", Fields: []schema.StreamField{{Name: "id", Type: schema.Int64}},
		PostgresCDC: &schema.CDCSource{Table: b.table},
	}
	t.Cleanup(func() {
		defer pool.Close()
		// Postgres notices a moment later that the source has gone.
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		const sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
		for {
			_, err := pool.Exec(ctx, sql, b.slot)
			if err == nil {
				return
			}
			if ctx.Err() != nil {
				t.Errorf("drop the slot: %v", err)
				return
			}
		}
	})
	return b
}

// newTable makes the usual table: id, note.
func newTable(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, shared)
	b.exec("CREATE TABLE TABLE_ (id bigint PRIMARY KEY, note text)")
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY FULL")
	return b
}

// exec runs statements; TABLE_ is the bench's table.
func (b *bench) exec(sql string) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.ctx, strings.ReplaceAll(sql, "TABLE_", b.table)); err != nil {
		b.t.Fatal(err)
	}
}

// A reader is a source and what it has given so far: a log.
type reader struct {
	*cdc.Source
	b        *bench
	values   []string // "-" before those that are deleted
	position []source.Position
	batches  []source.Batch
}

func (b *bench) open(from []source.Position) (*reader, error) {
	s, err := cdc.Open(b.ctx, &b.stream, from, cdc.Options{DSN: b.dsn, Confirm: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { s.Close() })
	return &reader{Source: s, b: b, position: from}, nil
}

func (b *bench) mustOpen(from []source.Position) *reader {
	b.t.Helper()
	r, err := b.open(from)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// step fetches one batch into the log.
func (r *reader) step() error {
	batch, err := r.Fetch(r.b.ctx)
	if err != nil {
		return err
	}
	r.batches = append(r.batches, batch)
	for _, m := range batch.Messages {
		value := string(m.Value)
		if m.Deleted {
			value = "-" + value
		}
		r.values = append(r.values, value)
	}
	if len(batch.Positions) > 0 {
		r.position = batch.Positions
	}
	return r.Acknowledge(r.b.ctx, batch)
}

// reads fetches until n messages and a position that is theirs are in the log.
func (r *reader) reads(n int) {
	r.b.t.Helper()
	for len(r.values) < n || len(r.batches) == 0 || len(r.batches[len(r.batches)-1].Positions) == 0 {
		if err := r.step(); err != nil {
			r.b.t.Fatal(err)
		}
	}
}

func (r *reader) holds(want ...string) {
	r.b.t.Helper()
	if diff := cmp.Diff(want, r.values); diff != "" {
		r.b.t.Fatalf("(-want +got):\n%s", diff)
	}
}

// fails fetches until an error comes.
func (r *reader) fails() error {
	r.b.t.Helper()
	for {
		if err := r.step(); err != nil {
			if r.b.ctx.Err() != nil {
				r.b.t.Fatal(err)
			}
			return err
		}
	}
}

// reopen opens the source again, as its caller does after an error, and keeps the log.
func (r *reader) reopen() *reader {
	r.b.t.Helper()
	r.Close()
	for {
		again, err := r.b.open(r.position)
		if err == nil {
			again.values = r.values
			return again
		}
		stopped, lost := &source.Stopped{}, &source.Lost{}
		if errors.As(err, &stopped) || errors.As(err, &lost) || r.b.ctx.Err() != nil {
			r.b.t.Fatal(err)
		}
	}
}

// lost fails unless err is a loss with these words.
func (b *bench) lost(err error, words string) {
	b.t.Helper()
	var loss *source.Lost
	if !errors.As(err, &loss) {
		b.t.Fatalf("got %v, want a *source.Lost", err)
	}
	if !strings.Contains(loss.Why, words) || !strings.Contains(loss.Why, b.table) || !strings.Contains(loss.Why, "larder stream seek") {
		b.t.Fatalf("the loss is %q, want %q in it, the table and the remedy", loss.Why, words)
	}
}

func (b *bench) stops(err error, words string) {
	b.t.Helper()
	var stopped *source.Stopped
	if !errors.As(err, &stopped) || !strings.Contains(stopped.Why, words) {
		b.t.Fatalf("got %v, want a *source.Stopped with %q", err, words)
	}
}

// confirmed returns what Postgres was told.
func (b *bench) confirmed() int64 {
	b.t.Helper()
	var lsn int64
	err := b.pool.QueryRow(b.ctx, "SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::bigint FROM pg_replication_slots WHERE slot_name = $1", b.slot).Scan(&lsn)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		b.t.Fatal(err)
	}
	return lsn
}
