package offline

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// Check checks that the source of a view can be read as declared: its table or query
// exists and has the columns, and their types convert. It returns all faults in one
// error of kind Invalid, each with a type that would fit.
func (s *Store) Check(ctx context.Context, view *schema.View) error {
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		return b.try(ctx, conn)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == undefinedTable || pg.Code == undefinedSchema) && view.Origin.Table != "" {
		return s.noTable(ctx, view)
	}
	return err
}

// try makes Postgres plan the query of a window and evaluate its zone.
func (b *binding) try(ctx context.Context, conn *pgconn.PgConn) error {
	w := schema.Window{Mode: schema.Incremental, From: 0, To: 1, Now: 1}
	q := b.windowQuery(w)
	return conn.ExecParams(ctx, "EXPLAIN "+q.sql, q.values, q.oids, formats, nil).Read().Err
}

// tablesQuery lists the tables that a source may name, as definitions write them.
const tablesQuery = `
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
LIMIT 10000`

func (s *Store) noTable(ctx context.Context, view *schema.View) error {
	var tables []string
	err := s.snapshot(ctx, view, func(conn *pgconn.PgConn) error {
		result := conn.ExecParams(ctx, tablesQuery, nil, nil, nil, nil).Read()
		for _, row := range result.Rows {
			tables = append(tables, string(row[0]))
		}
		return result.Err
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	return schema.BadSource.Errorf("source %q: no table %s; %s",
		view.Origin.Name, view.Origin.Table, schema.Nearest(view.Origin.Table, tables))
}
