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
}

// Options tune a Store.
type Options struct {
	// MaxConns bounds the connections to Postgres: a window holds one while it is
	// read. Defaults to 6: two runs at once, as many that wait for a slow source, and a
	// second one for a moment when a run starts.
	MaxConns int
}

func (o Options) withDefaults() Options {
	o.MaxConns = cmp.Or(o.MaxConns, 6)
	return o
}

// Open returns a store of the database that dsn names: a URL or key=value pairs,
// as libpq reads them. It does not connect; a Postgres that can't be reached
// fails the calls that need it, as Unavailable.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, schema.BadDSN.Wrap(err, "the address of Postgres can't be read; write it as postgres://USER@HOST:PORT/DATABASE")
	}
	config.MaxConns = int32(opts.MaxConns)
	config.MinConns, config.MinIdleConns = 0, 0
	postgres.BoundPool(config)
	conn := config.ConnConfig
	conn.RuntimeParams["client_encoding"] = "UTF8"
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "larder"
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { return exec(ctx, c.PgConn(), limits+hideOwnTables) }
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelDelay}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the offline store: %w", err)
	}
	return &Store{pool: pool}, nil
}

// limits end what would hold a connection for ever: a statement that no caller has
// bounded, the wait for a lock on a source, a transaction whose server is gone. Settings
// of the address or of the user that are shorter stay.
const limits = `SELECT set_config(name, least_of.value, false) FROM (VALUES
	('statement_timeout', '1h'), ('lock_timeout', '1min'), ('idle_in_transaction_session_timeout', '10min')) AS least_of (name, value)
	WHERE current_setting(name) = '0'; `

// hideOwnTables removes Larder's own schema from the search path. For a user named
// larder, Postgres's default is "$user", public: without this, a source whose table is
// runs or versions would be Larder's own table.
const hideOwnTables = `SELECT set_config('search_path', coalesce(nullif(array_to_string(array_remove(current_schemas(false), 'larder'), ', '), ''), 'public'), false)
	WHERE current_user = 'larder'`

// Close closes all connections, when those in use are given back.
func (s *Store) Close() { postgres.Close(s.pool) }

// snapshot runs fn in a transaction with a snapshot of the database.
func (s *Store) snapshot(ctx context.Context, view *schema.View, fn func(context.Context, *pgconn.PgConn) error) (err error) {
	ctx, done := postgres.Trace(ctx, "source "+view.Origin.Name, "")
	defer func() { done(err) }()
	held, err := s.begin(ctx, begin+within(ctx))
	if err != nil {
		return sourceError(ctx, view, err)
	}
	defer held.Release()
	conn := held.Conn().PgConn()
	if err := fn(ctx, conn); err != nil {
		rollback(conn)
		return sourceError(ctx, view, err)
	}
	return sourceError(ctx, view, exec(ctx, conn, "COMMIT"))
}

// within returns the statement that bounds those of a transaction by the deadline of
// ctx, if it has one. Postgres stops them also when this process can't ask it to.
func within(ctx context.Context) string {
	deadline, has := ctx.Deadline()
	if !has {
		return ""
	}
	const grace = time.Second // ctx ends first: its cause says more
	return fmt.Sprintf("; SET LOCAL statement_timeout = %d", max(0, time.Until(deadline).Milliseconds())+grace.Milliseconds())
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

// rollback ends a transaction after a failure. If that fails too, the connection is
// closed and the pool drops it.
func rollback(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelDelay)
	defer cancel()
	if conn.IsClosed() || exec(ctx, conn, "ROLLBACK") == nil {
		return
	}
	_ = conn.Close(ctx) // closed either way
}

func exec(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	return conn.Exec(ctx, sql).Close()
}
