package control

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	"larder/control/checks"
	"larder/control/datasets"
	"larder/control/definitions"
	"larder/control/forget"
	"larder/control/models"
	"larder/control/monitoring"
	"larder/control/runs"
	"larder/internal/background"
	"larder/internal/egress"
	"larder/materialize"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/scoring"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
)

// Options configure a Server. Every field is required unless its comment says otherwise.
type Options struct {
	Registry *registry.Registry
	Offline  *offline.Store  // nil on a server without Postgres
	Logs     *eventlog.Store // the same
	Bulk     *offline.Store  // a separate pool of connections for training sets; nil on a server without Postgres
	Online   *online.Store
	Runner   *materialize.Runner // nil on a server without Postgres
	Models   *scoring.Set
	// Model returns the model of a plan of the catalog that serves, and a function that
	// releases it. The model is nil when it is not loaded.
	Model   func(*schema.Plan) (m *scoring.Model, release func())
	Awaited func() []string // what the server waits for before it is ready; may be nil
	Name    string          // the server's name in the record of runs
	Version string          // of the program
	DataDir string

	MaxMessageBytes int // the largest gRPC message; defaults to 16 MiB

	VerifyEvery  time.Duration // how often views are verified; 0: only when asked
	VerifySample int           // how many keys of each view are verified then

	WatchWindow time.Duration // how often the drift of models is measured; 0: never

	VersionSources models.VersionSources // where model versions come from; may be empty

	FeatureLog *featurelog.Log // nil when nothing is logged

	// Hosts are those that brokers and schema registries of streams may be at. Nil allows all
	// but link-local addresses.
	Hosts *egress.Hosts

	Logger     *slog.Logger          // defaults to slog.Default()
	Registerer prometheus.Registerer // defaults to a new, unused registry
}

// Parts are what the RPCs call. Code in this process can call them without messages.
// All are safe for concurrent use.
type Parts struct {
	Definitions *definitions.Editor
	Models      *models.Editor
	Runs        *runs.Recorder
	Datasets    *datasets.Builder
	Checks      *checks.Checker
	Forget      *forget.Remover
}

// A Server implements larder.v1.ControlService. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedControlServiceServer
	Options
	parts   Parts
	past    pastModel
	drift   *monitoring.Gauges // nil where nothing is counted
	started time.Time
}

// New returns a server.
func New(opts Options) *Server {
	opts.MaxMessageBytes = cmp.Or(opts.MaxMessageBytes, 16<<20)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	s := &Server{Options: opts, parts: newParts(opts), started: time.Now()}
	if opts.Offline != nil && opts.WatchWindow > 0 {
		s.drift = monitoring.NewGauges(monitoring.Store{Registry: opts.Registry}, opts.Registerer, opts.Logger)
	}
	return s
}

// Runs returns what starts runs and keeps their record.
func (s *Server) Runs() *runs.Recorder { return s.parts.Runs }

func newParts(opts Options) Parts {
	editor := definitions.New(definitions.Options{
		Registry: opts.Registry, Offline: opts.Offline, Logs: opts.Logs, Online: opts.Online, Models: opts.Models, Logger: opts.Logger, Hosts: opts.Hosts,
		May: mayChange, MayRead: mayUse,
	})
	return Parts{
		Definitions: editor,
		Forget:      forget.NewRemover(forget.RemoverOptions{Registry: opts.Registry, Offline: opts.Offline, Logger: opts.Logger}),
		Models: models.New(models.Options{
			Definitions: editor, Registry: opts.Registry, Offline: opts.Offline, Model: opts.Model, Release: opts.Models.ReleaseQuarantine, VersionSources: opts.VersionSources,
			Logger: opts.Logger, Registerer: opts.Registerer,
		}),
		Runs:     runs.New(runs.Options{Registry: opts.Registry, Runner: opts.Runner, Server: opts.Name, Logger: opts.Logger}),
		Datasets: datasets.New(datasets.Options{Registry: opts.Registry, Offline: opts.Bulk}),
		Checks: checks.New(checks.Options{
			Registry: opts.Registry, Offline: opts.Offline, Bulk: opts.Bulk, Logs: opts.Logs, Online: opts.Online, FeatureLog: opts.FeatureLog,
			VerifyEvery: opts.VerifyEvery, VerifySample: opts.VerifySample, Logger: opts.Logger, Registerer: opts.Registerer,
		}),
	}
}

// sweepCounts deletes old counts of what models were fed.
func (s *Server) sweepCounts(ctx context.Context) error {
	if s.Offline == nil {
		return nil
	}
	return monitoring.Store{Registry: s.Registry}.Sweep(ctx, s.Logger)
}

// measureDrift updates the metrics of what drifts.
func (s *Server) measureDrift(ctx context.Context) error {
	if s.drift == nil {
		return nil
	}
	return s.drift.Run(ctx, s.Registry.Catalog, s.WatchWindow)
}

// Parts returns the parts that the RPCs call.
func (s *Server) Parts() Parts { return s.parts }

// Run does the background work of the control plane until ctx ends: it records runs
// in Postgres, deletes the rows of removed views and unused model files, verifies views
// and updates the metrics of models on schedule, and follows the sources of model
// versions.
func (s *Server) Run(ctx context.Context) error {
	defer s.past.close()
	g, ctx := errgroup.WithContext(ctx)
	for part, run := range map[string]func(context.Context) error{
		"record of runs": s.parts.Runs.Record, "sweep of views": s.parts.Definitions.Sweep, "sweep of models": s.parts.Definitions.SweepModels,
		"verification": s.parts.Checks.VerifyOnSchedule, "sources of models": s.parts.Models.Follow, "figures of models": s.parts.Checks.TakeFigures, "sweep of counts": s.sweepCounts, "drift of models": s.measureDrift,
	} {
		g.Go(func() error { return background.Keep(ctx, s.Logger, part, run) })
	}
	return g.Wait()
}
