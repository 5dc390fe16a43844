package serving

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/models/traffic"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/scoring"
	"larder/store/row"
)

// A Store is where the newest rows of entities are read.
type Store interface {
	// Read calls visit for each key that has a row, with the key's index in keys, in
	// any order. keys holds the keys of rows entities for one view after the other.
	// row is the store's until visit returns. An error of visit ends the reading and
	// is returned as it is.
	Read(ctx context.Context, keys *row.Keys, rows int, visit func(i int, eventTime int64, row []byte) error) error
}

// Options configure a Server.
type Options struct {
	// Catalog returns the catalog that serves now. It must be cheap: every request
	// calls it. Required.
	Catalog func() *schema.Catalog
	// Online is where features are read. Required.
	Online Store
	// Models are the models of the catalogs that Catalog returns. Required.
	Models *scoring.Set

	// Traffic splits the rows of models that several versions answer. Defaults to a
	// router that knows of no ramps.
	Traffic *traffic.Router
	// FeatureLog takes the requests of models that ask for it. Nil: nothing is logged.
	FeatureLog *featurelog.Log

	// MaxRows bounds the rows of one request. Defaults to 10,000.
	MaxRows int
	// Logger gets a line when another catalog begins to serve. Defaults to
	// slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_serving_* and larder_on_demand_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

const defaultMaxRows = 10_000

// A Server answers requests for features and scores. It is safe for concurrent
// use.
type Server struct {
	larderv1.UnimplementedServingServiceServer
	opts    Options
	metrics *metrics
	current atomic.Pointer[generation]
	shadows *shadows
}

var _ larderv1.ServingServiceServer = (*Server)(nil)

// New returns a server.
func New(opts Options) *Server {
	opts.MaxRows = cmp.Or(opts.MaxRows, defaultMaxRows)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Traffic == nil {
		opts.Traffic = traffic.NewRouter(traffic.Options{Logger: opts.Logger})
	}
	s := &Server{opts: opts, metrics: newMetrics(opts.Registerer)}
	s.shadows = newShadows(opts, s.metrics)
	return s
}

// Run scores for shadows until ctx ends, and has new catalogs serve, so that ramps are
// watched and shown of models that nobody asks. Without it a bounded number of requests
// waits for the shadows, and a catalog serves from the first request on.
func (s *Server) Run(ctx context.Context) error {
	var following sync.WaitGroup
	following.Go(func() {
		tick := time.NewTicker(lookForCatalog)
		defer tick.Stop()
		for {
			s.generation()
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	defer following.Wait()
	return s.shadows.run(ctx)
}

// lookForCatalog is how often it is looked for a new catalog that nobody asks.
const lookForCatalog = 250 * time.Millisecond

// GetFeatures reads the newest features of one or many entities.
func (s *Server) GetFeatures(ctx context.Context, req *larderv1.GetFeaturesRequest) (*larderv1.GetFeaturesResponse, error) {
	shape, err := s.generation().featuresShape(req)
	if err != nil {
		return nil, err
	}
	c := shape.begin()
	defer c.end()
	if err := c.takeColumns(req.GetEntities(), req.GetRequest()); err != nil {
		return nil, err
	}
	return s.getFeatures(ctx, c, req.At)
}

// GetFeaturesAndScore reads the features of a model and scores them, row by row.
func (s *Server) GetFeaturesAndScore(ctx context.Context, req *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	return s.withModel(req.GetModel(), req.GetModelVersion(), func(c *call) (*larderv1.GetFeaturesAndScoreResponse, error) {
		if err := c.takeColumns(req.GetEntities(), req.GetRequest()); err != nil {
			return nil, err
		}
		return s.scoreRows(ctx, c, asked{at: req.At, returnFeatures: req.GetReturnFeatures(), requestID: req.GetRequestId()})
	})
}

// StreamFeaturesAndScore answers each message as GetFeaturesAndScore would, in
// order, until the caller closes its side or a message can't be answered.
func (s *Server) StreamFeaturesAndScore(stream grpc.BidiStreamingServer[larderv1.StreamFeaturesAndScoreRequest, larderv1.StreamFeaturesAndScoreResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp, err := s.GetFeaturesAndScore(stream.Context(), req.GetRequest())
		if err != nil {
			return err
		}
		if err := stream.Send(&larderv1.StreamFeaturesAndScoreResponse{Response: resp}); err != nil {
			return err
		}
	}
}

// withModel runs do for the plan of a model. A request that two new catalogs
// overtook finds its model unloaded: it begins again on the newest.
func (s *Server) withModel(model string, version int64, do func(*call) (*larderv1.GetFeaturesAndScoreResponse, error)) (*larderv1.GetFeaturesAndScoreResponse, error) {
	if model == "" {
		return nil, schema.Errorf(schema.Invalid, "NO_MODEL", "the request names no model; say which to score with")
	}
	for {
		g := s.generation()
		plan, err := g.catalog.ModelPlan(model, version)
		if err != nil {
			return nil, err
		}
		resp, err := g.run(plan, version == 0, do)
		if err == nil || !overtaken(err) || s.opts.Catalog() == g.catalog {
			return resp, err
		}
	}
}

// run does what is asked of a model's version, or of those that share its traffic.
func (g *generation) run(plan *schema.Plan, split bool, do func(*call) (*larderv1.GetFeaturesAndScoreResponse, error)) (*larderv1.GetFeaturesAndScoreResponse, error) {
	shape, err := g.shape(plan)
	if err != nil {
		return nil, err
	}
	c := shape.begin()
	defer c.end()
	if split {
		c.route, c.shadows = g.routes[plan.Model.Name], g.shadows[plan.Model.Name]
	}
	return do(c)
}

func overtaken(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && (said.Reason == "MODEL_NOT_LOADED" || said.Reason == "MODEL_UNLOADED")
}

// getFeatures answers a request whose columns c has taken.
func (s *Server) getFeatures(ctx context.Context, c *call, at *int64) (*larderv1.GetFeaturesResponse, error) {
	if err := c.bind(s.opts.MaxRows, at); err != nil {
		return nil, err
	}
	c.batch.WantColumns()
	if err := s.read(ctx, c); err != nil {
		return nil, err
	}
	return &larderv1.GetFeaturesResponse{
		Features: c.featureColumns(), Reads: c.viewReads(), CatalogVersion: c.shape.plan.Catalog.Version,
	}, nil
}

// asked is what a request asks for beside its rows.
type asked struct {
	at             *int64
	returnFeatures bool
	requestID      string // that the caller gave, or none
	logged         logged
	numbers        []int // of the rows, where the request has more; nil for all of them
}

// getFeaturesAndScore answers a request whose columns c has taken, by one version.
func (s *Server) getFeaturesAndScore(ctx context.Context, c *call, ask asked) (*larderv1.GetFeaturesAndScoreResponse, error) {
	if err := c.bind(s.opts.MaxRows, ask.at); err != nil {
		return nil, err
	}
	model, err := s.opts.Models.Model(c.shape.plan)
	if err != nil {
		return nil, err
	}
	run, err := model.Acquire(c.batch.Rows())
	if err != nil {
		return nil, err
	}
	defer run.Release()
	c.feed(model.Binding(), run)
	ask.logged.shadows = s.shadowsOf(c, ask.logged)
	if ask.returnFeatures || ask.logged.wantColumns(model.Binding()) {
		c.batch.WantColumns()
	}
	if err := s.read(ctx, c); err != nil {
		return nil, err
	}
	if err := s.score(ctx, c, run); err != nil {
		return nil, err
	}
	plan := c.shape.plan
	resp := &larderv1.GetFeaturesAndScoreResponse{
		Scores: append([]float64(nil), run.Scores()...), Reads: c.viewReads(),
		CatalogVersion: plan.Catalog.Version, ModelVersion: plan.ModelVersion.Version, RequestId: ask.logged.id,
	}
	if ask.returnFeatures {
		resp.Features = c.featureColumns()
	}
	if ask.logged.wanted {
		s.log(c, ask, model.Binding(), run)
	}
	return resp, nil
}
