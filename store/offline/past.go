package offline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	col "larder/column"
	"larder/column/arrows"
	"larder/internal/postgres"
	"larder/schema"
)

// A Past is a query that gives events of the past.
type Past struct {
	Stream *schema.Stream
	// Query is one SELECT, with a column for each field of the stream, by its name. A field
	// that is nullable may be missing, and is null then.
	Query string
	// Keys are the fields that are join keys. They and the event id are never read from
	// floats.
	Keys []string
	// Until bounds the event times: only earlier ones are read; in microseconds since 1970
	// UTC, nil for all. Events without a time are read too.
	Until *int64
	// NewestFirst orders the events by their time.
	NewestFirst bool
}

// An Unreadable is a row with a value that its field can't hold.
type Unreadable struct {
	Before int // the rows of the batch that come before it and can be read
	Reason schema.BadReason
	Detail string // the column and the value, as text
	Row    []byte // as a JSON object; at most MaxUnreadableBytes
	Bytes  int64  // of the whole object
}

// MaxUnreadableBytes bounds what is kept of the row of an [Unreadable].
const MaxUnreadableBytes = 64 << 10

// Past reads events of the past: it calls visit with one batch after another, which have
// the fields of the stream in their order, and with the rows that can't be read. The types
// of all columns are checked before the first row. Memory is bounded by the batch, which
// visit may keep. An error of visit ends the reading and is returned as it is.
func (s *Store) Past(ctx context.Context, p *Past, visit func([]col.Column, []Unreadable) error) (err error) {
	named := fmt.Sprintf("stream %q: the query of the past", p.Stream.Name)
	ctx, done := postgres.Trace(ctx, "the past of "+p.Stream.Name, "")
	defer func() { done(err) }()
	held, err := s.begin(ctx, begin+patient)
	if err != nil {
		return failed(ctx, named, err)
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	defer rollback(conn)
	if err := s.fence(ctx, conn, named, p.source()); err != nil {
		return failed(ctx, named, err)
	}
	b, err := bindPast(ctx, conn, p)
	var visited error
	if err == nil {
		err, visited = b.read(ctx, conn, visit)
	}
	if visited != nil {
		return visited
	}
	return failed(ctx, named, err)
}

// patient lets a statement take longer than [limits] says: the past may be large, and it
// is read no faster than it is appended. A shorter limit of the address or the user stays.
const patient = `; SELECT set_config('statement_timeout', '48h', true) WHERE current_setting('statement_timeout') = '1h'`

// A pastBinding maps the columns of a query to the fields of a stream.
type pastBinding struct {
	*Past
	columns []sourceColumn // of each field; without a column: it is null
	faults  []string
}

func bindPast(ctx context.Context, conn *pgconn.PgConn, p *Past) (*pastBinding, error) {
	described, err := conn.Prepare(ctx, "", "SELECT * FROM "+p.from(), nil)
	if err != nil {
		return nil, err
	}
	b := &pastBinding{Past: p}
	if n := len(described.ParamOIDs); n > 0 {
		b.addf("it has the parameter $%d, and Larder passes it no values; write the value into the query", n)
	}
	types, err := resolve(ctx, conn, described.Fields)
	if err != nil {
		return nil, err
	}
	var fields, names []string
	for _, f := range p.Stream.Fields {
		fields = append(fields, f.Name)
	}
	found := map[string]pgType{}
	for _, c := range described.Fields {
		_, again := found[c.Name]
		switch {
		case !slices.Contains(fields, c.Name):
			b.addf("the stream has no field %q, as a column is named; leave the column out, or rename it with AS; %s", c.Name, schema.Nearest(c.Name, fields))
		case again:
			b.addf("two columns are named %q; rename one with AS, or leave it out", c.Name)
		}
		found[c.Name], names = types[c.DataTypeOID], append(names, c.Name)
	}
	for i := range p.Stream.Fields {
		b.columns = append(b.columns, b.column(&p.Stream.Fields[i], found, names))
	}
	if len(b.faults) > 0 {
		return nil, schema.BadBackfill.Errorf("stream %q: the query of the past can't be read as its events: %s", p.Stream.Name, strings.Join(b.faults, "\n"))
	}
	return b, nil
}

// column returns where a field comes from, and notes what is wrong with that.
func (b *pastBinding) column(f *schema.StreamField, found map[string]pgType, names []string) sourceColumn {
	key := f.Name == b.Stream.EventID || slices.Contains(b.Keys, f.Name)
	c := sourceColumn{name: f.Name, typ: f.Type, pg: pgType{kind: timestamptz}, decode: decoderOf(kindsOf(f.Type, false)[0], f.Type, false)}
	pg, exists := found[f.Name]
	if !exists {
		if !f.Nullable {
			b.addf("it has no column %[1]q, the field of type %[2]s, which is not nullable; select it with AS %[1]s; %[3]s", f.Name, f.Type, schema.Nearest(f.Name, names))
		}
		return c
	}
	c.column, c.pg, c.decode = f.Name, pg, pg.decoder(f.Type, key)
	switch {
	case c.decode == nil:
		b.addf("column %[1]q is %[2]s, and the field %[1]q is %[3]s: %[4]s; convert it in the query with CAST", f.Name, pg.name, f.Type, pg.remedy(f.Type, key))
	case pg.naive() && f.TimeZone == "":
		b.addf("column %[1]q is %[2]s, which has no time zone, and the field %[1]q is %[3]s; write %[1]s AT TIME ZONE 'UTC' AS %[1]s in the query, or declare the field's time_zone", f.Name, pg.name, f.Type)
	}
	return c
}

func (b *pastBinding) addf(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (p *Past) source() *schema.Source { return &schema.Source{Name: p.Stream.Name, Query: p.Query} }

func (p *Past) from() string { return fromClause(p.source()) }

// query returns the query with the columns in the order of the fields.
func (b *pastBinding) query() *query {
	q := &query{}
	selected := make([]string, len(b.columns))
	var where string
	for i, c := range b.columns {
		zone := ""
		if f := b.Stream.Fields[i]; c.pg.naive() {
			zone = q.param(pgtype.TextOID, []byte(f.TimeZone))
		}
		selected[i] = c.expression(zone)
		if c.column == "" {
			selected[i] = "NULL::timestamptz" // of any type: nulls have no bytes
		}
		if c.name != b.Stream.TimestampField {
			continue
		}
		if b.Until != nil {
			at := bound{q: q, column: c, zone: zone, location: zoneNamed(b.Stream.Fields[i].TimeZone)}
			where = "\nWHERE " + at.name() + " IS NULL OR " + at.before(*b.Until)
		}
		if b.NewestFirst {
			where += "\nORDER BY " + c.expression(zone) + " DESC"
		}
	}
	q.sql = "SELECT " + strings.Join(selected, ", ") + "\nFROM " + b.from() + where
	return q
}

// read runs the query. It separates errors of the read from errors of the visitor. In any
// case, the query has ended when read returns.
func (b *pastBinding) read(ctx context.Context, conn *pgconn.PgConn, visit func([]col.Column, []Unreadable) error) (err, visited error) {
	q := b.query()
	reading, stop := context.WithCancelCause(ctx)
	rows := conn.ExecParams(reading, q.sql, q.values, q.oids, formats, formats)
	defer func() {
		stop(errStopped) // otherwise Close would read to the end
		_, _ = rows.Close()
	}()
	out := newBatch(b.columns, 0)
	var bad []Unreadable
	flush := func() error {
		rec, reasons := out.take()
		defer rec.Release()
		for i := range bad {
			bad[i].Reason, bad[i].Detail = reasons[i].Reason, reasons[i].Sample
		}
		columns, err := b.values(rec)
		if err == nil {
			err = visit(columns, bad)
		}
		bad = nil
		return err
	}
	for rows.NextRow() {
		values := rows.Values()
		if at := out.add(values); at >= 0 {
			return schema.MalformedValue.Errorf("stream %q: the query of the past: column %q: the bytes are not a value of type %s", b.Stream.Name, b.columns[at].name, b.columns[at].pg.name), nil
		}
		if len(out.bad) > len(bad) {
			row := b.object(values)
			clear(out.sampled) // each row has a detail
			bad = append(bad, Unreadable{Before: out.rows, Row: row[:min(len(row), MaxUnreadableBytes)], Bytes: int64(len(row))})
			out.bytes += min(len(row), MaxUnreadableBytes)
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

// values returns the columns of a record.
func (b *pastBinding) values(rec arrow.Record) ([]col.Column, error) {
	all := make([]col.Column, len(b.columns))
	for i, f := range b.Stream.Fields {
		var err error
		if all[i], err = arrows.Read(rec.Column(i), f.Type); err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	return all, nil
}

// object returns a row as a JSON object. It keeps what its fields can't hold, for people.
func (b *pastBinding) object(values [][]byte) []byte {
	dst := []byte{'{'}
	for i, c := range b.columns {
		if values[i] == nil {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendQuote(dst, c.name), ':')
		dst = appendJSON(dst, c.pg.kind, values[i])
	}
	return append(dst, '}')
}
