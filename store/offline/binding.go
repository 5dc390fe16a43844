package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// A sourceColumn is one column of a record and where it comes from.
type sourceColumn struct {
	name   string           // in the record
	column string           // in the source; empty when the source has none
	pg     pgType           // of the source's column
	typ    schema.Type      // declared
	decode decoder          // one element
	lists  listDecoder      // a list of them; nil when the column has none
	null   schema.BadReason // the bad reason of a row with a null; empty when nulls are allowed
	secret bool             // a sensitive feature has its values
}

// A binding maps the source of a view to the columns of a record.
type binding struct {
	view     *schema.View
	columns  []sourceColumn // as in the record
	keys     int            // the first columns
	zone     string         // of naive times
	event    int            // index in columns, as are the next two
	ingest   int
	deletion int
}

// The names of a record's own columns.
const (
	eventTime  = "event_time"
	ingestTime = "ingest_time"
	deleted    = "deleted"
)

// fromClause is the source as SQL: its table or its query, under the name source.
func fromClause(s *schema.Source) string {
	if s.Table != "" {
		return tableName(s) + " AS source"
	}
	// The rest starts on its own line, in case the query ends with a comment.
	return "(" + bareQuery(s) + "\n) AS source"
}

// bareQuery is the query of a source without what ends a statement.
func bareQuery(s *schema.Source) string { return strings.TrimRight(s.Query, "; \t\r\n") }

// tableName returns the name of a source's table as SQL.
func tableName(s *schema.Source) string {
	parts := strings.Split(s.Table, ".")
	for i, part := range parts {
		parts[i] = quote(part)
	}
	return strings.Join(parts, ".")
}

func quote(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

// bind maps the current columns of a source to those that the view declares. It
// returns all faults at once.
func bind(ctx context.Context, conn *pgconn.PgConn, view *schema.View) (*binding, error) {
	described, err := conn.Prepare(ctx, "", "SELECT * FROM "+fromClause(view.Origin), nil)
	if err != nil {
		return nil, err
	}
	if n := len(described.ParamOIDs); n > 0 {
		return nil, schema.BadSource.Errorf("feature view %q: source %q: its query has the parameter $%d, and Larder passes it no values; write the value into the query", view.Name, view.Origin.Name, n)
	}
	types, err := resolve(ctx, conn, described.Fields)
	if err != nil {
		return nil, err
	}
	s := view.Origin
	b := &binding{view: view, keys: len(view.Keys), zone: s.TimeZone}
	f := finder{view: view, found: map[string]pgType{}, twice: map[string]bool{}}
	for _, field := range described.Fields {
		if _, again := f.found[field.Name]; again {
			f.twice[field.Name] = true
		}
		pg := types[field.DataTypeOID]
		if pg.embedding() {
			pg.length = max(int(field.TypeModifier), 0)
		}
		f.found[field.Name] = pg
		f.names = append(f.names, field.Name)
	}
	for _, key := range view.Keys {
		b.columns = append(b.columns, f.find("join key", key.Name, key.Name, key.Type, schema.NullKey))
	}
	b.event = len(b.columns)
	b.columns = append(b.columns, f.find("timestamp_field", eventTime, s.TimestampField, schema.Timestamp, schema.NullTime))
	b.ingest = len(b.columns)
	b.columns = append(b.columns, f.find("created_timestamp_column", ingestTime, s.CreatedTimestampColumn, schema.Timestamp, ""))
	b.deletion = len(b.columns)
	b.columns = append(b.columns, f.find("deleted_column", deleted, s.DeletedColumn, schema.Bool, ""))
	for _, feature := range view.Features {
		b.columns = append(b.columns, f.find("feature", feature.Name, feature.Name, feature.Type, ""))
	}
	for i := range b.columns {
		b.columns[i].secret = slices.ContainsFunc(view.Features, func(f schema.Feature) bool { return f.Sensitive && f.Name == b.columns[i].column })
	}
	if len(f.faults) > 0 {
		return nil, schema.BadSource.Errorf("%s", strings.Join(f.faults, "\n"))
	}
	return b, nil
}

// A finder looks columns up by name and collects faults.
type finder struct {
	view   *schema.View
	found  map[string]pgType
	twice  map[string]bool
	names  []string
	faults []string
}

func (f *finder) find(role, name, column string, typ schema.Type, null schema.BadReason) sourceColumn {
	key := null == schema.NullKey
	c := sourceColumn{name: name, column: column, typ: typ, null: null, decode: appendTimestamp}
	if typ == schema.Bool {
		c.decode = appendBool
	}
	if column == "" {
		return c
	}
	pg, exists := f.found[column]
	c.pg = pg
	if !exists {
		f.addf("no column %q, the %s; %s", column, role, schema.Nearest(column, f.names))
		return c
	}
	if f.twice[column] {
		f.addf("two columns are named %q; rename one with AS", column)
	}
	c.decode, c.lists = pg.decoder(typ, key), pg.lists()
	switch {
	case c.decode == nil:
		f.addf("column %q, the %s, is %s and can't be read as %s: %s", column, role, pg.name, typ, pg.remedy(typ, key))
	case pg.length > 0 && typ.CheckLen(pg.length) != nil:
		f.addf("column %q, the %s, is %s(%d) and can't be read as %s: %v", column, role, pg.name, pg.length, typ, typ.CheckLen(pg.length))
	case pg.naive() && f.view.Origin.TimeZone == "":
		f.addf("column %q, the %s, is %s, which has no time zone; declare the source's time_zone, as in time_zone: UTC", column, role, pg.name)
	}
	return c
}

func (f *finder) addf(format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf("feature view %q: source %q: ", f.view.Name, f.view.Origin.Name)+fmt.Sprintf(format, args...))
}
