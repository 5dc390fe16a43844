package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/postgres"
)

// LoadOptions tune a Load.
type LoadOptions struct {
	// Replace empties the table first, in the same transaction: others see the old rows
	// until all new ones are there.
	Replace bool
	// Zone is the IANA zone of times without one. With it a column of such times may fill a
	// timestamptz, and does in a table that is created. Defaults to none.
	Zone string
	// Skip names columns that are not loaded, of the files or of the table.
	Skip []string
}

func (o *LoadOptions) validate() error {
	if o.Zone == "" {
		return nil
	}
	if _, err := time.LoadLocation(o.Zone); err != nil || o.Zone == "Local" {
		return fmt.Errorf("no time zone %q; write an IANA name such as Europe/Berlin, or UTC", o.Zone)
	}
	return nil
}

// A Load fills a table, in one transaction. The caller closes it. Not safe for concurrent
// use.
type Load struct {
	Table   string // as in "public.daily"
	Created bool   // by this load

	opts    LoadOptions
	held    *pgxpool.Conn
	conn    *pgconn.PgConn
	name    string // quoted
	columns []loadColumn
}

// TableExists reports whether there is a table of a name, as NAME or SCHEMA.NAME.
func (s *Store) TableExists(ctx context.Context, name string) (exists bool, err error) {
	target, err := parseTable(name)
	if err != nil {
		return false, err
	}
	held, err := s.begin(ctx, begin)
	if err != nil {
		return false, loadError(ctx, name, err)
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	defer rollback(conn)
	oid, err := target.find(ctx, conn)
	return oid != "", loadError(ctx, name, err)
}

// Load begins to fill a table, as NAME or SCHEMA.NAME. If there is none, it is created
// with the given columns, and so is its schema.
func (s *Store) Load(ctx context.Context, name string, columns *arrow.Schema, opts LoadOptions) (*Load, error) {
	target, err := parseTable(name)
	if err != nil {
		return nil, err
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	// A large table takes longer than a statement of a run may, and its caller ends it.
	held, err := s.begin(ctx, "BEGIN; SET LOCAL statement_timeout = 0")
	if err != nil {
		return nil, loadError(ctx, name, err)
	}
	l := &Load{Table: name, opts: opts, held: held, conn: held.Conn().PgConn(), name: target.quoted()}
	if err := l.prepare(ctx, target, columns); err != nil {
		l.Close()
		return nil, loadError(ctx, name, err)
	}
	return l, nil
}

func (l *Load) prepare(ctx context.Context, target tablePath, columns *arrow.Schema) error {
	if zone := l.opts.Zone; zone != "" {
		if err := l.conn.ExecParams(ctx, "SELECT set_config('TimeZone', $1, true)", [][]byte{[]byte(zone)}, nil, nil, nil).Read().Err; err != nil {
			return err
		}
	}
	// What is written is in ISO 8601, whatever the settings of the user are.
	if err := exec(ctx, l.conn, "SET LOCAL DateStyle = 'ISO, YMD'"); err != nil {
		return err
	}
	oid, err := target.find(ctx, l.conn)
	if err != nil {
		return err
	}
	if oid == "" {
		if oid, err = l.createOnce(ctx, target, columns); err != nil {
			return err
		}
	}
	if err := l.describe(ctx, oid); err != nil {
		return err
	}
	// COPY sends rows while it waits for a lock; so wait first. Those who read go on.
	lock := "ROW EXCLUSIVE"
	if l.opts.Replace {
		lock = "SHARE ROW EXCLUSIVE" // two that replace would both keep their rows
	}
	if err := exec(ctx, l.conn, "LOCK TABLE "+l.name+" IN "+lock+" MODE"); err != nil {
		return err
	}
	if l.opts.Replace && !l.Created {
		// TRUNCATE would show an empty table to those whose snapshot is older.
		return exec(ctx, l.conn, "DELETE FROM "+l.name)
	}
	return nil
}

// Check returns an error that names each column of a file which does not fit the table.
// The columns of a CSV file are text, whose values fit or don't.
func (l *Load) Check(file string, columns *arrow.Schema, csv bool) error {
	_, err := l.match(file, columns, csv)
	return err
}

// Add appends the rows of a file, and tells progress how many there are so far.
func (l *Load) Add(ctx context.Context, file string, in array.RecordReader, csv bool, progress func(rows int64)) (rows int64, err error) {
	matched, err := l.match(file, in.Schema(), csv)
	if err != nil {
		return 0, err
	}
	names := make([]string, len(matched))
	for i, m := range matched {
		names[i] = quote(m.to.name)
	}
	from := &copyReader{ctx: ctx, in: in, columns: matched, progress: progress}
	// COPY's own goroutine may still read when its connection is lost.
	defer from.stop()
	_, err = l.conn.CopyFrom(ctx, from, fmt.Sprintf("COPY %s (%s) FROM STDIN", l.name, strings.Join(names, ", ")))
	if read := from.stop(); read != nil {
		err = read
	}
	if err != nil {
		return 0, l.fileError(ctx, file, err)
	}
	return from.rows, nil
}

// Commit ends the load: its rows are there for all at once.
func (l *Load) Commit(ctx context.Context) error {
	// Without statistics, the first queries of a table that was filled get bad plans.
	if err := exec(ctx, l.conn, "ANALYZE "+l.name+"; COMMIT"); err != nil {
		return loadError(ctx, l.Table, err)
	}
	return nil
}

// Close gives up a load that was not committed: nothing of it stays.
func (l *Load) Close() {
	if l.held == nil {
		return
	}
	if l.conn.TxStatus() != 'I' {
		rollback(l.conn)
	}
	l.held.Release()
	l.held = nil
}

// fileError names the row of a file whose value Postgres refused.
func (l *Load) fileError(ctx context.Context, file string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w; nothing was loaded", file, cause)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if at := copyPlace.FindStringSubmatch(pg.Where); at != nil {
			place := "row " + at[1]
			if at[2] != "" {
				place += fmt.Sprintf(", column %q", at[2])
			}
			said := pg.Message
			if pg.Detail != "" {
				said += " (" + strings.TrimSuffix(pg.Detail, ".") + ")"
			}
			return fmt.Errorf("%s: %s: Postgres says: %s", file, place, said)
		}
	}
	var bad *badCell
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", file, bad)
	}
	return fmt.Errorf("%s: %w", file, loadError(ctx, l.Table, err))
}

// loadError explains a failure of Postgres for a table that is filled.
func loadError(ctx context.Context, table string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, postgres.ErrSilent):
		return errors.New("Postgres does not answer; check that it runs and isn't stopped or cut off")
	case errors.As(err, &pg):
		switch class := pg.Code[:min(2, len(pg.Code))]; {
		case pg.Code == insufficientPrivilege:
			return fmt.Errorf("table %s: %s; grant the user of --postgres CREATE on the schema, or INSERT, SELECT and with --replace DELETE on the table", table, pg.Message)
		case pg.Code == lockNotAvailable:
			return fmt.Errorf("table %s was locked for longer than a minute; let whoever holds the lock finish, and try again", table)
		case class == "28" || class == "3D":
			return fmt.Errorf("Postgres refused the connection: %s; check the user, the password and the database", pg.Message)
		}
		said := pg.Message
		if pg.Detail != "" {
			said += " (" + strings.TrimSuffix(pg.Detail, ".") + ")"
		}
		return fmt.Errorf("table %s: Postgres says: %s", table, said)
	case errors.As(err, &connect):
		return errors.New("Postgres can't be reached; check that it runs and that the address is right")
	case pgconn.SafeToRetry(err), pgconn.Timeout(err):
		return errors.New("the connection to Postgres was lost; nothing was loaded")
	}
	return err
}
