package main

import (
	"context"

	"larder/control/monitoring"
	"larder/monitor/featurelog"
	"larder/monitor/watch"
	"larder/serving"
	"larder/store/registry"
)

// A logTable is the table of the registry's Postgres.
type logTable struct{ *registry.Registry }

var _ featurelog.Table = logTable{}

func (t logTable) AppendLogged(ctx context.Context, rows []featurelog.Row) error {
	logged := make([]registry.LoggedRow, len(rows))
	for i := range rows {
		logged[i] = registry.LoggedRow(rows[i])
	}
	return t.Registry.AppendLogged(ctx, logged)
}

func (t logTable) ReadLogged(ctx context.Context, model string, from, until int64, visit func(*featurelog.Row) error) error {
	return t.Registry.ReadLogged(ctx, model, from, until, func(l *registry.LoggedRow) error {
		row := featurelog.Row(*l)
		return visit(&row)
	})
}

// openFeatureLog opens the log of a folder, of the table, or of both; nil of neither.
func openFeatureLog(n *node) (*featurelog.Log, error) {
	if n.cfg.FeatureLog == "" && !n.cfg.LogTable {
		return nil, nil
	}
	opts := featurelog.Options{MaxBytes: n.cfg.LogBytes, MinFreeBytes: n.cfg.MinFreeBytes, Keep: n.cfg.LogKeep, Forgotten: n.forgotten.List, Logger: n.log, Registerer: n.metrics}
	if n.cfg.LogTable {
		if n.cfg.Postgres == "" {
			return nil, usageError("--feature-log-table writes to Postgres; give --postgres too")
		}
		opts.Table = logTable{n.registry}
	}
	return featurelog.Open(n.cfg.FeatureLog, opts)
}

// observers are those of requests: the feature log, and the shadows, whose scores it
// gets too.
func (n *node) observers() []func(*serving.Scored) {
	if n.features == nil {
		return nil
	}
	log := func(s *serving.Scored) { n.features.Offer(&s.Scored) }
	n.shadows = serving.NewShadows(serving.ShadowOptions{Observe: []func(*serving.Scored){log}, Logger: n.log, Registerer: n.metrics})
	return []func(*serving.Scored){n.shadows.Observe, log}
}

// openWatch returns what counts the values of requests, for the comparison with training; nil
// without Postgres, which keeps what was counted.
func (n *node) openWatch() serving.Watcher {
	if n.cfg.Postgres == "" {
		return nil
	}
	n.watcher = watch.New(watch.Options{Store: monitoring.Store{Registry: n.registry}, Server: func() string { return n.cfg.Name }, Every: n.cfg.WatchWindow, Logger: n.log, Registerer: n.metrics})
	return n.watcher
}

// logFeatures writes the feature log until end is called: after the last request.
func (n *node) logFeatures() (end func() error) {
	if n.features == nil {
		return func() error { return nil }
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.features.Run(ctx) }()
	return func() error {
		stop()
		return <-ended
	}
}
