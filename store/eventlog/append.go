package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/postgres"
	"larder/schema"
	"larder/stream/source"
)

// MaxKeyBytes bounds the idempotency key of a push.
const MaxKeyBytes = 256

// KeepKeys is how long the idempotency keys of pushes are kept.
const KeepKeys = 24 * time.Hour

// An Addition is what one transaction adds to a log.
type Addition struct {
	Events    *Events
	Positions []source.Position // of the source, once the events are in the log
	Dead      []DeadLetter
	Epoch     int64   // of the lease; 0 when none is needed
	Retried   []int64 // the ids of dead letters that the events come from
	Key       string  // of a push: another addition with the same key adds nothing; empty means none
	Past      Past    // says that the events are of the past
}

// Past says whether events are of the past, and what their ids do.
type Past int

// The values of Past.
const (
	NotPast  Past = iota // ids are looked up as far back as the stream says
	AnyAge               // ids are looked up in the whole log
	OnlyMore             // likewise, and an event whose id is there is a duplicate, whatever the stream says of duplicates
)

// An Added is what became of an addition.
type Added struct {
	Seq       int64 `json:"seq"` // the number of the last batch of the log, with the addition
	At        int64 `json:"at"`  // its stamp, in microseconds since 1970 UTC
	Appended  int64 `json:"appended"`
	Duplicate int64 `json:"duplicate"`
	Corrected int64 `json:"corrected"` // among Appended
	Retracted int64 `json:"retracted"`
	Unknown   int64 `json:"unknown"`             // retractions of ids that the log doesn't have
	Forgotten int64 `json:"forgotten,omitempty"` // events of forgotten keys, which are left out
	Repeated  bool  `json:"repeated"`            // the key was used before: these are the numbers of then

	Digest string `json:"digest,omitempty"` // of the events of an addition with a key

	Rows *Events `json:"-"` // the rows that were added, as a reader of the log gets them; nil when Repeated
}

// ErrFenced is the error of an addition whose lease another process has taken over.
var ErrFenced = errors.New("another server writes the stream now")

// Append adds events to the log. When it returns nil they are durable, and whoever reads
// the log sees all of them.
func (l *Log) Append(ctx context.Context, a *Addition) (added Added, err error) {
	ctx, done := postgres.Trace(ctx, "append to stream "+l.stream.Name, "")
	defer func() { done(err) }()
	conn, err := l.store.pool.Acquire(ctx)
	if err != nil {
		return Added{}, l.explain(err)
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Added{}, l.explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit there is nothing to roll back
	added, err = l.append(ctx, conn, tx, a)
	if err != nil && !errors.Is(err, ErrFenced) {
		err = l.explain(err)
	}
	return added, err
}

func (l *Log) append(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx, a *Addition) (Added, error) {
	seq, at, last, err := l.lock(ctx, tx, a.Epoch)
	if err != nil {
		return Added{}, err
	}
	if a.Key != "" {
		if before, found, err := l.repeated(ctx, tx, a); err != nil || found {
			return before, err
		}
	}
	kept := *a
	var left int64
	kept.Events, left = l.remembered(a.Events)
	rows, after, added, err := l.resolve(ctx, tx, &kept, at)
	if err != nil {
		return Added{}, err
	}
	added.Forgotten = left
	added.Seq, added.At, added.Rows = seq-1, last, rows
	if n := rows.Len(); n > 0 {
		rows.stamp(n-after, seq, at)
		rows.stamp(n, seq+1, at+1)
		added.Seq, added.At = rows.Seqs[n-1], rows.Ats[n-1]
		if err := l.copy(ctx, conn.Conn().PgConn(), rows); err != nil {
			return Added{}, err
		}
	}
	return added, l.finish(ctx, tx, a, added)
}

// lock takes the row of the stream, and returns the number and stamp of the next batch
// and the last stamp.
func (l *Log) lock(ctx context.Context, tx pgx.Tx, epoch int64) (seq, at, last int64, err error) {
	var next, before time.Time
	err = tx.QueryRow(ctx, `SELECT seq + 1, greatest(clock_timestamp(), at + interval '1 microsecond'), at
		FROM larder.streams WHERE name = $1 AND ($2 = 0 OR epoch = $2) FOR UPDATE`, l.stream.Name, epoch).Scan(&seq, &next, &before)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && epoch != 0:
		return 0, 0, 0, ErrFenced
	case errors.Is(err, pgx.ErrNoRows):
		return 0, 0, 0, schema.BadStreamLog.Errorf("stream %q has no log yet; apply the definitions again", l.stream.Name)
	}
	return seq, next.UnixMicro(), before.UnixMicro(), err
}

// repeated returns what an addition with the same key was answered.
func (l *Log) repeated(ctx context.Context, tx pgx.Tx, a *Addition) (Added, bool, error) {
	var answer []byte
	err := tx.QueryRow(ctx, "SELECT answer FROM larder.stream_pushes WHERE stream = $1 AND key = $2", l.stream.Name, a.Key).Scan(&answer)
	if errors.Is(err, pgx.ErrNoRows) {
		return Added{}, false, nil
	}
	if err != nil {
		return Added{}, false, err
	}
	var before Added
	if err := json.Unmarshal(answer, &before); err != nil {
		return Added{}, false, fmt.Errorf("the answer to an earlier push: %w", err)
	}
	if before.Digest != "" && before.Digest != l.digest(a.Events) {
		return Added{}, false, schema.IdempotencyKeyReused.Errorf("stream %q: the idempotency key %q was used for other events, at %s; send these with another key", l.stream.Name, a.Key, time.UnixMicro(before.At).UTC().Format(time.RFC3339))
	}
	before.Repeated, before.Digest = true, ""
	return before, true, nil
}

// digest returns what tells events from others, whatever their order. Ids that were made
// up don't count.
func (l *Log) digest(events *Events) string {
	sums := make([][sha256.Size]byte, events.Len())
	var row []byte
	for i := range sums {
		row = append(row[:0], bit(events.Retract[i]))
		for f := range events.Fields {
			row = appendField(row, &events.Fields[f], i)
		}
		sums[i] = sha256.Sum256(row)
	}
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	all := sha256.New()
	for i := range sums {
		all.Write(sums[i][:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

// copy writes rows into the log's table.
func (l *Log) copy(ctx context.Context, conn *pgconn.PgConn, rows *Events) error {
	buffer := appendCopyHeader(make([]byte, 0, rows.Bytes()*2+64))
	for i := range rows.Len() {
		buffer = appendRow(buffer, rows, i)
	}
	_, err := conn.CopyFrom(ctx, bytes.NewReader(appendCopyEnd(buffer)), "COPY "+l.table+" ("+l.columns+") FROM STDIN BINARY")
	return err
}

// finish adds everything that belongs to the events, and commits.
func (l *Log) finish(ctx context.Context, tx pgx.Tx, a *Addition, added Added) error {
	name := l.stream.Name
	var batch pgx.Batch
	for _, p := range a.Positions {
		batch.Queue(`INSERT INTO larder.stream_offsets (stream, part, incarnation, next) VALUES ($1, $2, $3, $4)
			ON CONFLICT (stream, part) DO UPDATE SET incarnation = excluded.incarnation, next = excluded.next`, name, p.Part, p.Incarnation, p.Next)
	}
	for i := range a.Dead {
		d := &a.Dead[i]
		batch.Queue(`INSERT INTO larder.dead_letters (stream, reason, detail, part, "offset", message, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			name, d.Reason, d.Detail, d.Part, d.Offset, d.Message, d.Bytes)
	}
	if len(a.Retried) > 0 {
		done, err := tx.Exec(ctx, "UPDATE larder.dead_letters SET retried_at = clock_timestamp() WHERE stream = $1 AND id = ANY($2) AND retried_at IS NULL", name, a.Retried)
		if err != nil {
			return err
		}
		if done.RowsAffected() != int64(len(a.Retried)) {
			return schema.PostgresUnavailable.Errorf("stream %q: another call has retried some of the dead letters meanwhile; try again", name)
		}
	}
	if a.Key != "" {
		added.Digest = l.digest(a.Events)
		answer, err := json.Marshal(added)
		if err != nil {
			return err
		}
		batch.Queue("INSERT INTO larder.stream_pushes (stream, key, seq, at, answer) VALUES ($1, $2, $3, clock_timestamp(), $4)", name, a.Key, added.Seq, answer)
	}
	if added.Rows.Len() > 0 {
		batch.Queue("UPDATE larder.streams SET seq = $2, at = $3 WHERE name = $1", name, added.Seq, time.UnixMicro(added.At).UTC())
		batch.Queue("SELECT pg_notify('"+Channel+"', $1)", name)
	}
	if batch.Len() > 0 {
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// Channel is where Postgres tells the name of a stream that has a new batch.
const Channel = "larder_streams"
