package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/postgres"
	"larder/schema"
)

// maxRead bounds the events that a reader of a log holds at once, unless one batch has
// more.
const maxRead = 16 << 10

// Read calls visit with the batches after a number, in their order: each call has one or
// several whole batches. It returns the number of the last batch that the log had, and a
// stamp: no batch after it has an earlier one. visit may keep the events.
func (l *Log) Read(ctx context.Context, after int64, visit func(events *Events) error) (seq, at int64, err error) {
	state, err := l.State(ctx)
	if err != nil || state.Seq <= after {
		return state.Seq, state.At, err
	}
	ctx, done := postgres.Trace(ctx, "read stream "+l.stream.Name, "")
	defer func() { done(err) }()
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s > $1 AND %[3]s <= $2 ORDER BY %[3]s, %[4]s", l.columns, l.table, schema.LogSeq, schema.LogSign)
	err = l.each(ctx, l.store.pool, visit, func(e *Events, i int) bool { return e.Seqs[i] == e.Seqs[i-1] }, sql, after, state.Seq)
	return state.Seq, state.At, err
}

// ReadKey calls visit with the events of one key up to a batch, in the order of batches.
func (l *Log) ReadKey(ctx context.Context, keys []schema.JoinKey, values []any, until int64, visit func(events *Events) error) error {
	var where strings.Builder
	args := []any{until}
	for i, k := range keys {
		args = append(args, values[i])
		fmt.Fprintf(&where, " AND %s = $%d", quote(k.Name), i+2)
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s <= $1%s ORDER BY %[3]s, %[5]s", l.columns, l.table, schema.LogSeq, where.String(), schema.LogSign)
	return l.each(ctx, l.store.pool, visit, nil, sql, args...)
}

// ReadAll calls visit with all events up to a batch, key by key, and those of a key in
// the order of batches. Events without a key are left out. A call may end within a key.
func (l *Log) ReadAll(ctx context.Context, keys []schema.JoinKey, until int64, visit func(events *Events) error) error {
	var where, order strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&where, " AND %s IS NOT NULL", quote(k.Name))
		order.WriteString(quote(k.Name) + collation(k.Type) + ", ")
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s <= $1%s ORDER BY %s%[3]s, %[6]s", l.columns, l.table, schema.LogSeq, where.String(), order.String(), schema.LogSign)
	tx, err := l.store.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return l.explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it has only read
	// Postgres would follow the index of the keys, and fetch the rows one by one from all over
	// the table. To read the table from end to end and sort takes half as long.
	if _, err := tx.Exec(ctx, "SELECT set_config(name, 'off', true) FROM pg_settings WHERE name = 'enable_incremental_sort'"); err != nil {
		return l.explain(err)
	}
	return l.each(ctx, tx, visit, nil, sql, until)
}

// collation orders texts by their bytes, as an index for it does.
func collation(t schema.Type) string {
	if t == schema.String {
		return ` COLLATE "C"`
	}
	return ""
}

// A querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// each calls visit with the rows of a query, some at a time. together says of a row that
// it must be in one call with the row before; nil lets all be apart.
func (l *Log) each(ctx context.Context, on querier, visit func(*Events) error, together func(e *Events, i int) bool, sql string, args ...any) error {
	rows, err := on.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return l.explain(err)
	}
	defer rows.Close()
	events := NewEvents(l.stream, 0)
	for rows.Next() {
		decodeRow(events, rows.RawValues())
		n := events.Len()
		if n <= maxRead || together != nil && together(events, n-1) {
			continue
		}
		next := NewEvents(l.stream, n)
		next.Append(events, n-1)
		events.Truncate(n - 1)
		if err := visit(events); err != nil {
			return err
		}
		events = next
	}
	if err := rows.Err(); err != nil {
		return l.explain(err)
	}
	if events.Len() == 0 {
		return nil
	}
	return visit(events)
}

// Listen calls told with the name of each stream that gets a batch, until ctx ends or the
// connection breaks.
func (s *Store) Listen(ctx context.Context, told func(stream string)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	own := conn.Hijack()                        // it listens for ever
	defer own.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it is given up
	if _, err := own.Exec(ctx, "LISTEN "+Channel); err != nil {
		return err
	}
	for {
		n, err := own.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		told(n.Payload)
	}
}

// Stamp returns the stamp of a batch; false when the log has no row of it.
func (l *Log) Stamp(ctx context.Context, seq int64) (at int64, found bool, err error) {
	rows, err := l.store.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1 LIMIT 1", schema.LogAt, l.table, schema.LogSeq), seq)
	if err != nil {
		return 0, false, l.explain(err)
	}
	stamps, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil || len(stamps) == 0 {
		return 0, false, l.explain(err)
	}
	return stamps[0].UnixMicro(), true, nil
}
