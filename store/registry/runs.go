package registry

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// keptRuns is how many runs of a view on a server are kept, beside the last that
// [Registry.LastRows] returns.
const keptRuns = 1000

// A Run is the record of one materialization.
type Run struct {
	ID          string
	FeatureView string
	Server      string
	State       string // a name of larder.v1.Run.State
	StartedAt   time.Time
	Detail      []byte // larder.v1.Run as JSON
}

// RecordRun inserts or updates the record of a run.
func (r *Registry) RecordRun(ctx context.Context, run Run) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, `INSERT INTO larder.runs (id, feature_view, server, state, started_at, run)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, run = excluded.run`,
		run.ID, run.FeatureView, run.Server, run.State, run.StartedAt, run.Detail)
	if err != nil {
		return unavailable(err)
	}
	_, err = r.pool.Exec(ctx, `DELETE FROM larder.runs WHERE server = $1 AND feature_view = $2 AND started_at <
		(SELECT started_at FROM larder.runs WHERE server = $1 AND feature_view = $2 ORDER BY started_at DESC OFFSET $3 LIMIT 1)
		AND id IS DISTINCT FROM (SELECT id FROM larder.runs WHERE `+wholeRuns+` ORDER BY started_at DESC LIMIT 1)`,
		run.Server, run.FeatureView, keptRuns)
	return unavailable(err)
}

// wholeRuns selects the runs of a view on a server that read all rows, from the beginning,
// and succeeded. The JSON of a message leaves out what is zero.
const wholeRuns = `server = $1 AND feature_view = $2 AND state = 'STATE_SUCCEEDED' AND run->>'mode' <> 'range' AND NOT run ? 'from'`

// LastRows returns how many good rows the last run of a view on a server has read that
// read all, from the beginning, and succeeded; false when there is none.
func (r *Registry) LastRows(ctx context.Context, server, view string) (rows int64, found bool, err error) {
	if err := r.reachable(); err != nil {
		return 0, false, err
	}
	err = r.pool.QueryRow(ctx, `SELECT coalesce((run->>'rowsRead')::bigint, 0) - coalesce((run->>'rowsBad')::bigint, 0)
		FROM larder.runs WHERE `+wholeRuns+` ORDER BY started_at DESC LIMIT 1`, server, view).Scan(&rows)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return rows, err == nil, unavailable(err)
}

// LastRuns returns the newest run of each view on a server.
func (r *Registry) LastRuns(ctx context.Context, server string) ([]Run, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT DISTINCT ON (feature_view) id, feature_view, server, state, started_at, run
		FROM larder.runs WHERE server = $1 ORDER BY feature_view, started_at DESC`, server)
	if err != nil {
		return nil, unavailable(err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	return runs, unavailable(err)
}

// RunsOf returns the newest runs of a view, on all servers, newest first.
func (r *Registry) RunsOf(ctx context.Context, view string, limit int) ([]Run, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT id, feature_view, server, state, started_at, run
		FROM larder.runs WHERE feature_view = $1 ORDER BY started_at DESC LIMIT $2`, view, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	return runs, unavailable(err)
}

// RunByID returns a run of any server; nil when there is none.
func (r *Registry) RunByID(ctx context.Context, id string) (*Run, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, "SELECT id, feature_view, server, state, started_at, run FROM larder.runs WHERE id = $1", id)
	if err != nil {
		return nil, unavailable(err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	if err != nil || len(runs) == 0 {
		return nil, unavailable(err)
	}
	return &runs[0], nil
}

// Materialized returns for each view the servers that have ever materialized it and
// whose record is kept.
func (r *Registry) Materialized(ctx context.Context) (map[string][]string, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, "SELECT DISTINCT feature_view, server FROM larder.runs WHERE state = 'STATE_SUCCEEDED'")
	if err != nil {
		return nil, unavailable(err)
	}
	type pair struct{ View, Server string }
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pair])
	if err != nil {
		return nil, unavailable(err)
	}
	servers := map[string][]string{}
	for _, p := range pairs {
		servers[p.View] = append(servers[p.View], p.Server)
	}
	return servers, nil
}
