package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/stream/source"
)

// A Holder is a process that may read the source of a stream.
type Holder struct {
	ID     string // of the process; two processes never have the same
	Server string // its name, for people
}

// A Lease is the right to read the source of a stream.
type Lease struct {
	Epoch     int64
	Positions []source.Position // how far the parts of the source are in the log
}

// Acquire takes the lease of a stream for some time, if it is free, was not renewed in
// time, or is the holder's already. It returns nil when another process has it, when the
// stream is paused, or when its source has failed.
func (l *Log) Acquire(ctx context.Context, holder Holder, ttl time.Duration) (*Lease, error) {
	var lease Lease
	err := l.store.pool.QueryRow(ctx, `UPDATE larder.streams SET holder = $2, server = $3, until = clock_timestamp() + $4,
			epoch = epoch + CASE WHEN holder = $2 AND until > clock_timestamp() THEN 0 ELSE 1 END
		WHERE name = $1 AND NOT paused AND failed IS NULL AND (holder IS NULL OR holder = $2 OR until < clock_timestamp())
		RETURNING epoch`, l.stream.Name, holder.ID, holder.Server, ttl).Scan(&lease.Epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		lease.Positions, err = l.Positions(ctx)
	}
	if err != nil {
		return nil, l.explain(err)
	}
	return &lease, nil
}

// Renew keeps a lease for some more time, and moves the stamp of the stream to now: no
// later batch has an earlier one. With caughtUp false the stamp stays. It returns
// ErrFenced when the lease is lost, or the stream was paused.
func (l *Log) Renew(ctx context.Context, epoch int64, ttl time.Duration, caughtUp bool, state []byte) error {
	var paused bool
	err := l.store.pool.QueryRow(ctx, `UPDATE larder.streams SET until = clock_timestamp() + $3, state = $5,
			at = CASE WHEN $4 THEN greatest(clock_timestamp(), at) ELSE at END
		WHERE name = $1 AND epoch = $2 RETURNING paused`, l.stream.Name, epoch, ttl, caughtUp, state).Scan(&paused)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && paused {
		return ErrFenced
	}
	return l.explain(err)
}

// Release gives a lease back, so that another process needs not wait for its end.
func (l *Log) Release(ctx context.Context, epoch int64) error {
	_, err := l.store.pool.Exec(ctx, "UPDATE larder.streams SET until = '-infinity' WHERE name = $1 AND epoch = $2", l.stream.Name, epoch)
	return l.explain(err)
}

// Fail records why the source can't go on. It is not read again until [Log.Resume].
func (l *Log) Fail(ctx context.Context, epoch int64, why string) error {
	_, err := l.store.pool.Exec(ctx, "UPDATE larder.streams SET failed = $3, until = '-infinity' WHERE name = $1 AND epoch = $2", l.stream.Name, epoch, why)
	return l.explain(err)
}

// Pause stops the reading of the source, on whatever server.
func (l *Log) Pause(ctx context.Context) error {
	return l.change(ctx, "UPDATE larder.streams SET paused = true WHERE name = $1")
}

// Resume starts the reading of the source again, after a pause or a failure.
func (l *Log) Resume(ctx context.Context) error {
	return l.change(ctx, "UPDATE larder.streams SET paused = false, failed = NULL WHERE name = $1")
}

func (l *Log) change(ctx context.Context, sql string, args ...any) error {
	_, err := l.store.pool.Exec(ctx, sql, append([]any{l.stream.Name}, args...)...)
	return l.explain(err)
}

// Seek lets the source be read on from other positions. The epoch is raised, so that the
// server that reads it now begins again from there. No positions: as if it had never
// been read.
func (l *Log) Seek(ctx context.Context, positions []source.Position) error {
	tx, err := l.store.pool.Begin(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit there is nothing to roll back
	var batch pgx.Batch
	batch.Queue("UPDATE larder.streams SET epoch = epoch + 1, until = '-infinity', failed = NULL WHERE name = $1", l.stream.Name)
	if len(positions) == 0 {
		batch.Queue("DELETE FROM larder.stream_offsets WHERE stream = $1", l.stream.Name)
	}
	for _, p := range positions {
		batch.Queue(`INSERT INTO larder.stream_offsets (stream, part, incarnation, next) VALUES ($1, $2, $3, $4)
			ON CONFLICT (stream, part) DO UPDATE SET incarnation = excluded.incarnation, next = excluded.next`, l.stream.Name, p.Part, p.Incarnation, p.Next)
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return l.explain(err)
	}
	return l.explain(tx.Commit(ctx))
}

// Positions returns how far the parts of the source are in the log.
func (l *Log) Positions(ctx context.Context) ([]source.Position, error) {
	rows, err := l.store.pool.Query(ctx, "SELECT part, incarnation, next FROM larder.stream_offsets WHERE stream = $1 ORDER BY part", l.stream.Name)
	if err != nil {
		return nil, l.explain(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[source.Position])
	return all, l.explain(err)
}

// A State is what Postgres knows about a stream.
type State struct {
	Seq    int64 // the number of the last batch
	At     int64 // no later batch has an earlier stamp; microseconds since 1970 UTC
	Server string
	Held   bool // a server holds the lease
	Paused bool
	Failed string // why the source stopped; empty while it works
	Source []byte // what the holder told last about its source, as JSON
	Dead   int64  // dead letters that were not retried
}

// State returns what Postgres knows about the stream.
func (l *Log) State(ctx context.Context) (State, error) {
	var s State
	var at time.Time
	err := l.store.pool.QueryRow(ctx, `SELECT seq, at, coalesce(server, ''), until > clock_timestamp(), paused, coalesce(failed, ''), state,
			(SELECT count(*) FROM larder.dead_letters WHERE stream = name AND retried_at IS NULL)
		FROM larder.streams WHERE name = $1`, l.stream.Name).Scan(&s.Seq, &at, &s.Server, &s.Held, &s.Paused, &s.Failed, &s.Source, &s.Dead)
	if errors.Is(err, pgx.ErrNoRows) {
		return State{}, nil
	}
	s.At = at.UnixMicro()
	return s, l.explain(err)
}
