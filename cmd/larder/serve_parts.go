package main

import (
	"context"

	"larder/control"
	"larder/control/readiness"
	"larder/control/rows"
	"larder/control/streams"
	"larder/internal/background"
	"larder/serving/feast"
	"larder/serving/inference"
)

// buildPlanes builds what answers requests.
func (n *node) buildPlanes(ctx context.Context) error {
	n.inference = inference.New(inference.Options{
		Serving: n.serving, Models: n.tensors, Ready: n.ready, Version: version,
		MaxRows: n.cfg.MaxRows,
	})
	if n.cfg.ReadyWhen == readyFilled {
		n.rows = readiness.New(readiness.Options{
			Registry: n.registry, Online: n.online, Runner: n.runner, Server: n.cfg.Name, After: n.cfg.ReadyAfter, Logger: n.log,
		})
	}
	n.control = control.New(control.Options{
		Registry: n.registry, Offline: n.offline, Bulk: n.bulk, Logs: n.logs, Online: n.online, Runner: n.runner, Models: n.models, Model: n.serving.Model, Awaited: n.awaited,
		Name: n.cfg.Name, Version: version, DataDir: n.cfg.Data, MaxMessageBytes: n.cfg.MaxMessage, Logger: n.log, Registerer: n.metrics,
		WatchWindow: n.cfg.WatchWindow, VerifyEvery: n.cfg.VerifyEvery, VerifySample: n.cfg.VerifySample, VersionSources: n.sources, FeatureLog: n.features, Hosts: n.streamHosts,
	})
	n.feast = feast.New(feast.Options{
		Serving: n.serving, Writer: rows.New(rows.Options{Catalog: n.registry.Catalog, Offline: n.offline, Runs: n.control.Runs()}), Runs: n.control.Runs(),
		FeastStatuses: n.cfg.FeastStatuses, MaxRows: n.cfg.MaxRows, Version: version,
	})
	if n.logs != nil {
		n.streams = openStreams(n)
		if err := n.startForgetting(ctx); err != nil {
			return err
		}
	}
	n.pushes = streams.New(streams.Options{Catalog: n.registry.Catalog, Logs: n.logs, Offline: n.offline, Runner: n.streams})
	return nil
}

// runParts runs what works beside the requests.
func (n *node) runParts(parts *parts) {
	parts.run("the registry", func(ctx context.Context) error { return background.Keep(ctx, n.log, "registry", n.registry.Run) })
	parts.run("keys, roles and bindings", func(ctx context.Context) error { return background.Keep(ctx, n.log, "keys", n.keys.Run) })
	parts.run("upkeep of the store", n.online.Run)
	parts.run("the control plane", n.control.Run)
	parts.run("guards of ramps", func(ctx context.Context) error { return background.Keep(ctx, n.log, "guards of ramps", n.traffic.Run) })
	if n.rows != nil {
		parts.run("readiness", func(ctx context.Context) error { return background.Keep(ctx, n.log, "readiness", n.rows.Run) })
	}
	if n.watcher != nil {
		parts.run("counts of what models are fed", func(ctx context.Context) error {
			return background.Keep(ctx, n.log, "counts of what models are fed", n.watcher.Run)
		})
	}
	if n.shadows != nil {
		parts.run("shadows", n.shadows.Run)
	}
	if n.offline != nil {
		parts.run("runs", n.runner.Run)
		parts.run("forgetting", func(ctx context.Context) error { return background.Keep(ctx, n.log, "forgetting", n.follower.Run) })
		parts.run("streams", func(ctx context.Context) error { return background.Keep(ctx, n.log, "streams", n.streams.Run) })
	}
}

// awaited returns what the server waits for before it is ready.
func (n *node) awaited() []string {
	if n.rows == nil {
		return nil
	}
	return n.rows.Awaited()
}

// ready returns why requests can't be answered yet, or not any more.
func (n *node) ready() error {
	if err := n.online.Fault(); err != nil || n.rows == nil {
		return err
	}
	return n.rows.Ready()
}
