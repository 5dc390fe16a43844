package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"larder/access/audit"
	larderv1 "larder/api/larder/v1"
	"larder/control"
	"larder/control/forget"
	"larder/control/models"
	"larder/control/readiness"
	"larder/control/streams"
	"larder/internal/egress"
	"larder/internal/grpcserver"
	"larder/internal/pgdev"
	"larder/materialize"
	"larder/models/traffic"
	"larder/monitor/featurelog"
	"larder/monitor/watch"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
	"larder/serving/feast"
	"larder/serving/inference"
	"larder/store/eventlog"
	"larder/store/keyring"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
	"larder/stream"
)

var (
	_ materialize.Source            = (*offline.Store)(nil)
	_ func() *schema.Catalog        = (*registry.Registry)(nil).Catalog
	_ larderv1.ServingServiceServer = (*serving.Server)(nil)
	_ larderv1.ControlServiceServer = (*control.Server)(nil)
)

// The folders inside the data folder.
const (
	rowsFolder     = "rows"     // Badger
	registryFolder = "registry" // the last good catalog
	modelsFolder   = "models"   // which models crashed
	postgresFolder = "postgres" // with --dev
)

func newServeCommand() *cobra.Command {
	cfg := defaultSettings()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a server: features and scores, definitions and materialization",
		Long: `Run a server. It listens for gRPC and HTTP, materializes on the schedules of the
feature views, and serves until SIGTERM or Ctrl-C. Then it reports that it is not
ready, finishes the requests that it has accepted, and closes its store.

Every flag is also a variable, such as LARDER_GRPC_ADDR, and a key of larder.yaml,
such as grpc_addr. A flag overrides the variable, the variable overrides the file.`,
		Example: `  larder serve --dev
  larder serve --postgres postgres://larder@db:5432/features --data /var/lib/larder
  LARDER_POSTGRES=postgres://larder@db/features larder serve --log-format json`,
		Args: wrongArgs(cobra.NoArgs),
	}
	resolve := bindSettings(cmd, &cfg)
	printConfig := cmd.Flags().Bool("print-config", false, "print the settings, where each comes from, and end; passwords are masked")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := resolve()
		if err != nil {
			return usageError(err.Error())
		}
		if *printConfig {
			if err := printSettings(cmd.OutOrStdout(), &cfg, from); err != nil {
				return err
			}
		}
		if err := cfg.validate(); err != nil {
			return usageError(err.Error())
		}
		if *printConfig {
			return nil
		}
		log, err := newLogger(cmd.ErrOrStderr(), cfg)
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cfg, log)
	}
	return cmd
}

// A node is a server's parts, from the ground up.
type node struct {
	cfg         settings
	log         *slog.Logger
	metrics     *prometheus.Registry
	cluster     *pgdev.Cluster // with --dev
	userDSN     string         // its address for people
	streamHosts *egress.Hosts  // of brokers and schema registries
	online      *online.Store
	offline     *offline.Store // nil without Postgres
	bulk        *offline.Store // the same database, for training sets
	runtime     *scoring.Runtime
	models      *scoring.Set
	tensors     *scoring.InferSet
	registry    *registry.Registry
	keys        *keyring.Ring // API keys, roles and bindings
	trail       *audit.Log    // of what is decided
	runner      *materialize.Runner
	features    *featurelog.Log       // nil when nothing is logged
	sources     models.VersionSources // of model versions
	traffic     *traffic.Router
	shadows     *serving.Shadows // nil when nothing is logged
	watcher     *watch.Watcher   // nil on a server without Postgres
	serving     *serving.Server
	control     *control.Server
	logs        *eventlog.Store // of streams; nil without Postgres
	streams     *stream.Runner  // the same
	rows        *readiness.Gate // nil when the server is ready as soon as it has its catalog

	inference *inference.Server
	feast     *feast.Server
	pushes    *streams.Server

	forgotten *forget.Keys
	follower  *forget.Follower // of forgotten keys; nil without Postgres
}

// serve runs a server until ctx ends: not ready, finish, flush, close.
func serve(ctx context.Context, cfg settings, log *slog.Logger) (err error) {
	n := &node{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), forgotten: new(forget.Keys)}
	defer func() {
		var hung *hungError
		if errors.As(err, &hung) { // it may still use what would be closed
			err = errors.Join(err, closeAll(n.log, n.clusterClosing()))
			return
		}
		err = errors.Join(err, n.close())
	}()
	stopTracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	if err := n.open(ctx); err != nil {
		return err
	}
	return n.run(ctx)
}

// run serves until ctx ends or a part fails.
func (n *node) run(ctx context.Context) error {
	grpcListeners, err := listen("gRPC", port{"grpc-addr", n.cfg.GRPCAddr}, port{"control-addr", n.cfg.ControlAddr})
	if err != nil {
		return err
	}
	httpListeners, err := listen("HTTP", port{"http-addr", n.cfg.HTTPAddr}, port{"control-http-addr", n.cfg.ControlHTTPAddr})
	if err != nil {
		return err
	}
	grpcAddr, httpAddr := grpcListeners[0].Addr(), httpListeners[0].Addr()
	if n.cfg.Name == "" {
		if n.cfg.Name, err = serverName(grpcAddr); err != nil {
			return err
		}
	}
	endTrail, err := n.openTrail(ctx)
	if err != nil {
		return err
	}
	options, err := n.shellOptions(ctx)
	if err != nil {
		return err
	}
	shell, err := grpcserver.New(options)
	if err != nil {
		return err
	}
	if err := n.buildPlanes(ctx); err != nil {
		return err
	}
	n.register(shell)
	endLog := n.logFeatures()
	parts := newParts(ctx)
	parts.run("gRPC", func(ctx context.Context) error { return shell.Serve(ctx, grpcListeners...) })
	parts.run("HTTP", func(ctx context.Context) error { return shell.ServeHTTP(ctx, n.httpHandler(), httpListeners...) })
	n.runParts(parts)
	endRecord, err := n.recordDev(grpcAddr, httpAddr)
	if err != nil {
		return err
	}
	defer endRecord()
	if len(grpcListeners) > 1 {
		n.log.Info("the control plane has ports of its own", "grpc", grpcListeners[1].Addr().String(), "http", httpListeners[1].Addr().String())
	}
	n.log.Info("serving", "grpc", grpcAddr.String(), "http", httpAddr.String(), "data", n.cfg.Data, "name", n.cfg.Name)
	err = errors.Join(parts.wait(n.cfg.DrainDelay+n.cfg.DrainTimeout+partsGrace), closeAll(n.log, []closing{{"the feature log", closeGrace, endLog, ""}, {"the audit trail", closeGrace, endTrail, ""}}))
	n.log.Info("stopped")
	return err
}
