package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
)

// A tablePath is the name of a table, in parts.
type tablePath struct {
	schema string // "": the first of the search path
	table  string
}

// maxName is the most bytes of a name; Postgres cuts longer ones.
const maxName = 63

func parseTable(name string) (t tablePath, err error) {
	folder, table, qualified := strings.Cut(name, ".")
	if !qualified {
		folder, table = "", folder
	}
	switch {
	case table == "" || qualified && folder == "" || strings.ContainsAny(name, "\x00\"") || strings.Contains(table, "."):
		return t, fmt.Errorf("%q is not the name of a table; write NAME or SCHEMA.NAME, without quotes", name)
	case len(folder) > maxName || len(table) > maxName:
		return t, fmt.Errorf("the name %q is too long: Postgres has names of at most %d bytes", name, maxName)
	case folder == "larder":
		return t, fmt.Errorf("table %s: the schema larder has Larder's own tables; name another schema", name)
	}
	return tablePath{folder, table}, nil
}

func (t tablePath) quoted() string {
	if t.schema == "" {
		return quote(t.table)
	}
	return quote(t.schema) + "." + quote(t.table)
}

// find returns the number of the table in pg_class; "" when there is none. It reads pg_class,
// since to_regclass alone doesn't see a table that was made while this transaction waited.
func (t tablePath) find(ctx context.Context, conn *pgconn.PgConn) (oid string, err error) {
	said := conn.ExecParams(ctx, "SELECT oid::text FROM pg_class WHERE oid = to_regclass($1)", [][]byte{[]byte(t.quoted())}, []uint32{pgtype.TextOID}, nil, nil).Read()
	if said.Err != nil || len(said.Rows) == 0 {
		return "", said.Err
	}
	return string(said.Rows[0][0]), nil
}

// createOnce makes the table unless another load that began before does: it waits for that
// one to end.
func (l *Load) createOnce(ctx context.Context, target tablePath, columns *arrow.Schema) (oid string, err error) {
	lock := l.conn.ExecParams(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('larder load ' || $1, 0))", [][]byte{[]byte(l.name)}, []uint32{pgtype.TextOID}, nil, nil).Read()
	if lock.Err != nil {
		return "", lock.Err
	}
	if oid, err = target.find(ctx, l.conn); oid != "" || err != nil {
		return oid, err
	}
	if err := l.create(ctx, target, columns); err != nil {
		return "", err
	}
	return target.find(ctx, l.conn)
}

// create makes the table, and its schema if need be.
func (l *Load) create(ctx context.Context, target tablePath, columns *arrow.Schema) error {
	var list []string
	var errs []error
	for _, f := range columns.Fields() {
		if slices.Contains(l.opts.Skip, f.Name) {
			continue
		}
		t, err := columnType(f, l.opts.Zone != "")
		if err == nil {
			err = checkColumnName(f.Name)
		}
		errs = append(errs, err)
		list = append(list, quote(f.Name)+" "+t)
	}
	if err := errors.Join(few(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))...); err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no column is left to make a table of; --skip fewer")
	}
	sql := fmt.Sprintf("CREATE TABLE %s (%s)", l.name, strings.Join(list, ", "))
	if target.schema != "" {
		// CREATE SCHEMA needs a right also where the schema exists.
		there := l.conn.ExecParams(ctx, "SELECT 1 FROM pg_namespace WHERE nspname = $1", [][]byte{[]byte(target.schema)}, []uint32{pgtype.TextOID}, nil, nil).Read()
		if there.Err != nil {
			return there.Err
		}
		if len(there.Rows) == 0 {
			sql = "CREATE SCHEMA " + quote(target.schema) + "; " + sql
		}
	}
	l.Created = true
	return exec(ctx, l.conn, sql)
}

func checkColumnName(name string) error {
	switch {
	case name == "":
		return errors.New("a column has no name; give it one")
	case len(name) > maxName:
		return fmt.Errorf("the name of column %q is too long: Postgres has names of at most %d bytes; rename it", name, maxName)
	case strings.Contains(name, "\x00"):
		return fmt.Errorf("the name of column %q has a byte that is 0; rename it", name)
	}
	return nil
}

// A loadColumn is a column of the table that is filled.
type loadColumn struct {
	name      string
	pgType         // its name has what is in parentheses too: numeric(10,2)
	required  bool // it takes no nulls, and has no default
	filled    bool // when it is left out: by a default, as an identity or a generated column
	generated bool // always, from others
}

// columnsQuery returns the columns of a table as typesQuery does types.
const columnsQuery = `
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), (t.typcategory = 'A')::text, b.oid::text,
	(b.typcategory = 'S' OR b.typtype = 'e')::text, coalesce(s.proname::text, ''),
	a.attnotnull::text, (a.atthasdef OR a.attidentity <> '')::text, (a.attgenerated <> '')::text
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
JOIN pg_type b ON b.oid = CASE WHEN e.typtype = 'd' THEN e.typbasetype ELSE e.oid END
LEFT JOIN pg_proc s ON s.oid = b.typsend
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

const tableQuery = `SELECT c.relkind::text, n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`

// describe reads what the table is.
func (l *Load) describe(ctx context.Context, oid string) error {
	said := l.conn.ExecParams(ctx, tableQuery, [][]byte{[]byte(oid)}, nil, nil, nil).Read()
	if said.Err != nil {
		return said.Err
	}
	if len(said.Rows) == 0 {
		return fmt.Errorf("table %s was dropped meanwhile; try again", l.Table)
	}
	l.Table = string(said.Rows[0][1])
	if kind := string(said.Rows[0][0]); kind != "r" && kind != "p" {
		return fmt.Errorf("%s is not a table but %s; name a table", l.Table, relationNames[kind])
	}
	said = l.conn.ExecParams(ctx, columnsQuery, [][]byte{[]byte(oid)}, nil, nil, nil).Read()
	if said.Err != nil {
		return said.Err
	}
	is := func(raw []byte) bool { return string(raw) == "true" }
	for _, row := range said.Rows {
		base, err := strconv.ParseUint(string(row[3]), 10, 32)
		if err != nil {
			return fmt.Errorf("read pg_type: %w", err)
		}
		c := loadColumn{
			name:   string(row[0]),
			pgType: pgType{name: string(row[1]), kind: kinds[uint32(base)], base: uint32(base), array: is(row[2])},
			filled: is(row[7]), generated: is(row[8]),
		}
		if c.kind == unreadable && is(row[4]) {
			c.kind = text
		}
		if k, found := embeddings[string(row[5])]; found && !c.array {
			c.kind = k
		}
		c.required = is(row[6]) && !c.filled
		l.columns = append(l.columns, c)
	}
	return nil
}

var relationNames = map[string]string{
	"v": "a view", "m": "a materialized view", "i": "an index", "I": "an index", "S": "a sequence", "t": "a TOAST table",
	"c": "a composite type", "f": "a foreign table",
}

// A match is a column of a file and that of the table which it fills.
type match struct {
	from int // in the file
	to   *loadColumn
	csv  bool
	zone bool // times without a zone may become timestamptz
}

// match finds the columns of the table that the columns of a file fill.
func (l *Load) match(file string, columns *arrow.Schema, csv bool) ([]match, error) {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", file, fmt.Sprintf(format, args...)))
	}
	var names []string
	for i := range l.columns {
		names = append(names, l.columns[i].name)
	}
	var matched []match
	filled := map[string]bool{}
	for i, f := range columns.Fields() {
		at := slices.Index(names, f.Name)
		switch {
		case slices.Contains(l.opts.Skip, f.Name):
		case filled[f.Name]:
			fault("it has two columns %q; drop or rename one", f.Name)
		case at < 0:
			fault("table %s has no column %q; %s Add it to the table, rename it, or leave it out with --skip", l.Table, f.Name, sentence(schema.Nearest(f.Name, names)))
		case l.columns[at].generated:
			fault("column %q of table %s is generated from others; leave it out with --skip", f.Name, l.Table)
		default:
			m := match{from: i, to: &l.columns[at], csv: csv, zone: l.opts.Zone != ""}
			if remedy := m.misfit(f.Type); remedy != "" {
				fault("column %q has the type %s, and in table %s it is %s; %s", f.Name, f.Type, l.Table, m.to.pgType.name, remedy)
			}
			matched = append(matched, m)
		}
		filled[f.Name] = true
	}
	for _, c := range l.columns {
		if !filled[c.name] && !c.filled && !c.generated && (c.required || !slices.Contains(l.opts.Skip, c.name)) {
			remedy := "add it to the file, give it a default in the table, or leave it out with --skip, which makes it null"
			if c.required {
				remedy = "add it to the file, or give it a default in the table: it can't be null"
			}
			fault("it has no column %q, which table %s has; %s", c.name, l.Table, remedy)
		}
	}
	for _, name := range l.opts.Skip {
		if !filled[name] && !slices.Contains(names, name) {
			fault("neither it nor table %s has the column %q of --skip", l.Table, name)
		}
	}
	if len(matched) == 0 && len(errs) == 0 {
		fault("none of its columns is left to load; --skip fewer")
	}
	return matched, errors.Join(few(errs)...)
}

// few returns the first of many errors, and how many others there are.
func few(errs []error) []error {
	const most = 10
	if len(errs) <= most {
		return errs
	}
	return append(errs[:most:most], fmt.Errorf("and %d more", len(errs)-most))
}

// sentence ends a remedy as a sentence.
func sentence(text string) string {
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
