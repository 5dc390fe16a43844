package serving

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"larder/models/traffic"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// maxLists bounds the lists of features that are kept compiled.
const maxLists = 256

// A Generation is one catalog and all that is needed to serve it. A request holds one
// to its end, so it never sees two catalogs, and its models stay loaded.
type Generation struct {
	server  *Server
	catalog *schema.Catalog
	models  *scoring.Models
	shapes  map[*schema.Plan]*shape // of services and models
	splits  map[string]*traffic.Split
	routes  map[string]*route // by model, of those whose traffic is split
	// holds counts the requests, and the server while the generation serves. At 0 the
	// models are released.
	holds atomic.Int64

	mu    sync.RWMutex
	lists map[string]*shape // of ad-hoc lists, by listKey
}

// Prepare makes what serves a catalog: it loads the models and compiles the plans. The
// caller publishes it or releases it.
func (s *Server) Prepare(ctx context.Context, c *schema.Catalog) (*Generation, error) {
	if err := vector.CheckExpressions(c); err != nil {
		return nil, err
	}
	models, err := s.opts.Models.Prepare(ctx, c, s.opts.ModelFile)
	if err != nil {
		return nil, err
	}
	g := &Generation{server: s, catalog: c, models: models, shapes: map[*schema.Plan]*shape{}, lists: map[string]*shape{}}
	g.holds.Store(1)
	if err := g.compile(); err != nil {
		g.Release()
		return nil, err
	}
	return g, nil
}

func (g *Generation) compile() error {
	for _, p := range slices.Concat(g.catalog.ServicePlans(), g.catalog.ModelPlans()) {
		made, err := g.newShape(p)
		if err != nil {
			return err
		}
		g.shapes[p] = made
	}
	for _, p := range g.catalog.ModelPlans() {
		g.shapes[p].findShadows()
	}
	g.splits = g.server.opts.Traffic.Splits(g.catalog)
	g.routes = g.newRoutes()
	return nil
}

// Publish makes requests that begin from now on use a generation that was prepared.
// Requests that have begun end on the one before.
func (s *Server) Publish(g *Generation) {
	before := s.current.Swap(g)
	s.opts.Traffic.Serve(g.splits)
	s.opts.Logger.Info("catalog serves", "version", g.catalog.Version)
	if before != nil {
		before.Release()
	}
}

// Hold returns the generation that serves, to be released.
func (s *Server) Hold() *Generation {
	for {
		if g := s.current.Load(); g.hold() {
			return g
		}
		// Another was published, and the last request of this one ended, since the load.
	}
}

// hold keeps the generation until Release; false when it is gone already.
func (g *Generation) hold() bool {
	for {
		n := g.holds.Load()
		if n == 0 {
			return false
		}
		if g.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends a hold.
func (g *Generation) Release() {
	if g.holds.Add(-1) == 0 {
		g.models.Release()
	}
}

// Catalog returns the catalog that the generation serves.
func (g *Generation) Catalog() *schema.Catalog { return g.catalog }

// Model returns the model of a plan of the catalog; nil where no model scores it. It
// must not be used after Release.
func (g *Generation) Model(plan *schema.Plan) *scoring.Model { return g.models.Model(plan) }

// A shape is what all requests for one plan share.
type shape struct {
	generation *Generation
	plan       *schema.Plan
	model      *scoring.Model // nil where no model scores
	views      []viewCounters // of each view of the plan
	answers    sync.Pool
	sensitive  []int // the features of the plan whose values not every caller may read

	shadows             []shadow // versions that score the same vectors, and whose scores no caller gets
	shadowsTakeFeatures bool     // some shadow takes other inputs than the model
}

func (g *Generation) newShape(plan *schema.Plan) (*shape, error) {
	s := &shape{generation: g, plan: plan, model: g.models.Model(plan)}
	for i := range plan.Views {
		s.views = append(s.views, g.server.metrics.view(plan.Views[i].Name))
	}
	for i := range plan.Features {
		if plan.Features[i].Sensitive {
			s.sensitive = append(s.sensitive, i)
		}
	}
	program, err := vector.Compile(plan)
	if err != nil {
		return nil, err
	}
	s.answers.New = func() any {
		batch := program.NewBatch()
		return &Answer{shape: s, batch: batch, visit: batch.Visit}
	}
	return s, nil
}

// listShape returns the shape of a list of references, which is compiled once.
func (g *Generation) listShape(refs []string) (*shape, error) {
	key := listKey(refs)
	g.mu.RLock()
	known := g.lists[key]
	g.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	plan, err := g.catalog.FeaturesPlan(refs)
	if err != nil {
		return nil, err
	}
	made, err := g.newShape(plan)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for old := range g.lists {
		if len(g.lists) < maxLists {
			break
		}
		delete(g.lists, old) // any: callers that use so many gain nothing from a better choice
	}
	g.lists[key] = made
	return made, nil
}

// listKey joins references. Names have no line break; the count keeps a list apart from
// one with a line break in a name, which can't be compiled.
func listKey(refs []string) string {
	return strconv.Itoa(len(refs)) + "\n" + strings.Join(refs, "\n")
}
