package keyring

import (
	"context"
	"errors"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/access"
	"larder/schema"
)

// namePattern is the form of a key's name.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@/-]{0,127}$`)

// longestLife bounds the expiry of a key, so that a typing error is noticed.
const longestLife = 10 * 365 * 24 * time.Hour

// Create makes a key with a name, roles, an owner and an expiry, and returns its text, which
// is nowhere kept. by is who makes it.
func (r *Ring) Create(ctx context.Context, k access.Key) (made access.Key, text string, err error) {
	if err := r.reachable(); err != nil {
		return made, "", err
	}
	if !namePattern.MatchString(k.Name) {
		return made, "", schema.BadKey.Errorf("%q is not a name of a key; use 1 to 128 letters, digits and _ . @ / -", k.Name)
	}
	if len(k.Owner) > 256 {
		return made, "", schema.BadKey.Errorf("the owner has %d bytes; use at most 256", len(k.Owner))
	}
	policy := r.State().Policy
	for _, role := range k.Roles {
		if !policy.HasRole(role) {
			return made, "", schema.BadKey.Errorf("there is no role %q; apply it first, or use a role that is built in: viewer, scorer, scientist, publisher, operator or admin", role)
		}
	}
	if now := time.Now(); !k.ExpiresAt.IsZero() && (!k.ExpiresAt.After(now) || k.ExpiresAt.After(now.Add(longestLife))) {
		return made, "", schema.BadKey.Errorf("a key that expires at %s; it can be in the future, at most ten years ahead", k.ExpiresAt.UTC().Format(time.RFC3339))
	}
	made, text = access.NewKey()
	made.Name, made.Roles, made.Owner, made.CreatedBy, made.ExpiresAt = k.Name, k.Roles, k.Owner, k.CreatedBy, k.ExpiresAt
	if made.Roles == nil {
		made.Roles = []string{}
	}
	var expires *time.Time
	if !k.ExpiresAt.IsZero() {
		expires = &k.ExpiresAt
	}
	err = r.change(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `INSERT INTO larder.keys (id, name, digest, roles, owner, created_by, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING created_at`,
			made.ID, made.Name, made.Digest[:], made.Roles, made.Owner, made.CreatedBy, expires).Scan(&made.CreatedAt)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "keys_by_name" {
		return made, "", schema.KeyExists.Errorf("there is a key %q; revoke it first, or choose another name", k.Name)
	}
	return made, text, err
}

// Revoke ends a key, by its name or id, and returns it.
func (r *Ring) Revoke(ctx context.Context, key, by string) (access.Key, error) {
	if err := r.reachable(); err != nil {
		return access.Key{}, err
	}
	err := r.change(ctx, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, "UPDATE larder.keys SET revoked_at = now(), revoked_by = $2 WHERE (id = $1 OR name = $1) AND revoked_at IS NULL", key, by)
		if err == nil && done.RowsAffected() == 0 {
			return schema.UnknownKey.Errorf("there is no key %q that isn't revoked; larder keys list prints names and ids", key)
		}
		return err
	})
	if err != nil {
		return access.Key{}, err
	}
	all, err := r.list(ctx, "WHERE id = $1 OR name = $1 ORDER BY revoked_at DESC LIMIT 1", key)
	if err != nil || len(all) == 0 {
		return access.Key{}, unavailable(err)
	}
	return all[0], nil
}

// List returns all keys, the newest last; with those that are revoked, if they are wanted.
func (r *Ring) List(ctx context.Context, revoked bool) ([]access.Key, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	where := "WHERE revoked_at IS NULL ORDER BY created_at, id"
	if revoked {
		where = "ORDER BY created_at, id"
	}
	all, err := r.list(ctx, where)
	return all, unavailable(err)
}

// change runs a change of the keys in a transaction, announces it, and follows it.
func (r *Ring) change(ctx context.Context, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE larder.registry SET keys_revision = keys_revision + 1"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT pg_notify($1, '')", keysChannel)
		return err
	})
	if err != nil {
		return unavailable(err)
	}
	if err := r.refresh(ctx); err != nil { // this server need not wait for the notification
		r.opts.Logger.Warn("a change of the keys is made, and this server has not seen it yet", "error", err)
	}
	return nil
}

func (r *Ring) list(ctx context.Context, where string, args ...any) ([]access.Key, error) {
	rows, err := r.pool.Query(ctx, `SELECT id, name, digest, roles, owner, created_by, created_at, expires_at, revoked_at, coalesce(revoked_by, ''), last_used_at
		FROM larder.keys `+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k access.Key, err error) {
		var digest []byte
		var expires, revoked, used *time.Time
		err = row.Scan(&k.ID, &k.Name, &digest, &k.Roles, &k.Owner, &k.CreatedBy, &k.CreatedAt, &expires, &revoked, &k.RevokedBy, &used)
		copy(k.Digest[:], digest)
		for to, from := range map[*time.Time]*time.Time{&k.ExpiresAt: expires, &k.RevokedAt: revoked, &k.LastUsedAt: used} {
			if from != nil {
				*to = *from
			}
		}
		return k, err
	})
}

// useEvery is how often the time of the last use is written, at most.
const useEvery = 30 * time.Second

// Used notes that a key was used now. It is cheap.
func (r *Ring) Used(id string) {
	now := time.Now().Unix()
	at, found := r.used.Load(id)
	if !found {
		at, _ = r.used.LoadOrStore(id, new(atomic.Int64))
	}
	if last := at.(*atomic.Int64); now-last.Load() >= int64(useEvery/time.Second) {
		last.Store(now)
	}
}

// writeUses writes when keys were used last. A failure is tried again with the next use.
func (r *Ring) writeUses(ctx context.Context) {
	var ids []string
	var times []time.Time
	r.used.Range(func(id, at any) bool {
		if used := time.Unix(at.(*atomic.Int64).Load(), 0); time.Since(used) < 2*useEvery {
			ids, times = append(ids, id.(string)), append(times, used)
		}
		return true
	})
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err := r.pool.Exec(ctx, `UPDATE larder.keys k SET last_used_at = u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at)
		WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`, ids, times)
	if err != nil {
		r.opts.Logger.Debug("when keys were used last could not be written", "error", err)
	}
}

func (r *Ring) reachable() error {
	if r.pool == nil {
		return schema.NoPostgres.Errorf("restart the server with Postgres: API keys are kept there")
	}
	return nil
}

// unavailable returns the error for a caller when Postgres fails.
func unavailable(err error) error {
	var said *schema.Error
	if err == nil || errors.As(err, &said) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if pg.Code == "42P01" { // undefined_table
			return schema.NotMigrated.Wrap(err, "the database has no larder tables; run `larder migrate`")
		}
		return err
	}
	return schema.PostgresUnavailable.Wrap(err, "the registry's Postgres can't be reached; try again")
}
