package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// locksQuery lists the relations that this transaction has locked: their schema and name,
// and whether the current role may read any of it. It calls functions only, so it locks
// nothing itself.
const locksQuery = `
SELECT DISTINCT named.parts[1], array_to_string(named.parts, '.'), has_any_column_privilege(held.relation, 'SELECT')::text
FROM pg_lock_status() AS held, LATERAL (SELECT object_names AS parts FROM pg_identify_object_as_address('pg_class'::regclass, held.relation, 0)) AS named
WHERE held.locktype = 'relation' AND held.pid = pg_backend_pid() AND named.parts IS NOT NULL
ORDER BY 1, 2`

// fence checks what a source reads, before anything of it runs: it is one statement, and
// all tables and views that it names are in schemas that sources may read. It must come
// first in its transaction: it relies on Postgres, which locks each relation that a
// statement names when it parses the statement, those behind views too. A relation behind a
// view that the role can't read itself was opened by the view's owner, and is let pass.
//
// What a function reads while it runs isn't seen here; the rights of the role bound that.
func (s *Store) fence(ctx context.Context, conn *pgconn.PgConn, named string, source *schema.Source) error {
	if err := s.as(ctx, conn, source); err != nil {
		return err
	}
	if source.Query != "" {
		// Alone, so that it can't close the parenthesis that it is put in.
		if _, err := conn.Prepare(ctx, "", bareQuery(source), nil); err != nil {
			return err
		}
	}
	if _, err := conn.Prepare(ctx, "", "SELECT * FROM "+fromClause(source), nil); err != nil {
		return err
	}
	held := conn.ExecParams(ctx, locksQuery, nil, nil, nil, nil).Read()
	if held.Err != nil {
		return held.Err
	}
	var faults []string
	for _, row := range held.Rows {
		if s.allows(string(row[0])) || string(row[2]) != "true" {
			continue
		}
		faults = append(faults, string(row[1]))
	}
	if len(faults) == 0 {
		return nil
	}
	return schema.SourceForbidden.Errorf("%s reads %s; %s", named, strings.Join(faults, ", "), s.allowedText())
}

// Allowed returns an error that says which schemas sources may read, for any other.
func (s *Store) Allowed(name string) error {
	if s.allows(name) {
		return nil
	}
	return errors.New(s.allowedText())
}

// allows reports whether sources may read a schema.
func (s *Store) allows(name string) bool {
	if len(s.opts.Schemas) > 0 {
		return slices.Contains(s.opts.Schemas, name)
	}
	return name != ownSchema && name != "information_schema" && !strings.HasPrefix(name, "pg_")
}

func (s *Store) allowedText() string {
	if len(s.opts.Schemas) == 0 {
		return "sources may read every schema but Larder's and Postgres's own; read other tables, or have the operator list the schemas in --source-schemas"
	}
	return fmt.Sprintf("sources may read the schemas %s (--source-schemas); read other tables, or have the operator add the schema", strings.Join(s.opts.Schemas, ", "))
}

// MayRead checks that the sources of a stream's project may read a table, as NAME or
// SCHEMA.NAME: for readers that have another connection, such as one of the table's changes.
func (s *Store) MayRead(ctx context.Context, stream, table string) error {
	named, source := fmt.Sprintf("stream %q", stream), &schema.Source{Name: stream, Table: table}
	return failed(ctx, named, s.transaction(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := s.fence(ctx, conn, named, source); err != nil {
			return err
		}
		return exec(ctx, conn, "SELECT FROM "+tableName(source)+" LIMIT 0") // the rights of the role
	}))
}
