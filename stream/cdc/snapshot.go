package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"larder/stream/source"
)

// rows gives every row of a snapshot. The last batch has the position.
func (s *Source) rows(ctx context.Context, snapshot string, at pglogrepl.LSN) error {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return err
	}
	defer closeConn(conn.PgConn())
	conn.PgConn().Frontend().SetMaxBodyLen(maxRowBytes)
	begin := fmt.Sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '%s'", snapshot)
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return fmt.Errorf("use the slot's snapshot: %w", err)
	}
	columns, err := s.columns(ctx, conn)
	if err != nil {
		return err
	}
	results := conn.PgConn().Exec(ctx, fmt.Sprintf("SELECT %s FROM ONLY %s", columns, s.from)) // as text, row by row
	defer results.Close()
	batch := &collector{give: func(ctx context.Context, b source.Batch) error {
		return s.mail.put(ctx, b, time.Hour, func() error { return nil })
	}}
	for results.NextResult() {
		if err := s.snapshotRows(ctx, results.ResultReader(), at, batch); err != nil {
			return err
		}
	}
	if err := results.Close(); err != nil {
		return s.tooLarge(fmt.Errorf("read the rows: %w", err))
	}
	return batch.flush(ctx, s.positions(at))
}

// columns returns the columns that changes have too: those that are not generated.
func (s *Source) columns(ctx context.Context, conn *pgx.Conn) (string, error) {
	const sql = "SELECT attname FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
	rows, err := conn.Query(ctx, sql, s.oid)
	if err != nil {
		return "", err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for i, name := range names {
		names[i] = quote(name)
	}
	return strings.Join(names, ", "), err
}

func (s *Source) snapshotRows(ctx context.Context, rows *pgconn.ResultReader, at pglogrepl.LSN, batch *collector) error {
	layout := shape{}
	for _, field := range rows.FieldDescriptions() {
		layout.columns = append(layout.columns, column{name: field.Name, kind: s.kind(field.DataTypeOID)})
	}
	for rows.NextRow() {
		value, err := layout.json(rows.Values())
		if err != nil {
			return fmt.Errorf("a row: %w", err)
		}
		if err := batch.add(ctx, source.Message{Offset: int64(at), Value: value}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) positions(next pglogrepl.LSN) []source.Position {
	return []source.Position{{Incarnation: s.incarnation, Next: int64(next)}}
}

// tooLarge explains a row that is longer than we read.
func (s *Source) tooLarge(err error) error {
	var long *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &long) {
		return s.stop("a row has more than %d MiB; shorten it, or leave it out and run larder stream seek", maxRowBytes>>20)
	}
	return err
}

// A collector makes batches of messages.
type collector struct {
	give  func(context.Context, source.Batch) error
	batch source.Batch
	bytes int
}

// add takes a message, and gives a batch before it gets too large.
func (c *collector) add(ctx context.Context, m source.Message) error {
	if len(c.batch.Messages) == maxMessages || (len(c.batch.Messages) > 0 && c.bytes+len(m.Value) > maxMessageBytes) {
		if err := c.flush(ctx, nil); err != nil {
			return err
		}
	}
	c.batch.Messages = append(c.batch.Messages, m)
	c.bytes += len(m.Value)
	return nil
}

// flush gives what there is, with positions that hold once it is in the log.
func (c *collector) flush(ctx context.Context, positions []source.Position) error {
	batch := c.batch
	batch.Positions = append(batch.Positions, positions...)
	c.batch, c.bytes = source.Batch{}, 0
	if len(batch.Messages) == 0 && len(batch.Positions) == 0 {
		return nil
	}
	return c.give(ctx, batch)
}
