package offline

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
)

// SQLSTATEs of a table that can't take rows.
const (
	undefinedColumn  = "42703"
	wrongObjectType  = "42809"
	notUpdatable     = "55000"
	generatedAlways  = "428C9"
	readOnly         = "25006"
	notSupported     = "0A000"
	integrityClass   = "23"
	dataClass        = "22"
	ownSchema        = "larder"
	oneSchemaOfTable = `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`
)

// Append adds rows to the table of a source, all of them or none. rows is a JSON list of
// objects with the columns of the table that are named, in the forms that Postgres reads. A
// column of ingest times that isn't named gets Postgres's clock.
func (s *Store) Append(ctx context.Context, source *schema.Source, columns []string, rows []byte) (err error) {
	ctx, done := postgres.Trace(ctx, "append "+source.Name, "")
	defer func() { done(err) }()
	held, err := s.begin(ctx, "BEGIN; SET LOCAL TimeZone = 'UTC'"+within(ctx))
	if err != nil {
		return appendError(ctx, source, err)
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	if err := s.appendRows(ctx, conn, source, columns, rows); err != nil {
		rollback(conn)
		return appendError(ctx, source, err)
	}
	return appendError(ctx, source, exec(ctx, conn, "COMMIT"))
}

func (s *Store) appendRows(ctx context.Context, conn *pgconn.PgConn, source *schema.Source, columns []string, rows []byte) error {
	table := tableName(source)
	if err := s.mayWrite(ctx, conn, source, table); err != nil {
		return err
	}
	var into, from []string
	hasIngest := source.CreatedTimestampColumn == ""
	for _, name := range columns {
		into, from = append(into, quote(name)), append(from, "new."+quote(name))
		hasIngest = hasIngest || name == source.CreatedTimestampColumn
	}
	if !hasIngest {
		into, from = append(into, quote(source.CreatedTimestampColumn)), append(from, "clock_timestamp()")
	}
	sql := "INSERT INTO " + table + " (" + strings.Join(into, ", ") + ") SELECT " + strings.Join(from, ", ") +
		" FROM json_populate_recordset(NULL::" + table + ", $1::json) AS new"
	return conn.ExecParams(ctx, sql, [][]byte{rows}, nil, nil, nil).Read().Err
}

// appendError explains why the table of a source took no rows.
func appendError(ctx context.Context, source *schema.Source, err error) error {
	pg, is := asPostgres(err)
	if !is {
		return failed(ctx, sourceNamed(source.Name), err)
	}
	switch class := pg.Code[:min(2, len(pg.Code))]; {
	case pg.Code == insufficientPrivilege:
		return schema.SourceReadOnly.Wrap(pg, "source %q: %s; grant INSERT on it to the role of sources", source.Name, pg.Message)
	case pg.Code == undefinedColumn:
		return schema.UnknownColumn.Wrap(pg, "source %q: %s; leave the column out, or add it to the table", source.Name, pg.Message)
	case pg.Code == wrongObjectType, pg.Code == notUpdatable, pg.Code == generatedAlways, pg.Code == readOnly, pg.Code == notSupported:
		return schema.SourceReadOnly.Wrap(pg, "source %q can't take rows: Postgres says: %s", source.Name, pg.Message)
	case class == integrityClass, class == dataClass:
		return schema.BadValue.Wrap(pg, "source %q did not take the rows: Postgres says: %s", source.Name, pg.Message)
	}
	return failed(ctx, sourceNamed(source.Name), err)
}
