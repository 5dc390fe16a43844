package serving

import (
	"strconv"
	"strings"
	"sync"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/vector"
)

// maxLists bounds the lists of features that are kept compiled.
const maxLists = 256

// A generation is what is derived from one catalog. It goes when the next one
// serves and its last request has ended.
type generation struct {
	catalog *schema.Catalog
	metrics *metrics
	shapes  sync.Map                  // *shape, by *schema.Plan of services and models
	routes  map[string]*route         // by model, of those whose traffic is split
	shadows map[string][]*schema.Plan // by model, of those that have any

	mu    sync.RWMutex
	lists map[string]*shape // of ad-hoc lists, by listKey
}

// generation returns that of the catalog that serves now.
func (s *Server) generation() *generation {
	catalog := s.opts.Catalog()
	g := s.current.Load()
	if g != nil && g.catalog == catalog {
		return g
	}
	next := &generation{catalog: catalog, metrics: s.metrics, lists: map[string]*shape{}}
	next.routes, next.shadows = next.newRoutes(s.opts.Traffic), shadowPlans(catalog)
	if s.current.CompareAndSwap(g, next) {
		s.opts.Logger.Info("catalog serves", "version", catalog.Version)
		return next
	}
	// Another request was faster. Its catalog may be another yet.
	if g = s.current.Load(); g.catalog == catalog {
		return g
	}
	return next
}

// featuresShape returns the shape of a request for features.
func (g *generation) featuresShape(req *larderv1.GetFeaturesRequest) (*shape, error) {
	switch what := req.GetWhat().(type) {
	case *larderv1.GetFeaturesRequest_FeatureService:
		return g.serviceShape(what.FeatureService)
	case *larderv1.GetFeaturesRequest_Features:
		return g.listShape(what.Features.GetReferences())
	}
	return nil, schema.Errorf(schema.Invalid, "NO_FEATURES", "the request names neither a feature service nor features; say which to read")
}

func (g *generation) serviceShape(name string) (*shape, error) {
	plan, err := g.catalog.ServicePlan(name)
	if err != nil {
		return nil, err
	}
	return g.shape(plan)
}

// listShape returns the shape of a list of references, which is compiled once.
func (g *generation) listShape(refs []string) (*shape, error) {
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

// listKey joins references. Names hold no line break: the count tells a list from
// one that does, which can't be compiled.
func listKey(refs []string) string {
	return strconv.Itoa(len(refs)) + "\n" + strings.Join(refs, "\n")
}

// A shape is what all requests for one plan share.
type shape struct {
	plan  *schema.Plan
	views []viewCounters // of each view of the plan
	calls sync.Pool
}

// shape returns that of a service or a model.
func (g *generation) shape(plan *schema.Plan) (*shape, error) {
	if known, ok := g.shapes.Load(plan); ok {
		return known.(*shape), nil
	}
	s, err := g.newShape(plan)
	if err != nil {
		return nil, err
	}
	known, _ := g.shapes.LoadOrStore(plan, s)
	return known.(*shape), nil
}

func (g *generation) newShape(plan *schema.Plan) (*shape, error) {
	s := &shape{plan: plan}
	for i := range plan.Views {
		s.views = append(s.views, g.metrics.view(plan.Views[i].Name))
	}
	program, err := vector.Compile(plan)
	if err != nil {
		return nil, err
	}
	s.calls.New = func() any {
		batch := program.NewBatch()
		return &call{shape: s, batch: batch, visit: batch.Visit}
	}
	return s, nil
}

// begin returns a call of this shape, to be ended.
func (s *shape) begin() *call { return s.calls.Get().(*call) }
