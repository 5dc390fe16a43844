package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgtype"

	"larder/internal/postgres"
	"larder/schema"
)

// Probes each ask for the newest rows of a key at a time.
type Probes struct {
	Keys  [][]byte // as store/row encodes them
	Times []int64  // microseconds since 1970 UTC
	// Arrived asks only for rows whose ingest time is not after the time of the
	// probe; rows without one have always been there.
	Arrived bool
	// Limit is how many rows a probe gets at most, newest first: by the largest event
	// time, then by the largest ingest time.
	Limit int
}

// Answers are some of the rows that probes asked for.
type Answers struct {
	Record arrow.Record
	Probes []int32 // for each row of the record: the probe that it answers
	Bad    []int32 // the probes that bad rows answer; bad rows are in no record
}

// Newest calls visit with the rows of a view that probes ask for, in batches and in
// any order. view is an index into the views of the moment. The record is released
// after visit returns. An error of visit ends the reading and is returned as
// it is; the session can be used again.
func (s *Session) Newest(ctx context.Context, view int, p *Probes, visit func(Answers) error) error {
	b, err := s.binding(ctx, view)
	if err != nil {
		return err
	}
	q, err := b.newestQuery(p)
	if err != nil {
		return err
	}
	err, visited := s.readAnswers(ctx, b, q, visit)
	if visited != nil {
		return s.restore(ctx, visited)
	}
	return sourceError(ctx, b.view, err)
}

// readAnswers separates errors of the read from errors of the visitor.
func (s *Session) readAnswers(ctx context.Context, b *binding, q *query, visit func(Answers) error) (err, visited error) {
	ctx, done := postgres.Trace(ctx, "read "+b.view.Origin.Name, q.sql)
	defer func() { done(err) }()
	reading, stop := context.WithCancelCause(ctx)
	rows := s.conn.ExecParams(reading, q.sql, q.values, q.oids, formats, formats)
	defer func() {
		stop(errStopped) // otherwise Close would read to the end
		_, _ = rows.Close()
	}()
	out := newBatch(b.columns, b.keys)
	var a Answers
	flush := func() error {
		a.Record, _ = out.take()
		defer a.Record.Release()
		err := visit(a)
		a.Probes, a.Bad = a.Probes[:0], a.Bad[:0]
		return err
	}
	for rows.NextRow() {
		values := rows.Values()
		place, bad := readPlace(values[0]), len(out.bad)
		if at := out.add(values[1:]); at >= 0 {
			return b.malformed(at), nil
		}
		if len(out.bad) > bad {
			a.Bad = append(a.Bad, place)
		} else {
			a.Probes = append(a.Probes, place)
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

// readPlace reads the ordinal of a probe, which SQL counts from 1.
func readPlace(raw []byte) int32 {
	v, _ := readInt(raw)
	return int32(v - 1)
}

// newestQuery returns the query that answers probes: for each, a lookup in the source,
// in the order that decides which row wins.
//
// The probes are parameters, not rows of a temporary table. That takes the same time.
// It needs no right to create tables and no writing transaction, and any number of
// connections can share the work.
func (b *binding) newestQuery(p *Probes) (*query, error) {
	if len(p.Keys) != len(p.Times) {
		return nil, errors.New("offline: probes without keys or times")
	}
	q := &query{}
	zone := b.zoneParam(q)
	names, arrays, conditions, err := b.probeColumns(q, zone, p.Keys)
	if err != nil {
		return nil, err
	}
	names, arrays = append(names, "at"), append(arrays, q.param(pgtype.TimestamptzArrayOID, timesArray(p.Times)))

	event, ingest := b.timeColumn(b.event, zone), b.timeColumn(b.ingest, zone)
	conditions = append(conditions, event.until("probe.at"))
	order := event.order() + " DESC"
	if ingest.exists() {
		order += ", " + ingest.order() + " DESC NULLS LAST"
		if p.Arrived {
			conditions = append(conditions, "("+ingest.until("probe.at")+" OR "+ingest.name()+" IS NULL)")
		}
	}
	if tie := b.tie(); tie != "" {
		order += ", " + tie + " DESC"
	}
	q.sql = fmt.Sprintf("SELECT probe.place, %s\nFROM unnest(%s) WITH ORDINALITY AS probe (%s, place)\n"+
		"CROSS JOIN LATERAL (SELECT source.* FROM %s\nWHERE %s\nORDER BY %s LIMIT %d) AS source",
		b.selected(zone), strings.Join(arrays, ", "), strings.Join(names, ", "), fromClause(b.view.Origin),
		strings.Join(conditions, " AND "), order, p.Limit)
	return q, nil
}

// tie returns the expression of which the greatest value wins among rows with the same
// times; empty when the last row that comes wins.
func (b *binding) tie() string {
	if b.view.Origin.TieColumn == "" {
		return ""
	}
	return "source." + quote(b.view.Origin.TieColumn) + ` COLLATE "C"`
}

// malformed is the error of bytes that are not in the format of their type.
func (b *binding) malformed(column int) error {
	return schema.MalformedValue.Errorf("source %q: column %q: the bytes are not a value of type %s",
		b.view.Origin.Name, b.columns[column].column, b.columns[column].pg.name)
}

// A timeColumn is a time column in a query of probes.
type timeColumn struct {
	sourceColumn
	zone  string // the parameter of the zone
	fixed bool   // local times sort as times do
}

func (b *binding) timeColumn(i int, zone string) timeColumn {
	return timeColumn{sourceColumn: b.columns[i], zone: zone, fixed: b.fixedZone()}
}

// fixedZone reports whether the zone of naive times never changes its clocks.
func (b *binding) fixedZone() bool {
	start, end := probeDate.In(b.location()).ZoneBounds()
	return start.IsZero() && end.IsZero()
}

func (t timeColumn) exists() bool { return t.column != "" }

func (t timeColumn) name() string { return "source." + quote(t.column) }

// order returns the expression that orders rows: the plain column if that sorts by
// time, so that an index can be used.
func (t timeColumn) order() string {
	if t.pg.naive() && !t.fixed {
		return t.expression(t.zone)
	}
	return t.name()
}

// until returns the condition that the column is at or before a time. A naive column
// is first compared with a local time, widened by more than any clock was ever set
// back, and then exactly.
func (t timeColumn) until(at string) string {
	if !t.pg.naive() {
		return t.name() + " <= " + at
	}
	wide := at
	if !t.fixed {
		wide = "(" + at + " + interval '25 hours')"
	}
	local := "(" + wide + " AT TIME ZONE " + t.zone + ")"
	if t.pg.kind == date {
		local += "::date"
	}
	if t.fixed {
		return t.name() + " <= " + local
	}
	return t.name() + " <= " + local + " AND " + t.expression(t.zone) + " <= " + at
}
