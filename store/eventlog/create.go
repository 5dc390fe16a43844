package eventlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// Check returns what is wrong with the table of the log, or nil. A missing table is right
// if the definitions let it be created.
func (l *Log) Check(ctx context.Context) error {
	if err := l.checkSchema(ctx); err != nil {
		return err
	}
	columns, err := l.tableColumns(ctx)
	switch {
	case err != nil:
		return err
	case columns == nil && l.stream.Log.Create:
		return nil
	case columns == nil:
		return schema.BadStreamLog.Errorf("stream %q: no table %s for its log; write create: true in log: to have it created", l.stream.Name, l.stream.Log.Table)
	}
	var faults []string
	check := func(name, want string) {
		switch got, found := columns[name]; {
		case !found:
			faults = append(faults, fmt.Sprintf("it has no column %s of type %s", name, want))
		case got != want:
			faults = append(faults, fmt.Sprintf("column %s is %s, not %s", name, got, want))
		}
	}
	for _, f := range l.stream.Fields {
		check(f.Name, columnType(f.Type))
	}
	for name, want := range ownColumns {
		check(name, want)
	}
	if len(faults) == 0 {
		return nil
	}
	return schema.BadStreamLog.Errorf("stream %q: the table %s can't be its log: %s; change the table, or name another one in log:", l.stream.Name, l.stream.Log.Table, strings.Join(faults, "; "))
}

// checkSchema returns an error when the table is, or would be made, in a schema that no log
// may be in.
func (l *Log) checkSchema(ctx context.Context) error {
	if l.store.allowed == nil {
		return nil
	}
	named, _, qualified := strings.Cut(l.stream.Log.Table, ".")
	if !qualified {
		named = ""
	}
	var in string
	err := l.store.pool.QueryRow(ctx, `SELECT coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)),
		nullif($2, ''), current_schema(), '')`, l.table, named).Scan(&in)
	if err != nil {
		return l.explain(err)
	}
	if err := l.store.allowed(in); err != nil {
		return schema.BadStreamLog.Errorf("stream %q: the table %s can't be its log: it is in the schema %s, and %v; name another table in log:", l.stream.Name, l.stream.Log.Table, in, err)
	}
	return nil
}

var ownColumns = map[string]string{
	schema.LogSeq: "bigint", schema.LogAt: "timestamp with time zone", schema.LogSign: "smallint", schema.LogID: "text", schema.LogDeleted: "boolean",
}

// tableColumns returns the types of the table's columns; nil when there is no table.
func (l *Log) tableColumns(ctx context.Context) (map[string]string, error) {
	rows, err := l.store.pool.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`, l.table)
	if err != nil {
		return nil, l.explain(err)
	}
	var columns map[string]string
	var name, typ string
	_, err = pgx.ForEachRow(rows, []any{&name, &typ}, func() error {
		if columns == nil {
			columns = map[string]string{}
		}
		columns[name] = typ
		return nil
	})
	return columns, l.explain(err)
}

// Create makes the table of the log, its columns, indexes and partitions, as far as they
// are missing. views are the views of the stream, whose keys get an index.
func (l *Log) Create(ctx context.Context, views []*schema.View) error {
	if err := l.checkSchema(ctx); err != nil {
		return err
	}
	if err := l.Check(ctx); err != nil && !l.stream.Log.Create {
		return err
	}
	tx, err := l.store.pool.Begin(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit there is nothing to roll back
	// Two servers or two applies at once would both find the table missing.
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('larder event log'))"); err != nil {
		return l.explain(err)
	}
	for _, sql := range l.ddl(views) {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return l.explain(err)
		}
	}
	if _, err := tx.Exec(ctx, "INSERT INTO larder.streams (name) VALUES ($1) ON CONFLICT DO NOTHING", l.stream.Name); err != nil {
		return l.explain(err)
	}
	if err := tx.Commit(ctx); err != nil {
		return l.explain(err)
	}
	return l.Check(ctx)
}

// ddl returns the statements that make the table.
func (l *Log) ddl(views []*schema.View) []string {
	var all []string
	if schemaName, _, qualified := strings.Cut(l.stream.Log.Table, "."); qualified {
		all = append(all, "CREATE SCHEMA IF NOT EXISTS "+quote(schemaName))
	}
	var columns []string
	for _, f := range l.stream.Fields {
		columns = append(columns, quote(f.Name)+" "+columnType(f.Type))
		all = append(all, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", l.table, quote(f.Name), columnType(f.Type)))
	}
	for _, name := range schema.LogColumns() {
		columns = append(columns, name+" "+ownColumns[name]+" NOT NULL")
	}
	create := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)", l.table, strings.Join(columns, ", "))
	if l.stream.Log.Retention > 0 {
		create += fmt.Sprintf(" PARTITION BY RANGE (%s)", schema.LogAt)
	}
	at := 0
	if strings.HasPrefix(firstOf(all), "CREATE SCHEMA") {
		at = 1
	}
	all = append(all[:at:at], append([]string{create}, all[at:]...)...)
	index := func(what string) {
		sum := sha256.Sum256([]byte(l.stream.Log.Table + what))
		all = append(all, fmt.Sprintf("CREATE INDEX IF NOT EXISTS larder_%s ON %s (%s)", hex.EncodeToString(sum[:8]), l.table, what))
	}
	index(schema.LogSeq)
	if l.stream.EventID != "" {
		index(schema.LogID)
	}
	for _, v := range views {
		var keys []string
		for _, k := range v.Keys {
			keys = append(keys, quote(k.Name)+collation(k.Type))
		}
		index(strings.Join(append(keys, quote(l.stream.TimestampField)), ", "))
	}
	if l.stream.Log.Retention > 0 {
		now := time.Now().UTC()
		for d := -1; d <= partitionsAhead; d++ {
			all = append(all, l.partition(now.AddDate(0, 0, d)))
		}
	}
	if reader := l.store.reader(l.stream.Name); reader != "" && l.stream.Log.Create {
		if schemaName, _, qualified := strings.Cut(l.stream.Log.Table, "."); qualified {
			all = append(all, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", quote(schemaName), quote(reader)))
		}
		all = append(all, fmt.Sprintf("GRANT SELECT ON %s TO %s", l.table, quote(reader)))
	}
	return all
}

func firstOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// partitionsAhead is how many days ahead a log with a retention has partitions.
const partitionsAhead = 3

// partition returns the statement that makes the partition of a day.
func (l *Log) partition(day time.Time) string {
	day = day.UTC().Truncate(24 * time.Hour)
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')",
		schema.QuoteTable(l.stream.Log.Table+day.Format("_20060102")), l.table, day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339))
}

// Upkeep makes the partitions of the next days, drops those that are older than the
// retention, and forgets old idempotency keys.
func (l *Log) Upkeep(ctx context.Context) error {
	if _, err := l.store.pool.Exec(ctx, "DELETE FROM larder.stream_pushes WHERE stream = $1 AND at < clock_timestamp() - $2::interval", l.stream.Name, KeepKeys); err != nil {
		return l.explain(err)
	}
	if l.stream.Log.Retention == 0 {
		return nil
	}
	now := time.Now().UTC()
	for d := range partitionsAhead + 1 {
		if _, err := l.store.pool.Exec(ctx, l.partition(now.AddDate(0, 0, d))); err != nil {
			return l.explain(err)
		}
	}
	rows, err := l.store.pool.Query(ctx, `SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = to_regclass($1)`, l.table)
	if err != nil {
		return l.explain(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return l.explain(err)
	}
	schemaName, table, qualified := strings.Cut(l.stream.Log.Table, ".")
	if !qualified {
		schemaName, table = "", schemaName
	}
	for _, name := range names {
		day, err := time.Parse(table+"_20060102", name)
		if err != nil || !day.AddDate(0, 0, 1).Before(now.Add(-l.stream.Log.Retention.Std())) {
			continue
		}
		if qualified {
			name = schemaName + "." + name
		}
		if _, err := l.store.pool.Exec(ctx, "DROP TABLE IF EXISTS "+schema.QuoteTable(name)); err != nil {
			return l.explain(err)
		}
	}
	return nil
}
