package eventlog

import (
	"context"
	"fmt"
	"time"

	"larder/schema"
)

// OldestBefore returns the earliest event time in the log that is before a time, in
// microseconds since 1970 UTC; false when there is none. A nil time is after all.
func (l *Log) OldestBefore(ctx context.Context, before *int64) (at int64, found bool, err error) {
	sql := fmt.Sprintf("SELECT min(%s) FROM %s WHERE $1::timestamptz IS NULL OR %[1]s < $1", quote(l.stream.TimestampField), l.table)
	var limit, oldest *time.Time
	if before != nil {
		t := time.UnixMicro(*before).UTC()
		limit = &t
	}
	if err := l.store.pool.QueryRow(ctx, sql, limit).Scan(&oldest); err != nil || oldest == nil {
		return 0, false, l.explain(err)
	}
	return oldest.UnixMicro(), true, nil
}

// Alone runs do while no other process runs Alone for the stream. If one does, it returns
// an error of reason BackfillRuns.
func (l *Log) Alone(ctx context.Context, do func() error) error {
	conn, err := l.store.pool.Acquire(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer conn.Release()
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtext('larder past'), hashtext($1))", l.stream.Name).Scan(&got); err != nil {
		return l.explain(err)
	}
	if !got {
		return schema.BackfillRuns.Errorf("stream %q: another backfill of it is running; wait for its end, or stop it", l.stream.Name)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		if _, err := conn.Exec(end, "SELECT pg_advisory_unlock_all()"); err != nil {
			_ = conn.Conn().Close(end) // Postgres gives the lock back when the connection ends
		}
	}()
	return do()
}

// unlockTime bounds how long a lock is given back.
const unlockTime = 2 * time.Second

// Analyze has Postgres look at the log anew. Until then it reads the whole log for one key,
// if the log has grown much at once; by itself it looks within minutes.
func (l *Log) Analyze(ctx context.Context) error {
	_, err := l.store.pool.Exec(ctx, "ANALYZE "+l.table)
	return l.explain(err)
}
