package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"larder/monitor/watch"
	"larder/schema"
	"larder/store/registry"
	"larder/training"
)

// A Store keeps references and windows in the registry's Postgres.
type Store struct{ *registry.Registry }

var _ watch.Store = Store{}

// Reference returns a part of the reference of a model's version; nil when there is none.
func (s Store) Reference(ctx context.Context, model string, version int64, part string) (*watch.Reference, error) {
	raw, err := s.WatchReference(ctx, model, version, part)
	return decodeReference(model, version, raw, err)
}

// PutReference keeps a reference, unless there is one, and returns the one that is kept.
func (s Store) PutReference(ctx context.Context, model string, version int64, part string, r *watch.Reference) (*watch.Reference, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	raw, err = s.PutWatchReference(ctx, model, version, part, raw)
	return decodeReference(model, version, raw, err)
}

func decodeReference(model string, version int64, raw []byte, err error) (*watch.Reference, error) {
	if err != nil || raw == nil {
		return nil, err
	}
	r := new(watch.Reference)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("the reference of model %q version %d: %w", model, version, err)
	}
	return r, nil
}

// Trained returns the columns of the training set that a plan's version names; nil when it
// names none, or one that was built before sets had profiles.
func (s Store) Trained(ctx context.Context, p *schema.Plan) ([]watch.Column, error) {
	set, err := s.Dataset(ctx, p.ModelVersion.Dataset)
	if err != nil {
		return nil, err
	}
	var m training.Manifest
	if err := json.Unmarshal(set.Manifest, &m); err != nil {
		return nil, fmt.Errorf("the manifest of training set %s: %w", set.ID, err)
	}
	return columnsOf(p, &m), nil
}

func columnsOf(p *schema.Plan, m *training.Manifest) []watch.Column {
	trained := map[string]training.FeatureStatistics{}
	for _, f := range m.Features {
		trained[f.Name] = f
	}
	var columns []watch.Column
	for _, f := range p.Features {
		found, has := trained[strings.Replace(f.Name, ":", "__", 1)]
		if !has || found.Profile == nil {
			return nil
		}
		columns = append(columns, watch.TrainedColumn(&f, found.Profile))
	}
	for _, v := range m.Views {
		columns = append(columns, watch.StatusColumn(v.View, map[schema.Status]int64{
			schema.StatusPresent: v.Found, schema.StatusNotFound: v.Missing, schema.StatusOutsideMaxAge: v.Expired,
		}))
	}
	return columns
}

// PutWindow keeps a window.
func (s Store) PutWindow(ctx context.Context, w *watch.Window) error {
	return s.PutWatchWindow(ctx, &registry.WatchWindow{
		Model: w.Model, Version: w.Version, Part: w.Part, Begins: time.UnixMicro(w.Begins), Ends: time.UnixMicro(w.Ends),
		Server: w.Server, Reference: w.Reference, Counts: w.AppendTallies(nil),
	})
}

// Sweep deletes windows that are not kept any more, every hour, until ctx ends.
func (s Store) Sweep(ctx context.Context, logger *slog.Logger) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.DropWatchWindows(ctx); err != nil && ctx.Err() == nil {
			logger.Warn("cannot delete old counts of what models are fed", "error", err)
		}
	}
}
