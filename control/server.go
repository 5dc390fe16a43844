package control

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	"larder/control/datasets"
	"larder/control/runs"
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
	Name     string // under which runs are recorded
	Version  string // of the program
	DataDir  string

	MaxMessageBytes int // that a message of gRPC may have; defaults to 16 MiB

	VerifyEvery  time.Duration // how often views are verified; 0: only when asked
	VerifySample int           // how many keys of each then

	Sources Sources // of model versions; none when empty

	FeatureLog *featurelog.Log // nil when nothing is logged

	Logger     *slog.Logger          // defaults to slog.Default()
	Registerer prometheus.Registerer // defaults to one that nobody reads
}

// A Server answers larder.v1.ControlService. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedControlServiceServer
	Options
	runs     *runs.Recorder
	datasets *datasets.Builder
	metrics  *metrics
	figures  *figures
	looks    looks // at the sources of model versions
	started  time.Time
}

// New returns a server.
func New(opts Options) *Server {
	opts.MaxMessageBytes = cmp.Or(opts.MaxMessageBytes, 16<<20)
	opts.Sources.Every = cmp.Or(opts.Sources.Every, 10*time.Second)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	return &Server{
		Options:  opts,
		runs:     runs.New(runs.Options{Registry: opts.Registry, Runner: opts.Runner, Server: opts.Name, Logger: opts.Logger}),
		datasets: datasets.New(datasets.Options{Registry: opts.Registry, History: opts.History}),
		metrics:  newMetrics(opts.Registerer), figures: newFigures(opts.Registerer), looks: looks{byModel: map[string]look{}}, started: time.Now(),
	}
}

// Run records runs in Postgres, frees the rows of views and the model files that
// are gone, verifies views and takes the figures of models when it is time to, and
// follows the sources of model versions, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.runs.Record(ctx) })
	g.Go(func() error { return s.sweep(ctx) })
	g.Go(func() error { return s.verifyOnSchedule(ctx) })
	g.Go(func() error { return s.followSources(ctx) })
	g.Go(func() error { return s.sweepModels(ctx) })
	g.Go(func() error { return s.takeFigures(ctx) })
	return g.Wait()
}

// sweepAfter is how long the rows of a view stay after no catalog names it any
// more: far longer than any request on an older catalog takes.
const sweepAfter = time.Minute

// sweep deletes the rows of views that are in no catalog. The empty catalog of
// a registry that nothing was applied to deletes nothing.
func (s *Server) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepAfter)
	defer tick.Stop()
	gone := map[uint32]bool{} // seen to be gone one tick ago
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		catalog := s.Registry.Catalog()
		if catalog.Version == 0 {
			continue
		}
		goneNow, err := s.goneViews(catalog)
		for id := range goneNow {
			if !gone[id] {
				continue
			}
			dropErr := s.Online.DropView(ctx, id)
			err = errors.Join(err, dropErr)
			if dropErr == nil {
				s.Logger.Info("rows of a view that is gone were deleted", "view_id", id)
				delete(goneNow, id)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.Logger.Error("rows of views that are gone can't be deleted", "error", err)
		}
		gone = goneNow
	}
}

func (s *Server) goneViews(catalog *schema.Catalog) (map[uint32]bool, error) {
	ids, err := s.Online.ViewIDs()
	gone := map[uint32]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	for _, v := range catalog.Views() {
		delete(gone, v.ID)
	}
	return gone, err
}

// sweepModels deletes model files that no version of the definitions names, a few
// every hour.
func (s *Server) sweepModels(ctx context.Context) error {
	if s.Offline == nil {
		return nil
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		dropped, err := s.Registry.DropUnwantedModels(ctx)
		if err != nil && ctx.Err() == nil {
			s.Logger.Warn("model files that nothing names can't be deleted", "error", err)
		}
		if dropped > 0 {
			s.Logger.Info("model files that nothing names were deleted", "files", dropped)
		}
	}
}
