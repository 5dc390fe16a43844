package registry

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// A WatchWindow is what one server counted of a model's version in a span of time.
type WatchWindow struct {
	Model        string
	Version      int64
	Part         string
	Begins, Ends time.Time
	Server       string
	Reference    string
	Counts       []byte
}

// keepWindows is how long windows are kept.
const keepWindows = 90 * 24 * time.Hour

// WatchReference returns the JSON of what a part of a model's version is compared with; nil
// when there is none.
func (r *Registry) WatchReference(ctx context.Context, model string, version int64, part string) ([]byte, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	var raw []byte
	err := r.pool.QueryRow(ctx, "SELECT reference FROM larder.watch_references WHERE model = $1 AND version = $2 AND part = $3", model, version, part).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return raw, unavailable(err)
}

// PutWatchReference keeps a reference, unless there is one, and returns the one that is kept.
func (r *Registry) PutWatchReference(ctx context.Context, model string, version int64, part string, reference []byte) ([]byte, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	_, err := r.pool.Exec(ctx, "INSERT INTO larder.watch_references (model, version, part, reference) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", model, version, part, string(reference))
	if err != nil {
		return nil, unavailable(err)
	}
	return r.WatchReference(ctx, model, version, part)
}

// PutWatchWindow keeps a window. Counts for the same span of the same server are refused
// silently: it has handed them over before.
func (r *Registry) PutWatchWindow(ctx context.Context, w *WatchWindow) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, `INSERT INTO larder.watch_windows (model, version, part, begins, ends, server, reference, counts)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, w.Model, w.Version, w.Part, w.Begins, w.Ends, w.Server, w.Reference, w.Counts)
	return unavailable(err)
}

// WatchWindows calls visit with the windows of a part of a model's version that begin in a span
// of time and have the bins of a reference, in the order of time.
func (r *Registry) WatchWindows(ctx context.Context, model string, version int64, part, reference string, from, until time.Time, visit func(*WatchWindow) error) error {
	if err := r.reachable(); err != nil {
		return err
	}
	rows, err := r.pool.Query(ctx, `SELECT model, version, part, begins, ends, server, reference, counts FROM larder.watch_windows
		WHERE model = $1 AND version = $2 AND part = $3 AND reference = $4 AND begins >= $5 AND begins < $6 ORDER BY begins, server`, model, version, part, reference, from, until)
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		w := new(WatchWindow)
		if err := rows.Scan(&w.Model, &w.Version, &w.Part, &w.Begins, &w.Ends, &w.Server, &w.Reference, &w.Counts); err != nil {
			return unavailable(err)
		}
		if err := visit(w); err != nil {
			return err
		}
	}
	return unavailable(rows.Err())
}

// DropWatchWindows deletes windows that are older than keepWindows.
func (r *Registry) DropWatchWindows(ctx context.Context) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, "DELETE FROM larder.watch_windows WHERE begins < now() - $1::interval", keepWindows)
	return unavailable(err)
}
