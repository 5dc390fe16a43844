package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// errStopped is the cause when a read is cancelled because its visitor failed.
var errStopped = errors.New("the reader stopped")

// Window calls visit with the rows of a window, in batches and in any order, and with
// the bad rows among them. Each record is released after visit returns; a visitor that
// keeps it retains it. An error of visit ends the reading and is returned as it is.
func (s *Store) Window(ctx context.Context, view *schema.View, w schema.Window, visit func(arrow.Record, []schema.BadRow) error) error {
	var visited error
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		err, visited = b.read(ctx, conn, b.windowQuery(w), visit)
		return errors.Join(err, visited)
	})
	if visited != nil {
		return visited
	}
	return err
}

// Schema returns the columns of the records that Window returns for a view.
func (s *Store) Schema(ctx context.Context, view *schema.View) (*arrow.Schema, error) {
	var columns *arrow.Schema
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
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
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		rows, _, err = b.explain(ctx, conn, b.windowQuery(w))
		return err
	})
	return rows, err
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
