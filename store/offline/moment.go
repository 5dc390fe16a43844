package offline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/schema"
)

// A Moment is a snapshot of the database, with the sources of some views. Several
// sessions read it at once, each over its own connection, and all see the same rows.
// It is safe for concurrent use.
//
// It writes nothing, so it also works on a standby. While it is open, Postgres can't
// vacuum rows that are deleted meanwhile.
type Moment struct {
	store    *Store
	bindings []*binding
	first    *pgxpool.Conn
	id       string // of the snapshot, for other connections
	given    atomic.Bool
}

// begin opens a transaction that sees one moment.
const begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

// settings are those of a moment. A session waits while others of its moment read, so it
// may be idle for longer than a transaction of one read. JIT is off because compiling a
// query takes longer than running a chunk of it.
const settings = "SET LOCAL idle_in_transaction_session_timeout = '1h'; SET LOCAL jit = off"

// A session returns to its savepoint after a read whose visitor failed: cancelling the
// query aborted the transaction. The snapshot stays.
const (
	save    = "SAVEPOINT unread"
	restore = "ROLLBACK TO SAVEPOINT unread"
)

// Moment returns a snapshot of the current database. It holds a connection until it is
// closed. It refuses sources that can't be read as declared, as [Store.Check] does.
func (s *Store) Moment(ctx context.Context, views []*schema.View) (*Moment, error) {
	m := &Moment{store: s}
	held, err := s.begin(ctx, begin+"; "+settings+within(ctx))
	if err != nil {
		return nil, databaseError(ctx, err)
	}
	m.first = held
	conn := held.Conn().PgConn()
	if err := s.fenceAll(ctx, conn, views); err != nil {
		m.Close()
		return nil, err
	}
	for _, v := range views {
		err := s.as(ctx, conn, v.Origin)
		var b *binding
		if err == nil {
			b, err = bind(ctx, conn, v)
		}
		if err != nil {
			m.Close()
			return nil, sourceError(ctx, v, err)
		}
		m.bindings = append(m.bindings, b)
	}
	result := conn.ExecParams(ctx, "SELECT pg_export_snapshot()", nil, nil, nil, nil).Read()
	if result.Err != nil {
		m.Close()
		return nil, databaseError(ctx, result.Err)
	}
	m.id = string(result.Rows[0][0])
	if err := exec(ctx, conn, save); err != nil { // no snapshot can be exported after it
		m.Close()
		return nil, databaseError(ctx, err)
	}
	return m, nil
}

// fenceAll is [Store.fence] of the sources of some views, before any of them is read.
func (s *Store) fenceAll(ctx context.Context, conn *pgconn.PgConn, views []*schema.View) error {
	for _, v := range views {
		if err := s.fence(ctx, conn, sourceNamed(v.Origin.Name), v.Origin); err != nil {
			return sourceError(ctx, v, err)
		}
	}
	return nil
}

// Close releases the moment and its connection. Its sessions must have ended.
func (m *Moment) Close() {
	rollback(m.first.Conn().PgConn())
	m.first.Release()
}

// A Session is one connection's view of a moment. Not safe for concurrent use.
type Session struct {
	moment *Moment
	held   *pgxpool.Conn
	own    bool
	conn   *pgconn.PgConn
}

// Session returns a session of the moment. The first uses the moment's connection;
// others wait until one is free.
func (m *Moment) Session(ctx context.Context) (*Session, error) {
	if m.given.CompareAndSwap(false, true) {
		return &Session{moment: m, held: m.first, conn: m.first.Conn().PgConn()}, nil
	}
	// The name comes from Postgres: digits and dashes.
	held, err := m.store.begin(ctx, begin+"; SET TRANSACTION SNAPSHOT '"+m.id+"'; "+settings+within(ctx)+"; "+save)
	if err != nil {
		return nil, databaseError(ctx, fmt.Errorf("share a snapshot: %w", err))
	}
	return &Session{moment: m, held: held, own: true, conn: held.Conn().PgConn()}, nil
}

// Close ends the session.
func (s *Session) Close() {
	if s.own {
		rollback(s.conn)
		s.held.Release()
	}
}

// binding returns a view of the moment, and gives the session the role of its source.
func (s *Session) binding(ctx context.Context, view int) (*binding, error) {
	b := s.moment.bindings[view]
	return b, sourceError(ctx, b.view, s.moment.store.as(ctx, s.conn, b.view.Origin))
}

// restore makes the session usable after its visitor ended a read, and returns the
// visitor's error.
func (s *Session) restore(ctx context.Context, visited error) error {
	if ctx.Err() != nil { // the session ends too
		return visited
	}
	if err := exec(ctx, s.conn, restore); err != nil {
		return databaseError(ctx, fmt.Errorf("go on after a read that was stopped: %w", err))
	}
	return visited
}

// databaseError is sourceError for failures that don't concern a source.
func databaseError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var said *schema.Error
	if errors.As(err, &said) {
		return err
	}
	return schema.SourceUnreachable.Wrap(err,
		"the Postgres of the sources can't be reached or has no free connection; check that it runs and that the address is right")
}
