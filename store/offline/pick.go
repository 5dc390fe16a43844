package offline

import (
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
)

// pagesOver is the number of rows above which whole pages of a table are sampled. A
// smaller table is sampled by row: it is read quickly, and has few pages.
const pagesOver = 1_000_000

// Sample calls visit with about the requested number of rows of a window, picked at
// random: rows of a table, or pages of a table with more than a million rows. A query
// or a view of Postgres can't be sampled: Sample then reads all its rows, in any
// order, and the visitor stops when it has enough.
func (s *Store) Sample(ctx context.Context, view *schema.View, w schema.Window, rows int, visit func(arrow.Record, []schema.BadRow) error) error {
	var visited error
	err := s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		q := b.windowQuery(w)
		total, _, err := b.explain(ctx, conn, q)
		if err != nil {
			return err
		}
		if share := float64(rows) / float64(max(total, 1)); share < 1 {
			stored, err := b.stored(ctx, conn)
			if err != nil {
				return err
			}
			if stored {
				q = b.sampleQuery(w, share, total > pagesOver)
			}
		}
		err, visited = b.read(ctx, conn, q, visit)
		return errors.Join(err, visited)
	})
	if visited != nil {
		return visited
	}
	return err
}

// stored reports whether the source is a table that can be sampled.
func (b *binding) stored(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	if b.view.Origin.Table == "" {
		return false, nil
	}
	said := conn.ExecParams(ctx, "SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p', 'm')",
		[][]byte{[]byte(tableName(b.view.Origin))}, []uint32{pgtype.TextOID}, nil, nil).Read()
	return len(said.Rows) > 0, said.Err
}

func (b *binding) sampleQuery(w schema.Window, share float64, pages bool) *query {
	q := &query{}
	zone := b.zoneParam(q)
	method := " TABLESAMPLE BERNOULLI ("
	if pages {
		method = " TABLESAMPLE SYSTEM ("
	}
	percent := q.param(pgtype.Float4OID, binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(share*100))))
	q.sql = "SELECT " + b.selected(zone) + "\nFROM " + fromClause(b.view.Origin) + method + percent + ")\nWHERE " + b.condition(q, zone, w)
	return q
}
