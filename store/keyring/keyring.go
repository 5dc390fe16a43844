package keyring

import (
	"cmp"
	"context"
	"encoding/json"
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

	"larder/access"
	"larder/internal/postgres"
	"larder/internal/wholefile"
	"larder/schema"
)

// channels announce new keys and new versions of the definitions.
const (
	keysChannel     = "larder_keys"
	versionsChannel = "larder_versions"
)

// Options configure a Ring.
type Options struct {
	// PollInterval is how often Postgres is asked when no notification comes. Defaults to
	// 5 seconds.
	PollInterval time.Duration
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// A State is what decides who may do what. It doesn't change.
type State struct {
	Revision int64 // of the keys
	Version  int64 // of the definitions
	Keys     map[string]*access.Key
	Policy   *access.Policy
	Roles    []schema.Role
	Bindings []schema.Binding
}

// A Ring is safe for concurrent use.
type Ring struct {
	dsn  string
	dir  string
	pool *pgxpool.Pool // nil without a DSN
	opts Options

	state atomic.Pointer[State]
	mu    sync.Mutex // held while the state is read and replaced

	used sync.Map // id → *atomic.Int64: when a key was used last, in Unix seconds, to be written
}

// Open returns a ring that keeps its state in dir, which must exist. dsn may be empty for a
// server without Postgres: the state in dir holds then. It doesn't wait for Postgres.
func Open(dsn, dir string, opts Options) (*Ring, error) {
	opts.PollInterval, opts.Logger = cmp.Or(opts.PollInterval, 5*time.Second), cmp.Or(opts.Logger, slog.Default())
	r := &Ring{dsn: dsn, dir: dir, opts: opts}
	r.state.Store(newState(kept{}))
	if dsn == "" {
		return r, nil
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, schema.BadDSN.Wrap(err, "the Postgres address can't be read; write postgres://USER@HOST:PORT/DATABASE")
	}
	config.MaxConns = 2
	postgres.BoundPool(config)
	if r.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	return r, nil
}

// Close closes the connections.
func (r *Ring) Close() {
	if r.pool != nil {
		postgres.Close(r.pool)
	}
}

// State returns the state that holds now. It costs one atomic load.
func (r *Ring) State() *State { return r.state.Load() }

// stateFile is where the last state is kept.
const stateFile = "access.json"

// keptFormat is the format of stateFile.
const keptFormat = 1

// kept is the JSON of stateFile.
type kept struct {
	Format   int              `json:"format"`
	Revision int64            `json:"revision"`
	Version  int64            `json:"version"`
	Keys     []access.Key     `json:"keys"`
	Roles    []schema.Role    `json:"roles"`
	Bindings []schema.Binding `json:"bindings"`
}

func newState(k kept) *State {
	s := &State{Revision: k.Revision, Version: k.Version, Keys: make(map[string]*access.Key, len(k.Keys)), Roles: k.Roles, Bindings: k.Bindings}
	for i := range k.Keys {
		s.Keys[k.Keys[i].ID] = &k.Keys[i]
	}
	s.Policy = access.NewPolicy(k.Roles, k.Bindings)
	return s
}

// Load reads the state from Postgres or, when that can't be reached, the one that is kept.
func (r *Ring) Load(ctx context.Context) error {
	var fromPostgres error
	if r.pool != nil {
		if fromPostgres = r.refresh(ctx); fromPostgres == nil {
			return nil
		}
	}
	raw, err := os.ReadFile(filepath.Join(r.dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		if fromPostgres != nil {
			r.opts.Logger.Warn("no keys, roles or bindings are known, since Postgres can't be reached and none are kept; only the token of --token-file opens this server", "error", fromPostgres)
		}
		return nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err == nil && k.Format != keptFormat {
		err = fmt.Errorf("it has format %d, and this larder reads %d", k.Format, keptFormat)
	}
	if err != nil {
		return fmt.Errorf("the keys kept in %s can't be read: %w; remove the file, and start with Postgres reachable", filepath.Join(r.dir, stateFile), err)
	}
	r.mu.Lock()
	r.state.Store(newState(k))
	r.mu.Unlock()
	return nil
}

// Run follows Postgres until ctx ends.
func (r *Ring) Run(ctx context.Context) error {
	if r.pool == nil {
		<-ctx.Done()
		return nil
	}
	const shortest, longest = 250 * time.Millisecond, 5 * time.Second
	pause, told := shortest, false
	for ctx.Err() == nil {
		began := time.Now()
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > longest {
			pause, told = shortest, false
		}
		if !told {
			r.opts.Logger.Warn("keys, roles and bindings can't be followed; those last known hold", "error", err)
			told = true
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
func (r *Ring) follow(ctx context.Context) error {
	config, err := pgx.ParseConfig(r.dsn)
	if err != nil {
		return err
	}
	postgres.Bound(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+keysChannel+"; LISTEN "+versionsChannel); err != nil {
		return err
	}
	for {
		if err := r.refresh(ctx); err != nil {
			return err
		}
		r.writeUses(ctx)
		wait, cancel := context.WithTimeout(ctx, r.opts.PollInterval)
		_, err := conn.WaitForNotification(wait)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
	}
}

// answerWithin is how long a look at Postgres may take.
const answerWithin = 5 * time.Second

// refresh reads what has changed.
func (r *Ring) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, postgres.ErrSilent)
	defer cancel()
	r.mu.Lock() // of two looks, the later one is kept
	defer r.mu.Unlock()
	var revision, version int64
	err := r.pool.QueryRow(ctx, "SELECT keys_revision, (SELECT coalesce(max(version), 0) FROM larder.versions) FROM larder.registry").Scan(&revision, &version)
	if err != nil {
		return err
	}
	now := r.state.Load()
	next := kept{Format: keptFormat, Revision: revision, Version: version, Roles: now.Roles, Bindings: now.Bindings}
	if version != now.Version || now.Version == 0 {
		if next.Roles, next.Bindings, err = r.readPolicy(ctx, version); err != nil {
			return err
		}
	} else if revision == now.Revision {
		return nil
	}
	if next.Keys, err = r.list(ctx, "WHERE revoked_at IS NULL"); err != nil {
		return err
	}
	r.state.Store(newState(next))
	r.keep(next)
	return nil
}

func (r *Ring) keep(k kept) {
	if err := k.write(r.dir); err != nil {
		r.opts.Logger.Error("cannot keep the keys for a start without postgres", "dir", r.dir, "error", err)
	}
}

// readPolicy reads the roles and bindings of a version; version 0 has none.
func (r *Ring) readPolicy(ctx context.Context, version int64) ([]schema.Role, []schema.Binding, error) {
	if version == 0 {
		return nil, nil, nil
	}
	var raw string
	if err := r.pool.QueryRow(ctx, "SELECT definitions FROM larder.versions WHERE version = $1", version).Scan(&raw); err != nil {
		return nil, nil, err
	}
	var defs struct {
		Roles    []schema.Role    `json:"roles"`
		Bindings []schema.Binding `json:"bindings"`
	}
	if err := json.Unmarshal([]byte(raw), &defs); err != nil {
		return nil, nil, fmt.Errorf("roles and bindings of version %d: %w", version, err)
	}
	return defs.Roles, defs.Bindings, nil
}

// Keep writes keys into a folder as the state that is known last. A server that starts there
// without Postgres has them.
func Keep(dir string, keys []access.Key) error {
	return kept{Format: keptFormat, Keys: keys}.write(dir)
}

func (k kept) write(dir string) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(dir, stateFile), raw, 0o600)
}
