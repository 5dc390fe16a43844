package offline

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
)

// Forget deletes rows from the table of a source, with the rights of sources: those that
// have one of some keys in columns. keys has the values of each key as Postgres reads them. before is
// called with the number of rows before any is deleted.
func (s *Store) Forget(ctx context.Context, source *schema.Source, columns []string, keys [][]string, before func(rows int64) error) (err error) {
	ctx, done := postgres.Trace(ctx, "forget "+source.Name, "")
	defer func() { done(err) }()
	held, err := s.begin(ctx, "BEGIN; SET LOCAL TimeZone = 'UTC'"+within(ctx))
	if err != nil {
		return forgetError(ctx, source, err)
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	if err := s.forgetRows(ctx, conn, source, columns, keys, before); err != nil {
		rollback(conn)
		return forgetError(ctx, source, err)
	}
	return forgetError(ctx, source, exec(ctx, conn, "COMMIT"))
}

func (s *Store) forgetRows(ctx context.Context, conn *pgconn.PgConn, source *schema.Source, columns []string, keys [][]string, before func(rows int64) error) error {
	table := tableName(source)
	if err := s.mayWrite(ctx, conn, source, table); err != nil {
		return err
	}
	var texts, same []string
	for i, name := range columns {
		// Without the length of the type: a cast to varchar(3) would make abcd another key.
		found := conn.ExecParams(ctx, "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped",
			[][]byte{[]byte(table), []byte(name)}, nil, nil, nil).Read()
		if found.Err != nil {
			return found.Err
		}
		if len(found.Rows) == 0 {
			return schema.UnknownColumn.Errorf("source %q: table %s has no column %s; correct the definitions", source.Name, source.Table, name)
		}
		texts = append(texts, fmt.Sprintf("k%d text", i))
		same = append(same, fmt.Sprintf("t.%s = k.k%d::%s", quote(name), i, found.Rows[0][0]))
	}
	rows := make([]map[string]string, len(keys))
	for i, key := range keys {
		rows[i] = map[string]string{}
		for j, value := range key {
			rows[i][fmt.Sprint("k", j)] = value
		}
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	list := "json_to_recordset($1::json) AS k (" + strings.Join(texts, ", ") + ") WHERE " + strings.Join(same, " AND ")
	count := conn.ExecParams(ctx, "SELECT count(*) FROM "+table+" AS t, "+list, [][]byte{raw}, nil, nil, nil).Read()
	if count.Err != nil {
		return count.Err
	}
	var n int64
	if _, err := fmt.Sscan(string(count.Rows[0][0]), &n); err != nil {
		return err
	}
	if err := before(n); err != nil {
		return err
	}
	return conn.ExecParams(ctx, "DELETE FROM "+table+" AS t USING "+list, [][]byte{raw}, nil, nil, nil).Read().Err
}

// mayWrite refuses the tables of Larder's own, and those of schemas that sources may not
// read.
func (s *Store) mayWrite(ctx context.Context, conn *pgconn.PgConn, source *schema.Source, table string) error {
	if err := s.as(ctx, conn, source); err != nil {
		return err
	}
	found := conn.ExecParams(ctx, oneSchemaOfTable, [][]byte{[]byte(table)}, nil, nil, nil).Read()
	if found.Err != nil {
		return found.Err
	}
	if len(found.Rows) == 1 && string(found.Rows[0][0]) == ownSchema {
		return schema.SourceReadOnly.Errorf("source %q reads a table of Larder's own, which takes no rows", source.Name)
	}
	if len(found.Rows) == 1 && !s.allows(string(found.Rows[0][0])) {
		return schema.SourceForbidden.Errorf("source %q is a table of the schema %s; %s", source.Name, found.Rows[0][0], s.allowedText())
	}
	return nil
}

// forgetError explains why rows of the table of a source can't be deleted.
func forgetError(ctx context.Context, source *schema.Source, err error) error {
	if pg, is := asPostgres(err); is && pg.Code == insufficientPrivilege {
		return schema.SourceReadOnly.Wrap(pg, "source %q: %s; grant SELECT and DELETE on it to the role of sources, or leave forget out of the source", source.Name, pg.Message)
	}
	return appendError(ctx, source, err)
}
