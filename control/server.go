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
	"larder/control/models"
	"larder/control/runs"
	"larder/materialize"
	"larder/monitor/featurelog"
	"larder/scoring"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
)

// Options configure a Server. All are required, but for what says otherwise.
type Options struct {
	Registry *registry.Registry
	Offline  *offline.Store // nil on a server without Postgres
	History  *offline.Store // for training sets, so that these don't take the connections of others; nil on a server without Postgres
	Online   *online.Store
	Runner   *materialize.Runner // nil on a server without Postgres
	Models   *scoring.Set
	Name     string // under which runs are recorded
	Version  string // of the program
	DataDir  string

	MaxMessageBytes int // that a message of gRPC may have; defaults to 16 MiB

	VerifyEvery  time.Duration // how often views are verified; 0: only when asked
	VerifySample int           // how many keys of each then

	Sources models.Sources // of model versions; none when empty

	FeatureLog *featurelog.Log // nil when nothing is logged

	Logger     *slog.Logger          // defaults to slog.Default()
	Registerer prometheus.Registerer // defaults to one that nobody reads
}

// A Server answers larder.v1.ControlService. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedControlServiceServer
	Options
	definitions *definitions.Editor
	models      *models.Editor
	runs        *runs.Recorder
	datasets    *datasets.Builder
	checks      *checks.Checker
	started     time.Time
}

// New returns a server.
func New(opts Options) *Server {
	opts.MaxMessageBytes = cmp.Or(opts.MaxMessageBytes, 16<<20)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	editor := definitions.New(definitions.Options{
		Registry: opts.Registry, Offline: opts.Offline, Online: opts.Online, Models: opts.Models, Logger: opts.Logger,
	})
	return &Server{
		Options:     opts,
		definitions: editor,
		models: models.New(models.Options{
			Definitions: editor, Registry: opts.Registry, Offline: opts.Offline, Models: opts.Models, Sources: opts.Sources,
			Logger: opts.Logger, Registerer: opts.Registerer,
		}),
		runs:     runs.New(runs.Options{Registry: opts.Registry, Runner: opts.Runner, Server: opts.Name, Logger: opts.Logger}),
		datasets: datasets.New(datasets.Options{Registry: opts.Registry, History: opts.History}),
		checks: checks.New(checks.Options{
			Registry: opts.Registry, Offline: opts.Offline, History: opts.History, Online: opts.Online, FeatureLog: opts.FeatureLog,
			VerifyEvery: opts.VerifyEvery, VerifySample: opts.VerifySample, Logger: opts.Logger, Registerer: opts.Registerer,
		}),
		started: time.Now(),
	}
}

// Run records runs in Postgres, frees the rows of views and the model files that
// are gone, verifies views and takes the figures of models when it is time to, and
// follows the sources of model versions, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.runs.Record(ctx) })
	g.Go(func() error { return s.definitions.Sweep(ctx) })
	g.Go(func() error { return s.checks.VerifyOnSchedule(ctx) })
	g.Go(func() error { return s.models.Follow(ctx) })
	g.Go(func() error { return s.definitions.SweepModels(ctx) })
	g.Go(func() error { return s.checks.TakeFigures(ctx) })
	return g.Wait()
}
