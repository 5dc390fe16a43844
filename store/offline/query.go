package offline

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
)

// A query is SQL text and its parameters, in the binary format.
type query struct {
	sql    string
	values [][]byte
	oids   []uint32
}

// formats says that both parameters and results are binary.
var formats = []int16{1}

// at makes a parameter of a time and returns its place in the text.
func (q *query) at(micros int64) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(micros-postgresEpoch))
	return q.param(pgtype.TimestamptzOID, raw)
}

func (q *query) param(oid uint32, raw []byte) string {
	q.values = append(q.values, raw)
	q.oids = append(q.oids, oid)
	return fmt.Sprintf("$%d", len(q.values))
}

// windowQuery returns the query that reads the rows of a window, with the columns of
// the binding in order.
func (b *binding) windowQuery(w schema.Window) *query {
	q := &query{}
	zone := b.zoneParam(q)
	q.sql = "SELECT " + b.selected(zone) + "\nFROM " + fromClause(b.view.Origin) + "\nWHERE " + b.condition(q, zone, w)
	return q
}

// zoneParam makes a parameter of the zone, if any column needs it.
func (b *binding) zoneParam(q *query) string {
	for _, c := range b.columns {
		if c.pg.naive() {
			return q.param(pgtype.TextOID, []byte(b.zone))
		}
	}
	return ""
}

// selected returns the columns as SQL.
func (b *binding) selected(zone string) string {
	selected := make([]string, len(b.columns))
	for i, c := range b.columns {
		selected[i] = c.expression(zone)
	}
	selected[b.deletion] = "false"
	if c := b.columns[b.deletion]; c.column != "" {
		selected[b.deletion] = "source." + quote(c.column) + " IS TRUE"
	}
	return strings.Join(selected, ", ")
}

// expression returns a column's value as SQL; times become timestamptz.
func (c sourceColumn) expression(zone string) string {
	column := "source." + quote(c.column)
	switch {
	case c.column == "":
		return "NULL::timestamptz"
	case !c.pg.naive():
		return column
	case !c.pg.array:
		return zoned(column, zone)
	}
	return "CASE WHEN " + column + " IS NOT NULL THEN ARRAY(SELECT " + zoned("x", zone) +
		" FROM unnest(" + column + ") WITH ORDINALITY AS element (x, place) ORDER BY place) END"
}

// zoned returns a naive time or a date as timestamptz. Postgres fails a query on a
// date that timestamps don't reach, or on a time that the zone moves out of their
// range; such values become others that no event time can have, so that their rows
// are bad.
func zoned(value, zone string) string {
	return "(CASE WHEN " + value + " < '4714-11-26 BC' THEN timestamp '-infinity' WHEN " +
		value + " > '10000-01-03' AND " + value + " < 'infinity' THEN timestamp '10000-01-03' ELSE " +
		value + "::timestamp END AT TIME ZONE " + zone + ")"
}

// condition selects the rows of the window: see [schema.Window].
func (b *binding) condition(q *query, zone string, w schema.Window) string {
	event := bound{q: q, column: b.columns[b.event], zone: zone, location: b.location()}
	ingest := event
	ingest.column = b.columns[b.ingest]
	switch {
	case w.Mode == schema.Range:
		return event.from(w.From) + " AND " + event.until(min(w.To, w.Now)) + ingest.nullOr(" AND ", ingest.until(w.Now))
	case w.Mode == schema.Incremental && w.From > schema.BeginningOfTime:
		after := max(w.From-b.view.Origin.LatenessMicros(), schema.BeginningOfTime)
		if !ingest.exists() {
			return event.after(after) + " AND " + event.until(w.To)
		}
		return "(" + event.after(after) + " OR " + ingest.after(after) + ") AND " +
			event.ever(w.To) + ingest.nullOr(" AND ", ingest.until(w.To))
	}
	all := event.ever(w.To)
	if ingest.exists() {
		all += " AND " + ingest.ever(w.To)
	}
	return all
}

// A bound writes comparisons of one time column. They convert the parameter and not
// the column, so that an index on the column can be used.
type bound struct {
	q        *query
	column   sourceColumn
	zone     string
	location *time.Location
}

func (b bound) exists() bool { return b.column.column != "" }

func (b bound) name() string { return "source." + quote(b.column.column) }

func (b bound) until(t int64) string  { return b.compare("<=", t, b.slack(t)) }
func (b bound) before(t int64) string { return b.compare("<", t, b.slack(t)) }
func (b bound) from(t int64) string   { return b.compare(">=", t, -b.slack(t)) }
func (b bound) after(t int64) string {
	if !b.exists() {
		return "false"
	}
	return b.compare(">", t, -b.slack(t))
}

// ever is until, plus rows without a time, or with one past the end of time: such a
// row is bad, and only a read can count it.
func (b bound) ever(t int64) string {
	return "(" + b.until(t) + " OR " + b.name() + " IS NULL OR " + b.name() + " > " + b.endOfTime() + ")"
}

// endOfTime returns [schema.EndOfTime] as SQL of the column's type.
func (b bound) endOfTime() string {
	switch b.column.pg.kind {
	case date:
		return "date '9999-12-31'"
	case timestamp:
		return "timestamp '9999-12-31 23:59:59.999999'"
	}
	return b.q.at(schema.EndOfTime)
}

// nullOr returns a condition that also accepts null. It returns nothing where there is
// no column.
func (b bound) nullOr(joint, condition string) string {
	if !b.exists() {
		return ""
	}
	return joint + "(" + condition + " OR " + b.name() + " IS NULL)"
}

// compare compares the column with a time. A naive column is first compared with the
// local time, widened by slack where clocks were set back, so that an index can be
// used. Then it is compared exactly.
func (b bound) compare(operator string, t, slack int64) string {
	if !b.column.pg.naive() {
		return b.name() + " " + operator + " " + b.q.at(t)
	}
	local := "(" + b.q.at(t+slack) + " AT TIME ZONE " + b.zone + ")"
	if b.column.pg.kind == date {
		local += "::date"
	}
	wide := operator
	if wide == ">" || wide == "<" {
		wide += "="
	}
	return "(" + b.name() + " " + wide + " " + local + " AND " + b.column.expression(b.zone) + " " + operator + " " + b.q.at(t) + ")"
}

// slack returns by how much local time may be out of order around t: the
// difference of the zone's offsets within a day and an hour, in microseconds.
func (b bound) slack(t int64) int64 {
	if !b.column.pg.naive() {
		return 0
	}
	const near = 25 * time.Hour
	at := time.UnixMicro(t).In(b.location)
	_, least := at.Add(-near).Zone()
	most := least
	for x := at.Add(-near); ; {
		_, x = x.ZoneBounds()
		if x.IsZero() || x.After(at.Add(near)) {
			break
		}
		_, offset := x.Zone()
		least, most = min(least, offset), max(most, offset)
	}
	return int64(most-least) * int64(time.Second/time.Microsecond)
}

func (b *binding) location() *time.Location { return zoneNamed(b.zone) }

func zoneNamed(zone string) *time.Location {
	location, err := time.LoadLocation(zone)
	if err != nil { // a catalog with such a zone doesn't compile
		return time.UTC
	}
	return location
}
