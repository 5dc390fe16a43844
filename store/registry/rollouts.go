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

// keptRollouts is the JSON of rollouts.json: the state of ramps, by model.
type keptRollouts struct {
	Rollouts map[string]traffic.Rollout `json:"rollouts"`
	Unsent   map[string]traffic.Rollout `json:"unsent,omitempty"` // the ramps that tripped here and that Postgres doesn't know
}

// Rollouts returns the state of the ramps, by model. The caller must not change the
// map. It costs one atomic load.
func (r *Registry) Rollouts() map[string]traffic.Rollout { return r.rollouts.Load().Rollouts }

// Trip stops the ramp of a model. id identifies the ramp. It takes effect on this
// server at once, also over a restart, and everywhere as soon as Postgres knows.
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
	default: // it is signalled already
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

// setRollouts replaces the rollouts, and keeps them on disk. The caller holds mu.
func (r *Registry) setRollouts(next *keptRollouts) {
	if before := r.rollouts.Swap(next); r.damaged == nil && reflect.DeepEqual(before, next) {
		return
	}
	raw, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = wholefile.Write(filepath.Join(r.dir, rolloutsFile), raw, 0o600)
	}
	if err != nil {
		r.opts.Logger.Error("cannot keep the state of ramps for a start without postgres", "dir", r.dir, "error", err)
	}
}

// readKeptRollouts reads the state that an earlier server kept in this folder.
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
		return fmt.Errorf("%s is damaged: %w; remove it, and check with larder models whether a ramp had tripped", path, err)
	}
	r.rollouts.Store(kept)
	return nil
}

// refreshRollouts sends local trips to Postgres and reads the state from it.
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

// sendTrip writes a tripped ramp to Postgres, and so to all servers. It leaves a ramp
// alone that was resumed or changed meanwhile.
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

// sendTrips sends local trips to Postgres until ctx ends. If that fails, refresh sends
// them later.
func (r *Registry) sendTrips(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.tripped:
			if err := r.refreshRollouts(ctx); err != nil && ctx.Err() == nil {
				r.opts.Logger.Warn("cannot notify other servers yet that a guard tripped", "error", err)
			}
		}
	}
}

// Resume restarts the ramp of a model that a guard stopped.
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
		return schema.NotTripped.Errorf("model %q has no tripped ramp; list the models that have one with larder models", model)
	}
	if err := r.announceRollouts(ctx); err != nil {
		return unavailable(err)
	}
	return unavailable(r.refreshRollouts(ctx))
}

// putRollouts updates the rows to the ramps of the applied definitions. Ramps that
// continue keep their rows.
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
