package serving

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	larderv1 "larder/api/larder/v1"
	"larder/models/traffic"
	"larder/monitor"
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
	// Batch returns the position up to which an aggregate view has the events of its stream.
	// It doesn't wait.
	Batch(view uint32) int64
}

// Options configure a Server.
type Options struct {
	// Online is where features are read. Required.
	Online Store
	// Models loads the models of catalogs. Required.
	Models *scoring.Set
	// ModelFile returns the model file of a SHA-256. Required.
	ModelFile func(ctx context.Context, sha256 string) ([]byte, error)

	// Traffic splits the rows of models that several versions answer. Defaults to a
	// router that knows of no ramps.
	Traffic *traffic.Router
	// Observe is called with the requests that a model's log: asks for, before they
	// are answered: it must not wait. Nil: nothing is observed.
	Observe []func(*Scored)

	// Watch counts a share of the scored requests. Nil: nothing is counted.
	Watch Watcher

	// MaxRows bounds the rows of one request. Defaults to 10,000.
	MaxRows int
	// Tracer makes the spans of reads and scores. Nil: there are none, which costs nothing.
	Tracer trace.Tracer
	// Logger gets a line when another catalog begins to serve. Defaults to
	// slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_serving_* and larder_on_demand_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

// A Watcher counts what models are fed. It must not wait.
type Watcher interface {
	// Wants reports whether a request of a model, of some rows, is to be offered.
	Wants(m *schema.Model, rows int) bool
	Offer(s *monitor.Scored)
}

const defaultMaxRows = 10_000

// A Server answers requests for features and scores, whichever protocol they come
// by. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedServingServiceServer
	opts    Options
	metrics *metrics
	current atomic.Pointer[Generation]
	asks    sync.Pool
}

var _ larderv1.ServingServiceServer = (*Server)(nil)

// New returns a server. It answers from the first [Server.Publish] on.
func New(opts Options) *Server {
	opts.MaxRows = cmp.Or(opts.MaxRows, defaultMaxRows)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Traffic == nil {
		opts.Traffic = traffic.NewRouter(traffic.Options{Logger: opts.Logger})
	}
	s := &Server{opts: opts, metrics: newMetrics(opts.Registerer)}
	s.asks.New = func() any { return new(Ask) }
	return s
}

// Model returns the model of a plan, and what gives it back; nil where its catalog does
// not serve, or no model scores it.
func (s *Server) Model(plan *schema.Plan) (m *scoring.Model, release func()) {
	g := s.Hold()
	if m = g.Model(plan); m == nil {
		g.Release()
		return nil, func() {}
	}
	return m, g.Release
}

// ask returns the memory of a request, to be given back with free.
func (s *Server) ask() *Ask { return s.asks.Get().(*Ask) }

func (s *Server) free(a *Ask) {
	a.reset()
	s.asks.Put(a)
}

// Close gives up the catalog that serves. Nothing may be asked any more.
func (s *Server) Close() {
	if g := s.current.Swap(nil); g != nil {
		g.Release()
	}
}
