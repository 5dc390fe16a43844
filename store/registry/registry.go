package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/background"
	"larder/internal/postgres"
	"larder/schema"
)

// Options configure a Registry.
type Options struct {
	// Prepare makes a catalog ready to serve, by loading its models for example. It
	// returns a function that makes requests use the catalog, which is called next. A
	// catalog that it refuses is not published. Required.
	Prepare func(ctx context.Context, c *schema.Catalog) (publish func(), err error)
	// Unfilled returns the views of next whose rows are still to be stored beside those
	// that serving reads; next is served when there are none. Nil means that a version is
	// served at once.
	Unfilled func(serving, next *schema.Catalog) ([]string, error)
	// SwitchAfter bounds how long a version waits for its views. Defaults to an hour.
	SwitchAfter time.Duration
	// Rows are the rows that the catalogs are served with. Required with a DSN.
	Rows Rows
	// PollInterval is how often the registry polls for the newest version when no
	// notification comes. Defaults to 5 seconds.
	PollInterval time.Duration
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics. Nil means none.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.PollInterval = cmp.Or(o.PollInterval, 5*time.Second)
	o.SwitchAfter = cmp.Or(o.SwitchAfter, time.Hour)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Registry is safe for concurrent use.
type Registry struct {
	dsn  string // empty: no Postgres; serves the catalog in dir only
	dir  string
	pool *pgxpool.Pool // nil without a DSN
	opts Options

	catalog  atomic.Pointer[schema.Catalog]
	building atomic.Pointer[schema.Catalog] // nil when the newest version serves
	past     atomic.Pointer[schema.Catalog] // the last that CatalogOf compiled
	uploads  *uploads
	rollouts atomic.Pointer[keptRollouts]
	tripped  chan struct{} // holds one while a trip is to be sent
	damaged  error         // why the kept rollouts can't be read; nil once Postgres has told them

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced when state or the catalog changes
}

// State is the state of a registry with respect to Postgres.
type State struct {
	NewestVersion int64 // in Postgres, when last seen
	CatalogError  error // why NewestVersion isn't served; nil when it is
	PostgresError error // safe to show; nil when Postgres answered last time
	// AnsweredAt is when Postgres answered last; zero if it never did.
	AnsweredAt time.Time
	Building   *Building
	// ClockAhead is by how much this machine's clock is ahead of Postgres's; 0 when they
	// agree within a second.
	ClockAhead time.Duration
}

// Open returns a registry that keeps its catalog in dir, which is created. It doesn't
// wait for Postgres. dsn may be empty for a server without Postgres: it then serves
// the catalog in dir.
func Open(dsn, dir string, opts Options) (*Registry, error) {
	r := &Registry{dsn: dsn, dir: dir, opts: opts.withDefaults(), changed: make(chan struct{}), tripped: make(chan struct{}, 1)}
	if err := os.MkdirAll(filepath.Join(dir, modelsFolder), 0o700); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	var err error
	if r.uploads, err = newUploads(filepath.Join(dir, uploadsFolder)); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	r.damaged = r.readKeptRollouts()
	if dsn == "" {
		if r.damaged != nil {
			return nil, fmt.Errorf("open registry: %w", r.damaged)
		}
		return r, nil
	}
	config, err := postgres.ParsePool(dsn)
	if err != nil {
		return nil, schema.BadDSN.Errorf("%v", err)
	}
	config.MaxConns = 4
	postgres.BoundPool(config)
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, limits).ReadAll()
		return err
	}
	if r.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	if r.opts.Registerer != nil {
		r.register(r.opts.Registerer)
	}
	return r, nil
}

// limits end what would wait for ever in Postgres. Every statement of the registry is
// short, except those that read the feature log.
const limits = `SELECT set_config(name, longest.value, false) FROM (VALUES
	('statement_timeout', '10min'), ('lock_timeout', '10s'), ('idle_in_transaction_session_timeout', '5min')) AS longest (name, value)
	WHERE current_setting(name) = '0'`

// Close closes the connections.
func (r *Registry) Close() {
	if r.pool != nil {
		postgres.Close(r.pool)
	}
}

// Catalog returns the catalog that serves, or nil before Load has returned. It
// costs one atomic load.
func (r *Registry) Catalog() *schema.Catalog { return r.catalog.Load() }

// State returns the state of the registry with respect to Postgres.
func (r *Registry) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.state
	if c := r.Catalog(); c != nil && state.Building != nil && state.Building.Version <= c.Version {
		state.Building = nil // it has just been built
	}
	if silent := time.Since(state.AnsweredAt); r.pool != nil && state.PostgresError == nil && !state.AnsweredAt.IsZero() && silent > r.opts.PollInterval+lateAnswer {
		state.PostgresError = noAnswer() // the look that is going on hasn't failed yet
	}
	return state
}

// lateAnswer is how much later than at each poll Postgres may answer and still count as
// answering.
const lateAnswer = time.Second

// noAnswer is the error of a Postgres that takes connections or has some, and says
// nothing.
func noAnswer() error {
	return schema.PostgresUnavailable.Wrap(postgres.ErrSilent, "Postgres does not answer; check that it runs and isn't stopped, overloaded or cut off")
}

// Await waits until version or a later one is served, or is being built. It returns the
// reason when that version is refused.
func (r *Registry) Await(ctx context.Context, version int64) error {
	for {
		r.mu.Lock()
		state, changed := r.state, r.changed
		r.mu.Unlock()
		if c := r.Catalog(); c != nil && c.Version >= version {
			return nil
		}
		if state.Building != nil && state.Building.Version >= version {
			return nil
		}
		if state.NewestVersion >= version && state.CatalogError != nil {
			return state.CatalogError
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Load publishes the first catalog: the newest of Postgres or, when Postgres
// can't be reached or the newest can't be served, the last good one in the folder.
func (r *Registry) Load(ctx context.Context) error {
	var fromPostgres error
	if r.pool != nil {
		fromPostgres = r.refresh(ctx)
		if fromPostgres == nil || isForeign(fromPostgres) {
			return fromPostgres
		}
	}
	if r.damaged != nil { // a ramp that tripped must not go on
		return errors.Join(fromPostgres, r.damaged)
	}
	kept, err := r.readKept()
	switch {
	case err == nil && kept != nil:
	case errors.Is(err, os.ErrNotExist) && fromPostgres == nil:
		return schema.NoCatalog.Errorf("set --postgres, or --dev for a private Postgres: %s has no catalog to serve without one", r.dir)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("no catalog to serve: %w", fromPostgres)
	default:
		return errors.Join(fromPostgres, err)
	}
	if err := r.publish(ctx, kept); err != nil {
		return fmt.Errorf("catalog version %d kept in %s: %w", kept.Version, r.dir, errors.Join(err, fromPostgres))
	}
	if fromPostgres != nil {
		r.opts.Logger.Warn("serving the last good catalog", "version", kept.Version, "error", fromPostgres)
	}
	return nil
}

// Run follows Postgres until ctx ends. It learns about new versions by LISTEN, and
// also polls, since a notification can be lost.
func (r *Registry) Run(ctx context.Context) error {
	if r.pool == nil {
		<-ctx.Done()
		return nil
	}
	var sending sync.WaitGroup
	sending.Go(func() { r.sendTrips(ctx) })
	defer sending.Wait()
	const shortest, longest = 250 * time.Millisecond, 5 * time.Second
	pause := shortest
	for ctx.Err() == nil {
		began := time.Now()
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if r.postgresFailed(err) {
			r.opts.Logger.Warn("cannot reach postgres; serving continues", "error", err)
		}
		if time.Since(began) > longest {
			pause = shortest
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
	return nil
}

// follow listens on one connection until it breaks.
func (r *Registry) follow(ctx context.Context) error {
	config, err := postgres.Parse(r.dsn)
	if err != nil {
		return err
	}
	postgres.Bound(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		if err := r.refresh(ctx); err != nil && r.State().PostgresError != nil {
			return err
		}
		poll := r.opts.PollInterval
		if r.Building() != nil {
			poll = min(poll, buildPoll)
		}
		wait, cancel := context.WithTimeout(ctx, poll)
		_, err := conn.WaitForNotification(wait)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
	}
}

// refresh publishes the newest version in Postgres unless it serves already.
func (r *Registry) refresh(ctx context.Context) error {
	newest, ahead, err := r.ask(ctx)
	if err != nil {
		r.postgresFailed(err)
		return err
	}
	if r.clocksDiffer(ahead) {
		r.opts.Logger.Warn("the clock of this machine is not that of Postgres: rows expire too early or too late, and ramps are at another stage; set the clocks by NTP", "ahead", ahead)
	}
	if r.postgresAnswered(newest) {
		r.opts.Logger.Info("postgres answers again")
	}
	if r.damaged != nil {
		r.opts.Logger.Warn("the kept state of ramps is damaged; the state in Postgres replaces it, without trips that it has not been told", "error", r.damaged)
		r.damaged = nil
	}
	err = r.advance(ctx, newest)
	if r.catalogFailed(err) && err != nil {
		r.opts.Logger.Error("the newest catalog is refused; the previous one keeps serving", "version", newest, "error", err)
	}
	return err
}

// answerWithin is how long a look at the registry may take. It is short, since the
// state of the server is told by it.
const answerWithin = 5 * time.Second

// ask reads the newest version, and by how much this machine's clock is ahead, and
// exchanges the state of ramps.
func (r *Registry) ask(ctx context.Context) (newest int64, ahead time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, postgres.ErrSilent)
	defer cancel()
	if newest, ahead, err = r.newest(ctx); err == nil {
		err = r.refreshRollouts(ctx)
	}
	return newest, ahead, err
}

// advance moves from the serving catalog to version newest.
func (r *Registry) advance(ctx context.Context, newest int64) error {
	rows, err := r.inherit(ctx, newest)
	if err != nil {
		return err
	}
	if c := r.Catalog(); c != nil && c.Version == newest {
		return nil
	}
	next, err := r.next(ctx, newest)
	if err != nil {
		return err
	}
	if waits, err := r.build(ctx, next); waits || err != nil {
		return err
	}
	err = r.publish(ctx, next)
	r.setBuilding(nil, nil)
	if err != nil {
		return err
	}
	r.bequeath(rows)
	return nil
}

// publish swaps c in and keeps it, once Prepare has accepted it.
func (r *Registry) publish(ctx context.Context, c *schema.Catalog) error {
	var publish func()
	err := background.Try(func() (err error) { // definitions that make it panic are refused like others that can't be served
		publish, err = r.opts.Prepare(ctx, c)
		return err
	})
	var panicked *background.Panic
	if errors.As(err, &panicked) {
		r.opts.Logger.Error("preparing a catalog panicked", "version", c.Version, "error", err)
		return fmt.Errorf("preparing it panicked (%v); the log has the stack", panicked.Value)
	}
	if err != nil {
		return err
	}
	publish() // before anyone learns of the version and asks for it
	r.catalog.Store(c)
	if c.Version > 0 {
		if err := r.keep(c); err != nil {
			r.opts.Logger.Error("cannot keep the catalog for a start without postgres", "dir", r.dir, "error", err)
		}
	}
	r.opts.Logger.Info("catalog published", "version", c.Version, "fingerprint", c.Fingerprint)
	return nil
}

// postgresFailed records a failure and reports whether it is news.
func (r *Registry) postgresFailed(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.state.PostgresError == nil
	r.state.PostgresError = shown(err)
	return news
}

// clocksDiffer records by how much this machine's clock is ahead, and reports whether
// it is news that it is.
func (r *Registry) clocksDiffer(ahead time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.state.ClockAhead == 0 && ahead != 0
	r.state.ClockAhead = ahead
	return news
}

// postgresAnswered records a success and reports whether it is news.
func (r *Registry) postgresAnswered(newest int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.state.PostgresError != nil
	r.state.PostgresError, r.state.NewestVersion, r.state.AnsweredAt = nil, newest, time.Now()
	return news
}

// catalogFailed records whether the newest catalog is served, and reports whether that
// is news.
func (r *Registry) catalogFailed(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := fmt.Sprint(r.state.CatalogError) != fmt.Sprint(err)
	r.state.CatalogError = err
	close(r.changed)
	r.changed = make(chan struct{})
	return news
}
