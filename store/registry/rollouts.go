package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/wholefile"
	"larder/models/traffic"
	"larder/schema"
)

const rolloutsFile = "rollouts.json"

// keptRollouts is the JSON of rollouts.json: how ramps stand, by model.
type keptRollouts struct {
	Rollouts map[string]traffic.Rollout `json:"rollouts"`
	Unsent   map[string]traffic.Rollout `json:"unsent,omitempty"` // those that tripped here and Postgres doesn't know
}

// Rollouts returns how the ramps of models stand, by model. The map is not to be
// changed. It costs one atomic load.
func (r *Registry) Rollouts() map[string]traffic.Rollout { return r.rollouts.Load().Rollouts }

// Trip ends the ramp of a model, of which id tells which it is. It takes effect here
// at once, also over a restart, and everywhere as soon as Postgres knows.
func (r *Registry) Trip(model, id, server, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.rollouts.Load()
	rollout, known := now.Rollouts[model]
	if !known || rollout.ID != id || rollout.Trip != nil {
		return
	}
	rollout.Trip = &traffic.Trip{At: time.Now(), Server: server, Reason: reason}
	next := &keptRollouts{with(now.Rollouts, model, rollout), with(now.Unsent, model, rollout)}
	r.setRollouts(next)
	select {
	case r.tripped <- struct{}{}:
	default: // it was told already
	}
}

func with(from map[string]traffic.Rollout, model string, rollout traffic.Rollout) map[string]traffic.Rollout {
	out := maps.Clone(from)
	if out == nil {
		out = map[string]traffic.Rollout{}
	}
	out[model] = rollout
	return out
}

// setRollouts makes rollouts those that count, and keeps them. Whoever calls it has
// locked mu.
func (r *Registry) setRollouts(next *keptRollouts) {
	if before := r.rollouts.Swap(next); reflect.DeepEqual(before, next) {
		return
	}
	raw, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = wholefile.Write(filepath.Join(r.dir, rolloutsFile), raw, 0o600)
	}
	if err != nil {
		r.opts.Logger.Error("how ramps stand can't be kept for a start without postgres", "dir", r.dir, "error", err)
	}
}

// readKeptRollouts takes up what an earlier server in this folder knew.
func (r *Registry) readKeptRollouts() error {
	r.rollouts.Store(&keptRollouts{})
	path := filepath.Join(r.dir, rolloutsFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	kept := new(keptRollouts)
	if err == nil {
		err = json.Unmarshal(raw, kept)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w; remove it, and look at larder models whether a ramp had tripped", path, err)
	}
	r.rollouts.Store(kept)
	return nil
}

// refreshRollouts tells Postgres what tripped here and learns what it knows.
func (r *Registry) refreshRollouts(ctx context.Context) error {
	sent := r.rollouts.Load().Unsent
	for model, rollout := range sent {
		if err := r.sendTrip(ctx, model, rollout); err != nil {
			return err
		}
	}
	known, err := r.readRollouts(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &keptRollouts{Rollouts: known}
	for model, rollout := range r.rollouts.Load().Unsent { // what tripped meanwhile
		if was, is := sent[model]; is && was.ID == rollout.ID && was.Began.Equal(rollout.Began) {
			continue
		}
		if now, is := known[model]; is && now.ID == rollout.ID && now.Trip == nil {
			next.Rollouts[model] = rollout
			next.Unsent = with(next.Unsent, model, rollout)
		}
	}
	r.setRollouts(next)
	return nil
}

// sendTrip tells Postgres, and so all servers, of a ramp that tripped. One that was
// resumed or changed meanwhile is left alone.
func (r *Registry) sendTrip(ctx context.Context, model string, rollout traffic.Rollout) error {
	tag, err := r.pool.Exec(ctx, `UPDATE larder.rollouts SET tripped_at = $4, tripped_by = $5, reason = $6
		WHERE model = $1 AND id = $2 AND began = $3 AND tripped_at IS NULL`,
		model, rollout.ID, rollout.Began, rollout.Trip.At, rollout.Trip.Server, rollout.Trip.Reason)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return r.announceRollouts(ctx)
}

func (r *Registry) announceRollouts(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, "SELECT pg_notify($1, 'rollouts')", channel)
	return err
}

func (r *Registry) readRollouts(ctx context.Context) (map[string]traffic.Rollout, error) {
	rows, err := r.pool.Query(ctx, "SELECT model, id, began, tripped_at, coalesce(tripped_by, ''), coalesce(reason, '') FROM larder.rollouts")
	if err != nil {
		return nil, err
	}
	known := map[string]traffic.Rollout{}
	var model, server, reason string
	var rollout traffic.Rollout
	var trippedAt *time.Time
	_, err = pgx.ForEachRow(rows, []any{&model, &rollout.ID, &rollout.Began, &trippedAt, &server, &reason}, func() error {
		rollout.Trip = nil
		if trippedAt != nil {
			rollout.Trip = &traffic.Trip{At: *trippedAt, Server: server, Reason: reason}
		}
		known[model] = rollout
		return nil
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" { // an older schema has no ramps
		return known, nil
	}
	return known, err
}

// sendTrips tells Postgres of what trips here, until ctx ends. What it can't tell
// now, refresh tells later.
func (r *Registry) sendTrips(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.tripped:
			if err := r.refreshRollouts(ctx); err != nil && ctx.Err() == nil {
				r.opts.Logger.Warn("other servers don't hear yet that a guard tripped", "error", err)
			}
		}
	}
}

// Resume begins the ramp of a model anew, as a person wants who knows why it tripped.
func (r *Registry) Resume(ctx context.Context, model string) error {
	if err := r.reachable(); err != nil {
		return err
	}
	tag, err := r.pool.Exec(ctx, `UPDATE larder.rollouts SET began = now(), tripped_at = NULL, tripped_by = NULL, reason = NULL
		WHERE model = $1 AND tripped_at IS NOT NULL`, model)
	if err != nil {
		return unavailable(err)
	}
	if tag.RowsAffected() == 0 {
		return schema.Errorf(schema.FailedPrecondition, "NOT_TRIPPED", "model %q has no ramp that a guard has tripped; larder models lists those that have", model)
	}
	if err := r.announceRollouts(ctx); err != nil {
		return unavailable(err)
	}
	return unavailable(r.refreshRollouts(ctx))
}

// putRollouts makes the rows those of the ramps of definitions that are applied now:
// ramps that go on keep theirs.
func putRollouts(ctx context.Context, tx pgx.Tx, defs *schema.Definitions) error {
	models, ids := []string{}, []string{}
	for i := range defs.Models {
		if id := defs.Models[i].RolloutID(); id != "" {
			models, ids = append(models, defs.Models[i].Name), append(ids, id)
		}
	}
	_, err := tx.Exec(ctx, "DELETE FROM larder.rollouts WHERE (model, id) NOT IN (SELECT m, i FROM unnest($1::text[], $2::text[]) AS t (m, i))", models, ids)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO larder.rollouts (model, id)
		SELECT m, i FROM unnest($1::text[], $2::text[]) AS t (m, i) ON CONFLICT (model) DO NOTHING`, models, ids)
	return err
}
