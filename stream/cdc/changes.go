package cdc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"larder/stream/source"
)

// A reading is the changes of one connection.
type reading struct {
	*Source
	conn      *pgconn.PgConn
	batch     *collector
	relations map[uint32]*relation
	began     *pglogrepl.BeginMessage // of the transaction that is being read; nil between them
	told      pglogrepl.LSN           // the last position that a batch had
	toldAt    time.Time
	sentAt    time.Time // when Postgres was last told what is in the log
}

// A relation is a table as a connection announced it.
type relation struct {
	ours bool
	shape
	id int // the column of event_id; -1 when there is none
}

// changes gives what is committed from at on, until ctx ends.
func (s *Source) changes(ctx context.Context, conn *pgconn.PgConn, at pglogrepl.LSN) error {
	r := &reading{Source: s, conn: conn, relations: map[uint32]*relation{}, told: at, toldAt: time.Now()}
	r.batch = &collector{give: r.give}
	err := r.run(ctx)
	if ctx.Err() != nil {
		_ = r.confirm() // if it doesn't arrive, the next connection says it
	}
	return err
}

func (r *reading) run(ctx context.Context) error {
	for {
		if time.Since(r.sentAt) >= r.opts.Confirm {
			if err := r.confirm(); err != nil {
				return err
			}
		}
		data, err := r.receive(ctx)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		if err := r.handle(ctx, data); err != nil {
			return err
		}
	}
}

// receive returns what Postgres sends next; nil when it is time to confirm.
func (r *reading) receive(ctx context.Context) ([]byte, error) {
	wait, cancel := context.WithDeadline(ctx, r.sentAt.Add(r.opts.Confirm))
	defer cancel()
	message, err := r.conn.ReceiveMessage(wait)
	if err != nil {
		if ctx.Err() == nil && pgconn.Timeout(err) {
			return nil, nil
		}
		return nil, r.tooLarge(err)
	}
	switch m := message.(type) {
	case *pgproto3.CopyData:
		return m.Data, nil
	case *pgproto3.ErrorResponse:
		return nil, pgconn.ErrorResponseToPgError(m)
	case *pgproto3.CopyDone:
		return nil, errors.New("Postgres ended the replication")
	}
	return nil, nil
}

func (r *reading) handle(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return errors.New("an empty message of replication")
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		alive, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return err
		}
		return r.alive(ctx, alive)
	case pglogrepl.XLogDataByteID:
		log, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return err
		}
		return r.logged(ctx, log)
	}
	return fmt.Errorf("an unknown message of replication: %q", data[0])
}

// alive answers Postgres. Between transactions the position moves with its log, now and
// then, also when the table doesn't change.
func (r *reading) alive(ctx context.Context, m pglogrepl.PrimaryKeepaliveMessage) error {
	if r.began == nil && m.ServerWALEnd > r.told && time.Since(r.toldAt) >= r.opts.Confirm {
		if err := r.tell(ctx, m.ServerWALEnd); err != nil {
			return err
		}
	}
	if m.ReplyRequested {
		return r.confirm()
	}
	return nil
}

// tell gives what there is, with its position.
func (r *reading) tell(ctx context.Context, next pglogrepl.LSN) error {
	r.told, r.toldAt = next, time.Now()
	return r.batch.flush(ctx, r.positions(next))
}

// confirm tells Postgres what is in the log. Its answer shows that it is alive.
func (r *reading) confirm() error {
	r.sentAt = time.Now()
	return pglogrepl.SendStandbyStatusUpdate(context.Background(), r.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: r.toConfirm(), ReplyRequested: true,
	})
}

// give leaves a batch for Fetch, and keeps the connection alive while it waits.
func (r *reading) give(ctx context.Context, batch source.Batch) error {
	return r.mail.put(ctx, batch, r.opts.Confirm, r.confirm)
}

func (r *reading) logged(ctx context.Context, log pglogrepl.XLogData) error {
	parsed, err := pglogrepl.Parse(log.WALData)
	if err != nil {
		return err
	}
	switch m := parsed.(type) {
	case *pglogrepl.BeginMessage:
		r.began = m
	case *pglogrepl.CommitMessage:
		r.began = nil
		return r.tell(ctx, m.TransactionEndLSN)
	case *pglogrepl.RelationMessage:
		return r.announce(m)
	case *pglogrepl.InsertMessage:
		return r.insert(ctx, log.WALStart, m)
	case *pglogrepl.UpdateMessage:
		return r.update(ctx, log.WALStart, m)
	case *pglogrepl.DeleteMessage:
		return r.remove(ctx, log.WALStart, m)
	case *pglogrepl.TruncateMessage:
		return r.truncate(ctx, m)
	}
	return nil // origins and types
}

// announce learns the columns of a table, also after they were changed.
func (r *reading) announce(m *pglogrepl.RelationMessage) error {
	known := &relation{ours: m.RelationID == r.oid}
	r.relations[m.RelationID] = known
	if !known.ours {
		return nil
	}
	if m.ReplicaIdentity != 'f' {
		return r.stop("it is not REPLICA IDENTITY FULL any more; run ALTER TABLE %s REPLICA IDENTITY FULL", r.table)
	}
	for _, c := range m.Columns {
		known.columns = append(known.columns, column{name: c.Name, kind: r.kind(c.DataType)})
	}
	known.id = known.find(r.idColumn)
	return nil
}

var errUnannounced = errors.New("a change of a table that was not announced")

// values returns a row's values; nil is null. A value that an update left alone is taken
// from the old row.
func (known *relation) values(row, old *pglogrepl.TupleData) ([][]byte, error) {
	if row == nil {
		return nil, errors.New("a change without its row")
	}
	values := make([][]byte, len(row.Columns))
	for i, c := range row.Columns {
		if c.DataType == pglogrepl.TupleDataTypeToast && old != nil && i < len(old.Columns) {
			c = old.Columns[i]
		}
		switch c.DataType {
		case pglogrepl.TupleDataTypeNull:
		case pglogrepl.TupleDataTypeText:
			values[i] = c.Data
		default:
			return nil, fmt.Errorf("column %d came without its value", i+1)
		}
	}
	return values, nil
}

func (r *reading) insert(ctx context.Context, at pglogrepl.LSN, m *pglogrepl.InsertMessage) error {
	known := r.relations[m.RelationID]
	if known == nil {
		return errUnannounced
	}
	if !known.ours {
		return nil
	}
	values, err := known.values(m.Tuple, nil)
	if err != nil {
		return err
	}
	return r.add(ctx, at, known, values, false)
}

func (r *reading) update(ctx context.Context, at pglogrepl.LSN, m *pglogrepl.UpdateMessage) error {
	known := r.relations[m.RelationID]
	if known == nil {
		return errUnannounced
	}
	if !known.ours {
		return nil
	}
	values, err := known.values(m.NewTuple, m.OldTuple)
	if err != nil {
		return err
	}
	if known.id >= 0 && m.OldTuple != nil {
		old, err := known.values(m.OldTuple, nil)
		if err != nil {
			return err
		}
		if known.id < len(old) && known.id < len(values) && !bytes.Equal(old[known.id], values[known.id]) {
			if err := r.add(ctx, at, known, old, true); err != nil {
				return err
			}
		}
	}
	return r.add(ctx, at, known, values, false)
}

func (r *reading) remove(ctx context.Context, at pglogrepl.LSN, m *pglogrepl.DeleteMessage) error {
	known := r.relations[m.RelationID]
	if known == nil {
		return errUnannounced
	}
	if !known.ours {
		return nil
	}
	if m.OldTupleType != pglogrepl.DeleteMessageTupleTypeOld {
		return r.stop("a delete came without its row; run ALTER TABLE %s REPLICA IDENTITY FULL", r.table)
	}
	values, err := known.values(m.OldTuple, nil)
	if err != nil {
		return err
	}
	return r.add(ctx, at, known, values, true)
}

func (r *reading) add(ctx context.Context, at pglogrepl.LSN, known *relation, values [][]byte, deleted bool) error {
	row, err := known.json(values)
	if err != nil {
		return fmt.Errorf("a row at %s: %w", at, err)
	}
	message := source.Message{Offset: int64(at), Value: row, Deleted: deleted}
	if r.began != nil {
		message.Time = microseconds(r.began.CommitTime)
	}
	return r.batch.add(ctx, message)
}

// truncate tells that rows are gone, after the changes before it.
func (r *reading) truncate(ctx context.Context, m *pglogrepl.TruncateMessage) error {
	for _, id := range m.RelationIDs {
		known := r.relations[id]
		if known == nil || !known.ours {
			continue
		}
		if err := r.batch.flush(ctx, nil); err != nil {
			return err
		}
		at := "an unknown time"
		if r.began != nil {
			at = r.began.CommitTime.UTC().Format(time.RFC3339)
		}
		return r.lose("it was truncated at %s, which doesn't say what rows it had: their events stand in the log", at)
	}
	return nil
}
