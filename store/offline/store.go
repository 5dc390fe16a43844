package offline

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/postgres"
	"larder/schema"
)

// cancelDelay is how long Postgres has to end a cancelled query before its connection
// is closed.
const cancelDelay = 2 * time.Second

// A Store reads sources in one Postgres database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	opts Options
}

// Options tune a Store.
type Options struct {
	// MaxConns bounds the connections to Postgres: a window holds one while it is
	// read. Defaults to 8: two runs at once, as many that wait for a slow source, a second
	// one for a moment when a run starts, and two backfills.
	MaxConns int
	// Role is what the SQL of sources has the rights of, by SET ROLE. A query can undo SET
	// ROLE, so the user of the address is a bound too, and both are checked: see
	// [Store.Rights]. Defaults to the user of the address.
	Role string
	// Roles are the same for the sources of some projects, by their names; those of all others
	// have Role, or are refused if it is empty. A role that can undo SET ROLE is refused.
	Roles map[string]string
	// Schemas are those that sources may read. Defaults to all but Larder's and Postgres's own.
	Schemas []string
	// LoadsOnly says that the store is for [Store.Load] by a person, whose rights aren't
	// checked. No source can be read.
	LoadsOnly bool
}

func (o Options) withDefaults() Options {
	o.MaxConns = cmp.Or(o.MaxConns, 8)
	return o
}

// Open returns a store of the database that dsn names: a URL or key=value pairs,
// as libpq reads them. It does not connect; a Postgres that can't be reached
// fails the calls that need it, as Unavailable.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	config, err := postgres.ParsePool(dsn)
	if err != nil {
		return nil, schema.BadDSN.Errorf("%v", err)
	}
	config.MaxConns = int32(opts.MaxConns)
	config.MinConns, config.MinIdleConns = 0, 0
	postgres.BoundPool(config)
	conn := config.ConnConfig
	conn.RuntimeParams["client_encoding"] = "UTF8"
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "larder"
	}
	s := &Store{opts: opts}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if !opts.LoadsOnly {
			if err := s.become(ctx, c.PgConn()); err != nil {
				return err
			}
		}
		return exec(ctx, c.PgConn(), limits+postgres.HideOwnTables)
	}
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelDelay}
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open the offline store: %w", err)
	}
	return s, nil
}

// limits end what would hold a connection for ever: a statement that no caller has
// bounded, the wait for a lock on a source, a transaction whose server is gone. Settings
// of the address or of the user that are shorter stay.
const limits = `SELECT set_config(name, least_of.value, false) FROM (VALUES
	('statement_timeout', '1h'), ('lock_timeout', '1min'), ('idle_in_transaction_session_timeout', '10min')) AS least_of (name, value)
	WHERE current_setting(name) = '0'; `

// Close closes all connections, when those in use are given back.
func (s *Store) Close() { postgres.Close(s.pool) }

// snapshot runs fn in a transaction with a snapshot of the database, when the source of
// the view has passed [Store.fence].
func (s *Store) snapshot(ctx context.Context, view *schema.View, fn func(context.Context, *pgconn.PgConn) error) (err error) {
	ctx, done := postgres.Trace(ctx, "source "+view.Origin.Name, "")
	defer func() { done(err) }()
	return sourceError(ctx, view, s.transaction(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := s.fence(ctx, conn, sourceNamed(view.Origin.Name), view.Origin); err != nil {
			return err
		}
		return fn(ctx, conn)
	}))
}

// transaction runs fn in a transaction that is rolled back: whatever a function of a query
// has left in it, such as a NOTIFY or a setting, is gone.
func (s *Store) transaction(ctx context.Context, fn func(context.Context, *pgconn.PgConn) error) error {
	held, err := s.begin(ctx, begin+within(ctx))
	if err != nil {
		return err
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	defer rollback(conn)
	return fn(ctx, conn)
}

// within returns the statement that bounds those of a transaction by the deadline of
// ctx, if it has one and no shorter limit holds. Postgres stops them also when this process
// can't ask it to.
func within(ctx context.Context) string {
	deadline, has := ctx.Deadline()
	if !has {
		return ""
	}
	const grace = time.Second // ctx ends first: its cause says more
	limit := max(0, time.Until(deadline).Milliseconds()) + grace.Milliseconds()
	return fmt.Sprintf("; SELECT set_config('statement_timeout', '%[1]d', true) WHERE current_setting('statement_timeout') = '0' "+
		"OR current_setting('statement_timeout')::interval > '%[1]d milliseconds'", limit)
}

// begin returns a connection on which sql has begun a transaction. A connection that
// waited in the pool may have died with its Postgres; then begin takes another.
func (s *Store) begin(ctx context.Context, sql string) (*pgxpool.Conn, error) {
	for tries := s.pool.Config().MaxConns; ; tries-- {
		held, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		conn := held.Conn().PgConn()
		err = exec(ctx, conn, sql)
		if err == nil {
			return held, nil
		}
		died := conn.IsClosed()
		if !died {
			rollback(conn)
		}
		held.Release()
		if !died || ctx.Err() != nil || tries == 0 {
			return nil, err
		}
	}
}

// endSQL ends a transaction, and what a function of a query may have left in the session.
const endSQL = "ROLLBACK; SELECT pg_advisory_unlock_all()"

// rollback ends a transaction. If that fails, the connection is closed and the pool drops
// it.
func rollback(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelDelay)
	defer cancel()
	if conn.IsClosed() || exec(ctx, conn, endSQL) == nil {
		return
	}
	_ = conn.Close(ctx) // closed either way
}

func exec(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	return conn.Exec(ctx, sql).Close()
}
