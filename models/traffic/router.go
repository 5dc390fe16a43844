package traffic

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

// Options configure a Router.
type Options struct {
	// Rollouts returns the state of the ramps, by the name of the model. It must be cheap:
	// every request of a model with a ramp calls it. Nil: ramps stay at their start.
	Rollouts func() map[string]Rollout
	// Trip stops a rollout for a reason. Before it returns, Rollouts must return the
	// stopped state. It must not wait for other servers. Nil: ramps are not watched.
	Trip func(model, rollout, reason string)
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_traffic_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

// lookEvery is how often guards look. A trip must send traffic back within a second.
const lookEvery = 100 * time.Millisecond

// A Router makes the splits of catalogs and watches those that serve. It is safe
// for concurrent use.
type Router struct {
	opts    Options
	metrics *metrics

	mu      sync.Mutex
	serving map[string]*Split // by model
	watches map[string]*watch // of the ramps in splits, by rollout
}

// NewRouter returns a router.
func NewRouter(opts Options) *Router {
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	return &Router{opts: opts, metrics: newMetrics(opts.Registerer), watches: map[string]*watch{}}
}

// Splits returns the splits of a catalog, by model, for [Router.Serve] when it begins to
// serve. They keep the observations of a ramp that continues.
func (r *Router) Splits(c *schema.Catalog) map[string]*Split {
	r.mu.Lock()
	defer r.mu.Unlock()
	splits := map[string]*Split{}
	for i := range c.Definitions.Models {
		if m := &c.Definitions.Models[i]; m.Splits() {
			splits[m.Name] = r.split(m)
		}
	}
	return splits
}

// Serve watches the splits of the catalog that serves from now on, instead of those of
// the previous catalog.
func (r *Router) Serve(splits map[string]*Split) {
	watches := map[string]*watch{}
	for _, s := range splits {
		if s.watch != nil {
			watches[s.id] = s.watch
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serving, r.watches = splits, watches
	r.metrics.forget()
}

func (r *Router) split(m *schema.Model) *Split {
	s := newSplit(m, r.opts.Rollouts)
	for i := range s.Arms {
		s.Arms[i].Rows = r.metrics.rowsOf(m.Name, s.Arms[i].Version)
	}
	if m.Ramp != nil && m.Ramp.Guards != nil && r.opts.Trip != nil && r.opts.Rollouts != nil {
		if s.watch = r.watches[s.id]; s.watch == nil {
			s.watch = new(watch)
		}
	}
	return s
}

// Run watches the ramps until ctx ends.
func (r *Router) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			r.look(now)
		}
	}
}

func (r *Router) look(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.serving {
		if s.watch != nil {
			r.guard(s, now)
		}
		r.metrics.show(s, now)
	}
}

// guard trips a ramp if one of its guards demands it.
func (r *Router) guard(s *Split, now time.Time) {
	rollout, known := s.rollout()
	if !known || rollout.Trip != nil {
		return
	}
	guard, why := s.watch.judge(s.model.Ramp.Guards, rollout.Began, now)
	if guard == "" {
		return
	}
	reason := fmt.Sprintf("version %d: %s", s.model.Ramp.Version, why)
	r.opts.Trip(s.model.Name, s.id, reason)
	r.metrics.trips.WithLabelValues(s.model.Name, guard).Inc()
	r.opts.Logger.Error("a guard tripped; the control has all traffic of the ramp until someone resumes the ramp",
		"model", s.model.Name, "version", s.model.Ramp.Version, "guard", guard, "reason", why)
}
