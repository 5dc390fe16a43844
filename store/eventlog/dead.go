package eventlog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxDeadBytes bounds what is kept of the message of a dead letter.
const MaxDeadBytes = 64 << 10

// A DeadLetter is a message that could not become an event.
type DeadLetter struct {
	ID      int64
	At      time.Time
	Reason  string // as in WRONG_TYPE
	Detail  string
	Part    string // where the message was
	Offset  int64
	Message []byte // its first MaxDeadBytes
	Bytes   int64  // of the whole message
	Retried bool   // it was appended after all
}

// NewDeadLetter returns a dead letter of a message.
func NewDeadLetter(reason, detail, part string, offset int64, message []byte) DeadLetter {
	return DeadLetter{
		Reason: reason, Detail: detail, Part: part, Offset: offset,
		Message: append([]byte{}, message[:min(len(message), MaxDeadBytes)]...), Bytes: int64(len(message)),
	}
}

const deadColumns = `id, at, reason, detail, part, "offset", message, bytes, retried_at IS NOT NULL`

// Dead returns the newest dead letters, newest first, with ids below before; 0 means all.
// With pending, only those that were not retried.
func (l *Log) Dead(ctx context.Context, before int64, limit int, pending bool) ([]DeadLetter, error) {
	rows, err := l.store.pool.Query(ctx, `SELECT `+deadColumns+` FROM larder.dead_letters
		WHERE stream = $1 AND ($2 = 0 OR id < $2) AND (NOT $4 OR retried_at IS NULL) ORDER BY id DESC LIMIT $3`, l.stream.Name, before, limit, pending)
	if err != nil {
		return nil, l.explain(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	return all, l.explain(err)
}

// DeadByID returns some dead letters of the stream, in the order of their ids.
func (l *Log) DeadByID(ctx context.Context, ids []int64) ([]DeadLetter, error) {
	rows, err := l.store.pool.Query(ctx, "SELECT "+deadColumns+" FROM larder.dead_letters WHERE stream = $1 AND id = ANY($2) ORDER BY id", l.stream.Name, ids)
	if err != nil {
		return nil, l.explain(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	return all, l.explain(err)
}
