package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// Check checks that the source of a view can be read as declared: its table or query
// exists and has the columns, and their types convert. It returns all faults in one
// error of kind Invalid, each with a type that would fit. The notes tell of what can be
// read but is probably a mistake.
func (s *Store) Check(ctx context.Context, view *schema.View) (notes []string, err error) {
	err = s.snapshot(ctx, view, func(ctx context.Context, conn *pgconn.PgConn) error {
		b, err := bind(ctx, conn, view)
		if err != nil {
			return err
		}
		if err := b.try(ctx, conn); err != nil {
			return err
		}
		notes, err = b.notes(ctx, conn)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == undefinedTable || pg.Code == undefinedSchema) && view.Origin.Table != "" {
		return nil, sourceError(ctx, view, s.noTable(ctx, view))
	}
	return notes, err
}

// try makes Postgres plan the query of a window and evaluate its zone.
func (b *binding) try(ctx context.Context, conn *pgconn.PgConn) error {
	w := schema.Window{Mode: schema.Incremental, From: 0, To: 1, Now: 1}
	q := b.windowQuery(w)
	return conn.ExecParams(ctx, "EXPLAIN "+q.sql, q.values, q.oids, formats, nil).Read().Err
}

// readsClock finds the functions of SQL that return the current time.
var readsClock = regexp.MustCompile(`(?i)\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(\)|\b(CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIMESTAMP)\b`)

// A planNode is a node of a plan of Postgres.
type planNode struct {
	Output []string
	Plans  []planNode
}

// clock returns the function by which the node's output depends on the current time;
// empty when there is none. Postgres has dropped the columns that aren't used.
func (n *planNode) clock() string {
	for _, output := range n.Output {
		if found := readsClock.FindString(output); found != "" {
			return found
		}
	}
	for i := range n.Plans {
		if found := n.Plans[i].clock(); found != "" {
			return found
		}
	}
	return ""
}

// notes tells whether the query of a source computes the event time from the clock.
func (b *binding) notes(ctx context.Context, conn *pgconn.PgConn) ([]string, error) {
	origin := b.view.Origin
	sql := "EXPLAIN (VERBOSE, FORMAT JSON) SELECT source." + quote(origin.TimestampField) + " FROM " + fromClause(origin)
	result := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	var plans []struct{ Plan planNode }
	if len(result.Rows) == 0 || json.Unmarshal(result.Rows[0][0], &plans) != nil || len(plans) == 0 {
		return nil, nil // a plan of an unknown form: there is nothing to tell
	}
	clock := plans[0].Plan.clock()
	if clock == "" {
		return nil, nil
	}
	return []string{fmt.Sprintf("feature view %q: source %q: the event time is computed with %s, so each read dates every row anew, and no row was visible in the past: training sets get none; "+
		"select the time at which the fact became true", b.view.Name, origin.Name, clock)}, nil
}

// tablesQuery lists the tables that the role may read, as definitions write them, and their
// schemas.
const tablesQuery = `
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END, n.nspname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$|larder$)'
	AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
LIMIT 10000`

func (s *Store) noTable(ctx context.Context, view *schema.View) error {
	var tables []string
	err := s.transaction(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := s.as(ctx, conn, view.Origin); err != nil {
			return err
		}
		result := conn.ExecParams(ctx, tablesQuery, nil, nil, nil, nil).Read()
		for _, row := range result.Rows {
			if s.allows(string(row[1])) {
				tables = append(tables, string(row[0]))
			}
		}
		return result.Err
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	return schema.BadSource.Errorf("source %q: no table %s; %s",
		view.Origin.Name, view.Origin.Table, schema.Nearest(view.Origin.Table, tables))
}
