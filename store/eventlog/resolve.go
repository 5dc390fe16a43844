package eventlog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// A standing is the last row that an id has, in the log or in the batch that is made.
type standing struct {
	known  bool
	counts bool // the last row is an event, and not its retraction
	row    int  // in the events that it is in
	events *Events
	added  bool // events are the batch that is made
}

// resolve decides what each event adds to the log: rows in the order that batches have
// them. The last of them belong to a batch of their own: they retract rows before them,
// so that a message which is read once more finds its id, and stays retracted.
func (l *Log) resolve(ctx context.Context, tx pgx.Tx, a *Addition, at int64) (rows *Events, after int, added Added, err error) {
	events := a.Events
	rows = NewEvents(l.stream, events.Len())
	if l.stream.EventID == "" {
		for i := range events.Len() {
			rows.Append(events, i)
		}
		rows.Deleted = make([]bool, rows.Len())
		added.Appended = int64(rows.Len())
		return rows, 0, added, nil
	}
	since := time.UnixMicro(at).Add(-l.stream.DedupWindow().Std()).UTC()
	if a.Past != NotPast {
		since = time.Time{}
	}
	last, err := l.lastOf(ctx, tx, events.IDs, since)
	if err != nil {
		return nil, 0, added, err
	}
	removed := NewEvents(l.stream, 0)     // old rows, with sign -1
	kept := make([]bool, 0, events.Len()) // of each row: whether it is still wanted
	var brief []int                       // rows that an event after them retracts
	for i, id := range events.IDs {
		s := last[id]
		retract := events.Retract[i]
		switch {
		case retract && !s.counts:
			added.Unknown++
			continue
		case !retract && s.known && (l.stream.OnDuplicate != schema.ReplaceWith || a.Past == OnlyMore):
			added.Duplicate++
			continue
		case !retract && s.counts && sameEvent(events, i, s.events, s.row):
			added.Duplicate++
			continue
		}
		if s.counts {
			switch {
			case !s.added:
				removed.Append(s.events, s.row)
				removed.Retract[removed.Len()-1] = true
			case l.stream.OnDuplicate == schema.ReplaceWith: // it needs never be in the log
				kept[s.row] = false
			default:
				brief = append(brief, s.row)
			}
		}
		if retract {
			added.Retracted++
			last[id] = standing{known: true}
			continue
		}
		if s.counts {
			added.Corrected++
		}
		added.Appended++
		last[id] = standing{known: true, counts: true, row: rows.Len(), events: rows, added: true}
		rows.Append(events, i)
		kept = append(kept, true)
	}
	out := l.inOrder(removed, rows, kept)
	for _, row := range brief {
		out.Append(rows, row)
		out.Retract[out.Len()-1] = true
		out.Deleted = append(out.Deleted, true)
	}
	return out, len(brief), added, nil
}

// inOrder returns the rows of a batch: those that are retracted first.
func (l *Log) inOrder(removed, rows *Events, kept []bool) *Events {
	corrected := map[string]bool{}
	for i, id := range rows.IDs {
		if kept[i] {
			corrected[id] = true
		}
	}
	out := NewEvents(l.stream, removed.Len()+rows.Len())
	var deleted []bool
	removed.Seqs = removed.Seqs[:0]
	for i, id := range removed.IDs {
		out.Append(removed, i)
		deleted = append(deleted, !corrected[id])
	}
	for i := range rows.Len() {
		if kept[i] {
			out.Append(rows, i)
			deleted = append(deleted, false)
		}
	}
	out.Deleted = deleted
	return out
}

// sameEvent reports whether two events have the same values, bit for bit.
func sameEvent(a *Events, i int, b *Events, j int) bool {
	for f := range a.Fields {
		if !a.Fields[f].EqualRow(i, &b.Fields[f], j) {
			return false
		}
	}
	return true
}

// lastOf returns the last row of each id in the log, among those with a stamp from since
// on.
func (l *Log) lastOf(ctx context.Context, tx pgx.Tx, ids []string, since time.Time) (map[string]standing, error) {
	last := make(map[string]standing, len(ids))
	unique := slices.Clone(ids)
	slices.Sort(unique)
	unique = slices.Compact(unique)
	sql := fmt.Sprintf(`SELECT DISTINCT ON (%[2]s) %[1]s FROM %[3]s WHERE %[2]s = ANY($1) AND %[4]s >= $2
		ORDER BY %[2]s, %[5]s DESC, %[6]s DESC`, l.columns, schema.LogID, l.table, schema.LogAt, schema.LogSeq, schema.LogSign)
	found := NewEvents(l.stream, 0)
	if err := l.collect(ctx, tx, found, sql, unique, since); err != nil {
		return nil, err
	}
	for i, id := range found.IDs {
		last[id] = standing{known: true, counts: !found.Retract[i], row: i, events: found}
	}
	return last, nil
}

// collect appends the rows of a query in the columns of the log to events.
func (l *Log) collect(ctx context.Context, tx pgx.Tx, into *Events, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		decodeRow(into, rows.RawValues())
	}
	return rows.Err()
}
