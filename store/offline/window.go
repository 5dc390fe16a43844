package offline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
)

// errStopped is the cause when a read is cancelled because its visitor failed.
var errStopped = errors.New("the reader stopped")

// Window is [Store.Read] of a window that was chosen before.
func (s *Store) Window(ctx context.Context, view *schema.View, w schema.Window, visit func(arrow.Record, []schema.BadRow) error) error {
	wanted := true
	choose := func(int64) (schema.Window, bool, error) {
		once := wanted
		wanted = false
		return w, once, nil
	}
	return s.Read(ctx, view, choose, visit)
}

// Read takes a snapshot of a view's source, calls choose with Postgres's clock at that
// snapshot, in microseconds since 1970 UTC, and then calls visit with the rows of the
// window that choose returned, in batches and in any order, and with the bad rows among
// them. Then it calls choose again: another window is read from the same snapshot, until
// choose returns false. Each record is released after visit returns; a visitor that keeps
// it retains it. An error of choose or visit ends the reading and is returned as it is.
//
// Rows that are committed after the snapshot have later times than the clock that
// choose gets, unless their writers set earlier ones; see [schema.Source.LatenessMicros].
func (s *Store) Read(ctx context.Context, view *schema.View, choose func(now int64) (w schema.Window, wanted bool, err error),
	visit func(arrow.Record, []schema.BadRow) error,
) error {
	var visited error
	err := s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		now, err := clock(ctx, conn)
		if err != nil {
			return err
		}
		var b *binding
		for {
			w, wanted, err := choose(now)
			if err != nil || !wanted {
				visited = err
				return err
			}
			if b == nil {
				if b, err = bind(ctx, conn, view); err != nil {
					return err
				}
			}
			if err, visited = b.read(ctx, conn, b.windowQuery(w), visit); err != nil || visited != nil {
				return errors.Join(err, visited)
			}
		}
	})
	if visited != nil {
		return visited
	}
	return err
}

// clock returns Postgres's clock when the transaction began, in microseconds since
// 1970 UTC. The snapshot of the transaction is taken later.
func clock(ctx context.Context, conn *pgconn.PgConn) (int64, error) {
	result := conn.ExecParams(ctx, "SELECT now()", nil, nil, nil, formats).Read()
	if result.Err != nil {
		return 0, result.Err
	}
	if len(result.Rows) != 1 || len(result.Rows[0][0]) != 8 {
		return 0, errors.New("Postgres's clock can't be read")
	}
	return int64(binary.BigEndian.Uint64(result.Rows[0][0])) + postgresEpoch, nil
}

// Schema returns the columns of the records that Window returns for a view.
func (s *Store) Schema(ctx context.Context, view *schema.View) (*arrow.Schema, error) {
	var columns *arrow.Schema
	err := s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		columns = newBatch(b.columns, b.keys).schema
		return nil
	})
	return columns, err
}

// read runs a query. It separates errors of the read from errors of the visitor. In
// any case, the query has ended when read returns.
func (b *binding) read(ctx context.Context, conn *pgconn.PgConn, q *query, visit func(arrow.Record, []schema.BadRow) error) (err, visited error) {
	ctx, done := postgres.Trace(ctx, "read "+b.view.Origin.Name, q.sql)
	defer func() { done(err) }()
	reading, stop := context.WithCancelCause(ctx)
	rows := conn.ExecParams(reading, q.sql, q.values, q.oids, formats, formats)
	defer func() {
		stop(errStopped) // otherwise Close would read to the end
		_, _ = rows.Close()
	}()
	out := newBatch(b.columns, b.keys)
	flush := func() error {
		rec, bad := out.take()
		defer rec.Release()
		return visit(rec, bad)
	}
	for rows.NextRow() {
		if at := out.add(rows.Values()); at >= 0 {
			return b.malformed(at), nil
		}
		if !out.full() {
			continue
		}
		if visited = flush(); visited != nil {
			return nil, visited
		}
	}
	if _, err = rows.Close(); err != nil || out.empty() {
		return err, nil
	}
	return nil, flush()
}

// Estimate returns how many rows of a window the planner of Postgres expects.
func (s *Store) Estimate(ctx context.Context, view *schema.View, w schema.Window) (int64, error) {
	var rows int64
	err := s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		rows, _, err = b.explain(ctx, conn, b.windowQuery(w))
		return err
	})
	return rows, err
}

// HasLater reports whether a view's source has rows with an event time or ingest time
// after a time, in microseconds since 1970 UTC.
func (s *Store) HasLater(ctx context.Context, view *schema.View, after int64) (bool, error) {
	later := false
	err := s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		q := &query{}
		zone := b.zoneParam(q)
		event := bound{q: q, column: b.columns[b.event], zone: zone, location: b.location()}
		ingest := event
		ingest.column = b.columns[b.ingest]
		q.sql = "SELECT EXISTS (SELECT FROM " + fromClause(view.Origin) + "\nWHERE " + event.after(after) + " OR " + ingest.after(after) + ")"
		result := conn.ExecParams(ctx, q.sql, q.values, q.oids, formats, formats).Read()
		if result.Err == nil && len(result.Rows) == 1 {
			later = len(result.Rows[0][0]) == 1 && result.Rows[0][0][0] != 0
		}
		return result.Err
	})
	return later, err
}

// explain returns how many rows the planner of Postgres expects from a query, and its
// cost in the planner's units.
func (b *binding) explain(ctx context.Context, conn *pgconn.PgConn, q *query) (rows int64, cost float64, err error) {
	result := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+q.sql, q.values, q.oids, formats, nil).Read()
	if result.Err != nil {
		return 0, 0, result.Err
	}
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
			Cost float64 `json:"Total Cost"`
		}
	}
	if len(result.Rows) == 0 || json.Unmarshal(result.Rows[0][0], &plans) != nil || len(plans) == 0 {
		return 0, 0, fmt.Errorf("source %q: the query plan can't be read", b.view.Origin.Name)
	}
	return int64(plans[0].Plan.Rows), plans[0].Plan.Cost, nil
}
