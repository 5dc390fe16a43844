package main

import (
	"context"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"larder/internal/background"
	"larder/internal/pgdev"
	"larder/internal/postgres"
	"larder/materialize"
	"larder/migrations"
	"larder/models/traffic"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
	"larder/store/online"
	"larder/store/registry"
)

// open opens the parts of a node, from the ground up.
func (n *node) open(ctx context.Context) error {
	background.Spare()
	signal.Ignore(syscall.SIGXFSZ) // past a limit on the length of files a write fails, and doesn't end the process
	n.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := n.openPostgres(ctx); err != nil {
		return err
	}
	var err error
	n.online, err = online.Open(filepath.Join(n.cfg.Data, rowsFolder), online.Options{
		CacheBytes: n.cfg.CacheBytes, MinFreeBytes: n.cfg.MinFreeBytes, Refuse: n.forgotten.Refuse, Logger: n.log, Registerer: n.metrics,
	})
	if err != nil {
		return err
	}
	if n.runtime, err = scoring.Open(scoring.Options{Library: n.cfg.ONNXRuntime}); err != nil {
		return err
	}
	journal, err := scoring.OpenJournal(filepath.Join(n.cfg.Data, modelsFolder), n.log)
	if err != nil {
		return err
	}
	n.models = scoring.NewSet(n.runtime, scoring.SetOptions{Journal: journal, Logger: n.log, Registerer: n.metrics})
	if err := n.openRegistry(); err != nil {
		return err
	}
	if err := n.openKeys(ctx); err != nil {
		return err
	}
	n.tensors = scoring.NewInferSet(n.models, n.registry.ModelFile)
	if n.sources, err = openSources(n.cfg); err != nil {
		return err
	}
	catalog := n.registry.Catalog
	if n.offline != nil {
		n.runner, err = materialize.New(materialize.Options{
			Catalog: catalog, Building: n.registry.Building, Unfilled: n.unfilled, Source: n.offline, Store: n.online, Logger: n.log, Registerer: n.metrics,
			LastRows: func(ctx context.Context, view string) (int64, bool, error) {
				return n.registry.LastRows(ctx, n.cfg.Name, view)
			},
		})
		if err != nil {
			return err
		}
	}
	if n.features, err = openFeatureLog(n); err != nil {
		return err
	}
	n.traffic = traffic.NewRouter(traffic.Options{
		Rollouts: n.registry.Rollouts, Logger: n.log, Registerer: n.metrics,
		Trip: func(model, rollout, reason string) { n.registry.Trip(model, rollout, n.cfg.Name, reason) },
	})
	n.serving = serving.New(serving.Options{
		Online: n.online, Models: n.models, ModelFile: n.registry.ModelFile, Traffic: n.traffic, Observe: n.observers(), Watch: n.openWatch(),
		Tracer: servingTracer(), Logger: n.log, Registerer: n.metrics, MaxRows: n.cfg.MaxRows,
	})
	return n.registry.Load(ctx)
}

// openPostgres starts the private cluster of --dev and migrates; a Postgres that
// can't be reached now may come later.
func (n *node) openPostgres(ctx context.Context) error {
	if n.cfg.Dev {
		if n.cfg.Postgres != "" {
			return usageError("--dev starts its own Postgres; leave out --postgres")
		}
		var err error
		if n.cluster, err = pgdev.Start(ctx, pgdev.Options{Dir: filepath.Join(n.cfg.Data, postgresFolder), Logical: true}); err != nil {
			return err
		}
		n.cfg.Postgres = n.cluster.DSN()
		dsn, err := n.cluster.UserDSN(ctx)
		if err != nil {
			return err
		}
		n.userDSN = dsn
		if n.cfg.SourcePostgres, err = n.cluster.SourcesDSN(ctx); err != nil {
			return err
		}
		n.log.Info("private postgres started; larder dev prints its address", "dsn", postgres.Mask(dsn))
	}
	if n.cfg.Postgres == "" {
		return nil
	}
	if err := n.openHistory(ctx); err != nil {
		return err
	}
	const patience = 10 * time.Second
	migrate, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	applied, err := migrations.Up(migrate, n.cfg.Postgres)
	if err != nil {
		n.log.Warn("could not migrate the registry; continuing", "error", err)
	} else if len(applied) > 0 {
		n.log.Info("registry migrated", "applied", applied)
	}
	return nil
}

// openRegistry opens the registry. It loads a catalog when what serves one is there.
func (n *node) openRegistry() (err error) {
	n.registry, err = registry.Open(n.cfg.Postgres, filepath.Join(n.cfg.Data, registryFolder), registry.Options{
		Prepare: func(ctx context.Context, c *schema.Catalog) (publish func(), err error) {
			g, err := n.serving.Prepare(ctx, c)
			return func() { n.serving.Publish(g) }, err
		},
		Unfilled: n.unfilled, SwitchAfter: n.cfg.SwitchAfter,
		Rows: n.online, Logger: n.log, Registerer: n.metrics,
	})
	return err
}

// unfilled returns the views of next that store fewer rows than those of serving.
func (n *node) unfilled(serving, next *schema.Catalog) ([]string, error) {
	if n.offline == nil {
		return nil, nil // nothing fills them
	}
	return registry.Unfilled(serving, next, func(viewID uint32) (int64, bool, error) {
		mark, found, err := n.online.Watermark(viewID)
		return mark.Time, found, err
	})
}
