package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/postgres"
	"larder/store/forgotten"
)

// forgottenChannel announces changes of the list of forgotten keys.
const forgottenChannel = "larder_forgotten"

// A Forgetting is a request to forget keys of an entity.
type Forgetting struct {
	ID          string
	Entity      string
	JoinKeys    []string // sorted
	Keys        int64
	RequestedBy string
	RequestedAt time.Time
	DoneAt      *time.Time // nil while it goes on
	LastSeq     int64      // of its keys in the list
}

// A ForgottenPlace is what was removed in one place for one forgetting.
type ForgottenPlace struct {
	Place   string // "server NAME" or "postgres"
	What    string // as in "view customer_spend"
	Removed int64
	Note    string
	At      time.Time
}

// A ForgettingServer is how far a server is with the list of forgotten keys.
type ForgettingServer struct {
	Server  string
	SeenAgo time.Duration
	Done    int64 // all keys up to this number are removed there
	Problem string
}

// ForgottenVersion returns a text that is another whenever the list of forgotten keys is.
func (r *Registry) ForgottenVersion(ctx context.Context) (string, error) {
	if err := r.reachable(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, postgres.ErrSilent)
	defer cancel()
	var version string
	err := r.pool.QueryRow(ctx, `SELECT concat_ws(' ', (SELECT max(seq) FROM larder.forgotten), count(done_at), max(done_at)) FROM larder.forgettings`).Scan(&version)
	return version, unavailable(err)
}

// ForgottenList returns the list of forgotten keys.
func (r *Registry) ForgottenList(ctx context.Context) (*forgotten.List, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	var salt []byte
	var records []forgotten.Record
	err := pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT salt FROM larder.forgotten_salt").Scan(&salt); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT k.seq, k.forgetting, f.join_keys, coalesce(k.hash, ''), coalesce(k.view, ''), coalesce((extract(epoch FROM f.done_at) * 1000000)::bigint, $1)
			FROM larder.forgotten k JOIN larder.forgettings f ON f.id = k.forgetting ORDER BY k.seq`, int64(forgotten.Pending))
		if err != nil {
			return err
		}
		records, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (rec forgotten.Record, err error) {
			var hash []byte
			err = row.Scan(&rec.Seq, &rec.Forgetting, &rec.Names, &hash, &rec.View, &rec.Until)
			copy(rec.Hash[:], hash)
			return rec, err
		})
		return err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return forgotten.NewList(salt, records), nil
}

// FollowForgotten calls told when the list of forgotten keys may have changed, until ctx
// ends or the connection breaks; first when it listens.
func (r *Registry) FollowForgotten(ctx context.Context, told func()) error {
	if err := r.reachable(); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(r.dsn)
	if err != nil {
		return err
	}
	postgres.Bound(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return unavailable(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it is given up
	if _, err := conn.Exec(ctx, "LISTEN "+forgottenChannel); err != nil {
		return unavailable(err)
	}
	for {
		told()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

const forgettingColumns = `id, entity, join_keys, keys, requested_by, requested_at, done_at, coalesce((SELECT max(seq) FROM larder.forgotten WHERE forgetting = f.id), 0)`

// lockForgotten lets numbers be committed in their order only: a server that has done one
// has done all before it.
const lockForgotten = "LOCK TABLE larder.forgotten IN SHARE ROW EXCLUSIVE MODE"

// BeginForgetting puts keys on the list of forgotten keys, and tells all servers. If the
// same keys are being forgotten already, it returns that forgetting.
func (r *Registry) BeginForgetting(ctx context.Context, entity string, names []string, hashes []forgotten.Hash, by string) (f Forgetting, resumed bool, err error) {
	if err := r.reachable(); err != nil {
		return f, false, err
	}
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b forgotten.Hash) int { return strings.Compare(string(a[:]), string(b[:])) })
	sorted = slices.Compact(sorted)
	sum := sha256.New()
	raw := make([][]byte, len(sorted))
	for i := range sorted {
		raw[i] = sorted[i][:]
		sum.Write(raw[i])
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockForgotten); err != nil {
			return err
		}
		f, err = readForgetting(ctx, tx, "digest = $1 AND done_at IS NULL", digest)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			resumed = err == nil
			return err
		}
		var id string
		err := tx.QueryRow(ctx, `INSERT INTO larder.forgettings (entity, join_keys, digest, keys, requested_by) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
			entity, names, digest, len(sorted), by).Scan(&id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO larder.forgotten (forgetting, hash) SELECT $1, unnest($2::bytea[])", id, raw); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", forgottenChannel, id); err != nil {
			return err
		}
		f, err = readForgetting(ctx, tx, "id = $1", id)
		return err
	})
	return f, resumed, unavailable(err)
}

// RebuildForgotten asks all servers to make views again, after events of the keys of a
// forgetting were deleted, and returns the number of the last of them on the list.
func (r *Registry) RebuildForgotten(ctx context.Context, id string, views []string) (seq int64, err error) {
	if err := r.reachable(); err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockForgotten); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO larder.forgotten (forgetting, view) SELECT $1, v FROM unnest($2::text[]) AS v
			WHERE NOT EXISTS (SELECT FROM larder.forgotten WHERE forgetting = $1 AND view = v)`, id, views); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", forgottenChannel, id); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT max(seq) FROM larder.forgotten WHERE forgetting = $1", id).Scan(&seq)
	})
	return seq, unavailable(err)
}

func readForgetting(ctx context.Context, tx pgx.Tx, where string, arg any) (Forgetting, error) {
	rows, err := tx.Query(ctx, "SELECT "+forgettingColumns+" FROM larder.forgettings f WHERE "+where, arg)
	if err != nil {
		return Forgetting{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Forgetting])
}

// EndForgetting says that everything is removed. From now on the keys may come back, with
// rows and events that are newer.
func (r *Registry) EndForgetting(ctx context.Context, id string) (f Forgetting, err error) {
	if err := r.reachable(); err != nil {
		return f, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE larder.forgettings SET done_at = clock_timestamp() WHERE id = $1 AND done_at IS NULL", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", forgottenChannel, id); err != nil {
			return err
		}
		f, err = readForgetting(ctx, tx, "id = $1", id)
		return err
	})
	return f, unavailable(err)
}

// addRemoved adds to what was removed in a place. It belongs into the transaction that
// removes.
const addRemoved = `INSERT INTO larder.forgotten_places (forgetting, place, what, removed, note) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (forgetting, place, what) DO UPDATE SET removed = forgotten_places.removed + excluded.removed, note = excluded.note, at = clock_timestamp()`

// RecordForgotten records what is about to be removed in a place for a forgetting. After a
// crash the same may be found once more, or what is left of it: the greatest number counts.
func (r *Registry) RecordForgotten(ctx context.Context, id string, p ForgottenPlace) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, `INSERT INTO larder.forgotten_places (forgetting, place, what, removed, note) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (forgetting, place, what) DO UPDATE SET removed = greatest(forgotten_places.removed, excluded.removed), note = excluded.note, at = clock_timestamp()`,
		id, p.Place, p.What, p.Removed, p.Note)
	return unavailable(err)
}

// ForgottenPlaces returns what was removed for a forgetting, by place.
func (r *Registry) ForgottenPlaces(ctx context.Context, id string) ([]ForgottenPlace, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT place, what, removed, note, at FROM larder.forgotten_places WHERE forgetting = $1
		ORDER BY place COLLATE "C", what COLLATE "C"`, id)
	if err != nil {
		return nil, unavailable(err)
	}
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ForgottenPlace])
	return places, unavailable(err)
}

// TellForgotten says how far this server is, and that it lives.
func (r *Registry) TellForgotten(ctx context.Context, server string, done int64, problem string) error {
	if err := r.reachable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, postgres.ErrSilent)
	defer cancel()
	_, err := r.pool.Exec(ctx, `INSERT INTO larder.forgotten_servers (server, done, problem) VALUES ($1, $2, $3)
		ON CONFLICT (server) DO UPDATE SET seen_at = clock_timestamp(), done = excluded.done, problem = excluded.problem`, server, done, problem)
	return unavailable(err)
}

// ForgettingServers returns how far each server is that was ever seen.
func (r *Registry) ForgettingServers(ctx context.Context) ([]ForgettingServer, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT server, extract(epoch FROM clock_timestamp() - seen_at)::float8, done, problem
		FROM larder.forgotten_servers ORDER BY server COLLATE "C"`)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s ForgettingServer, err error) {
		var ago float64
		err = row.Scan(&s.Server, &ago, &s.Done, &s.Problem)
		s.SeenAgo = time.Duration(ago * float64(time.Second))
		return s, err
	})
	return all, unavailable(err)
}
