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
	"larder/internal/background"
	"larder/materialize"
	"larder/monitor/featurelog"
	"larder/schema"
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
	// Model returns the model of a plan of the catalog that serves, and what gives it
	// back; nil where it is not loaded.
	Model   func(*schema.Plan) (m *scoring.Model, release func())
	Name    string // under which runs are recorded
	Version string // of the program
	DataDir string

	MaxMessageBytes int // that a message of gRPC may have; defaults to 16 MiB

	VerifyEvery  time.Duration // how often views are verified; 0: only when asked
	VerifySample int           // how many keys of each then

	Sources models.Sources // of model versions; none when empty

	FeatureLog *featurelog.Log // nil when nothing is logged

	Logger     *slog.Logger          // defaults to slog.Default()
	Registerer prometheus.Registerer // defaults to one that nobody reads
}

// Parts are what the RPCs call, for whoever has no need of messages. All are safe
// for concurrent use.
type Parts struct {
	Definitions *definitions.Editor
	Models      *models.Editor
	Runs        *runs.Recorder
	Datasets    *datasets.Builder
	Checks      *checks.Checker
}

// A Server answers larder.v1.ControlService. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedControlServiceServer
	Options
	parts   Parts
	started time.Time
}

// New returns a server.
func New(opts Options) *Server {
	opts.MaxMessageBytes = cmp.Or(opts.MaxMessageBytes, 16<<20)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	return &Server{Options: opts, parts: newParts(opts), started: time.Now()}
}

func newParts(opts Options) Parts {
	editor := definitions.New(definitions.Options{
		Registry: opts.Registry, Offline: opts.Offline, Online: opts.Online, Models: opts.Models, Logger: opts.Logger,
	})
	return Parts{
		Definitions: editor,
		Models: models.New(models.Options{
			Definitions: editor, Registry: opts.Registry, Offline: opts.Offline, Model: opts.Model, Sources: opts.Sources,
			Logger: opts.Logger, Registerer: opts.Registerer,
		}),
		Runs:     runs.New(runs.Options{Registry: opts.Registry, Runner: opts.Runner, Server: opts.Name, Logger: opts.Logger}),
		Datasets: datasets.New(datasets.Options{Registry: opts.Registry, History: opts.History}),
		Checks: checks.New(checks.Options{
			Registry: opts.Registry, Offline: opts.Offline, History: opts.History, Online: opts.Online, FeatureLog: opts.FeatureLog,
			VerifyEvery: opts.VerifyEvery, VerifySample: opts.VerifySample, Logger: opts.Logger, Registerer: opts.Registerer,
		}),
	}
}

// Parts returns what the RPCs call.
func (s *Server) Parts() Parts { return s.parts }

// Run records runs in Postgres, frees the rows of views and the model files that
// are gone, verifies views and takes the figures of models when it is time to, and
// follows the sources of model versions, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for part, run := range map[string]func(context.Context) error{
		"record of runs": s.parts.Runs.Record, "sweep of views": s.parts.Definitions.Sweep, "sweep of models": s.parts.Definitions.SweepModels,
		"verification": s.parts.Checks.VerifyOnSchedule, "sources of models": s.parts.Models.Follow, "figures of models": s.parts.Checks.TakeFigures,
	} {
		g.Go(func() error { return background.Keep(ctx, s.Logger, part, run) })
	}
	return g.Wait()
}
