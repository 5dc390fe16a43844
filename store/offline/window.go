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

// errStopped is why a reading was cancelled whose visitor failed.
var errStopped = errors.New("the reader stopped")

// Window calls visit with the rows of a window, in batches and in no order, and
// with the bad rows met on the way. Each record is released after visit returns;
// a visitor that keeps it retains it. An error of visit ends the reading and is
// returned as it is.
func (s *Store) Window(ctx context.Context, view *schema.View, w schema.Window, visit func(arrow.Record, []schema.BadRow) error) error {
	var visited error
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		err, visited = b.read(ctx, conn, w, visit)
		return errors.Join(err, visited)
	})
	if visited != nil {
		return visited
	}
	return err
}

// read runs the query of a window. It tells failures of the reading from those
// of the visitor. However it ends, the query has ended by then.
func (b *binding) read(ctx context.Context, conn *pgconn.PgConn, w schema.Window, visit func(arrow.Record, []schema.BadRow) error) (err, visited error) {
	q := b.windowQuery(w)
	reading, stop := context.WithCancelCause(ctx)
	rows := conn.ExecParams(reading, q.sql, q.values, q.oids, formats, formats)
	defer func() {
		stop(errStopped) // else Close would read on to the end
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
			return nil, schema.Errorf(schema.Internal, "MALFORMED_VALUE", "source %q: column %q: bytes that are no %s",
				b.view.Origin.Name, b.columns[at].column, b.columns[at].pg.name)
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
		q := b.windowQuery(w)
		result := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+q.sql, q.values, q.oids, formats, nil).Read()
		if result.Err != nil {
			return result.Err
		}
		var plans []struct {
			Plan struct {
				Rows float64 `json:"Plan Rows"`
			}
		}
		if len(result.Rows) == 0 || json.Unmarshal(result.Rows[0][0], &plans) != nil || len(plans) == 0 {
			return fmt.Errorf("source %q: a plan that can't be read", view.Origin.Name)
		}
		rows = int64(plans[0].Plan.Rows)
		return nil
	})
	return rows, err
}
