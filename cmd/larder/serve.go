package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/pprof"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"larder/access/audit"
	feastserving "larder/api/feast/serving"
	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/control"
	"larder/control/access"
	"larder/control/forget"
	"larder/control/models"
	"larder/control/readiness"
	"larder/control/rows"
	"larder/control/streams"
	"larder/internal/background"
	"larder/internal/egress"
	"larder/internal/grpcserver"
	"larder/internal/pgdev"
	"larder/internal/postgres"
	"larder/materialize"
	"larder/migrations"
	"larder/models/traffic"
	"larder/monitor/featurelog"
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
		n.runner, err = materialize.New(materialize.Options{Catalog: catalog, Building: n.registry.Building, Unfilled: n.unfilled, Source: n.offline, Store: n.online, Logger: n.log, Registerer: n.metrics})
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
		Online: n.online, Models: n.models, ModelFile: n.registry.ModelFile, Traffic: n.traffic, Observe: n.observers(),
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
		Rows: n.online, Logger: n.log,
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
		VerifyEvery: n.cfg.VerifyEvery, VerifySample: n.cfg.VerifySample, VersionSources: n.sources, FeatureLog: n.features, Hosts: n.streamHosts,
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
	n.register(shell)
	endLog := n.logFeatures()
	parts := newParts(ctx)
	parts.run("gRPC", func(ctx context.Context) error { return shell.Serve(ctx, grpcListeners...) })
	parts.run("HTTP", func(ctx context.Context) error { return shell.ServeHTTP(ctx, n.httpHandler(), httpListeners...) })
	parts.run("the registry", func(ctx context.Context) error { return background.Keep(ctx, n.log, "registry", n.registry.Run) })
	parts.run("keys, roles and bindings", func(ctx context.Context) error { return background.Keep(ctx, n.log, "keys", n.keys.Run) })
	parts.run("upkeep of the store", n.online.Run)
	parts.run("the control plane", n.control.Run)
	parts.run("guards of ramps", func(ctx context.Context) error { return background.Keep(ctx, n.log, "guards of ramps", n.traffic.Run) })
	if n.rows != nil {
		parts.run("readiness", func(ctx context.Context) error { return background.Keep(ctx, n.log, "readiness", n.rows.Run) })
	}
	if n.shadows != nil {
		parts.run("shadows", n.shadows.Run)
	}
	if n.offline != nil {
		parts.run("runs", n.runner.Run)
		parts.run("forgetting", func(ctx context.Context) error { return background.Keep(ctx, n.log, "forgetting", n.follower.Run) })
		parts.run("streams", func(ctx context.Context) error { return background.Keep(ctx, n.log, "streams", n.streams.Run) })
	}
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

// register adds every service to a server.
func (n *node) register(shell *grpcserver.Server) {
	larderv1.RegisterServingServiceServer(shell, n.serving)
	inferencev2.RegisterGRPCInferenceServiceServer(shell, n.inference)
	feastserving.RegisterServingServiceServer(shell, n.feast)
	feastserving.RegisterGrpcFeatureServerServer(shell, n.feast)
	larderv1.RegisterControlServiceServer(shell, n.control)
	larderv1.RegisterStreamServiceServer(shell, n.pushes)
	larderv1.RegisterAccessServiceServer(shell, access.New(n.keys, n.trail, access.Login{Issuer: n.cfg.OIDCIssuer, ClientID: n.cfg.OIDCClient, Audience: n.cfg.OIDCAudience}))
	n.control.Flight().Register(shell)
}

func (n *node) shellOptions(ctx context.Context) (grpcserver.Options, error) {
	decides, err := n.newGate(ctx)
	if err != nil {
		return grpcserver.Options{}, err
	}
	hosts, err := grpcserver.ParseHosts(n.cfg.HTTPHosts)
	if err != nil {
		return grpcserver.Options{}, err
	}
	if own, _, err := net.SplitHostPort(n.cfg.HTTPAddr); err == nil && own != "" {
		hosts = append(hosts, strings.ToLower(own))
	}
	opts := grpcserver.Options{
		Version: version, HTTPHosts: hosts, Logger: n.log, Registerer: n.metrics, Gatherer: n.metrics, Access: decides, CertFile: n.cfg.TLSCert, KeyFile: n.cfg.TLSKey, ClientCAFile: n.cfg.TLSClientCA,
		MaxMessageBytes: n.cfg.MaxMessage, MaxInFlight: n.cfg.MaxInFlight, DefaultTimeout: n.cfg.Timeout,
		DrainDelay: n.cfg.DrainDelay, DrainTimeout: n.cfg.DrainTimeout, Tracing: tracingWanted(),
		CutOff: n.models.EndProcesses, Ready: n.ready,
	}
	if n.trail != nil {
		opts.Audit = n.trail
	}
	return opts, nil
}

func (n *node) httpHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Add(n.serving.HTTPHandler())
	mux.Add(n.inference.HTTPHandler())
	mux.Add(n.feast.HTTPHandler())
	mux.Add(n.pushes.HTTPHandler())
	if n.cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// close closes what was opened, from the top down. What does not end is left behind.
func (n *node) close() error {
	var all []closing
	add := func(name string, grace time.Duration, close func() error, needs string) {
		all = append(all, closing{name, grace, close, needs})
	}
	plain := func(close func()) func() error {
		return func() error {
			close()
			return nil
		}
	}
	const modelsPart = "models"
	if n.sources.Repository != nil {
		add("the model repository", closeGrace, n.sources.Repository.Close, "")
	}
	if n.serving != nil {
		add("serving", closeGrace, plain(n.serving.Close), "")
	}
	if n.models != nil {
		add(modelsPart, closeGrace, n.models.Close, "")
	}
	if n.tensors != nil {
		add("models over tensors", closeGrace, plain(n.tensors.Close), modelsPart)
	}
	if n.runtime != nil {
		add("ONNX Runtime", closeGrace, n.runtime.Close, modelsPart)
	}
	if n.online != nil {
		add(storePart, storeGrace, n.online.Close, "")
	}
	if n.trail != nil {
		add("the audit trail", closeGrace, n.trail.Close, "")
	}
	if n.keys != nil {
		add("the keys", closeGrace, plain(n.keys.Close), "")
	}
	if n.registry != nil {
		add("connections of the registry", closeGrace, plain(n.registry.Close), "")
	}
	if n.offline != nil {
		add("connections of sources", closeGrace, plain(n.offline.Close), "")
	}
	if n.logs != nil {
		add("connections of streams", closeGrace, plain(n.logs.Close), "")
	}
	if n.bulk != nil {
		add("connections of training sets", closeGrace, plain(n.bulk.Close), "")
	}
	return closeAll(n.log, append(all, n.clusterClosing()...))
}

func (n *node) clusterClosing() []closing {
	if n.cluster == nil {
		return nil
	}
	return []closing{{"the private Postgres", storeGrace, n.cluster.Stop, ""}}
}
