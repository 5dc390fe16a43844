package scoring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/background"
	"larder/schema"
)

// SetOptions say how a Set runs its models.
type SetOptions struct {
	// IntraOpThreads is how many threads one run of a model may use. Many requests
	// at a time keep every core busy with one each. Defaults to 1.
	IntraOpThreads int
	// Logger gets a line for each model that is loaded or unloaded. Defaults to
	// none.
	Logger *slog.Logger
	// Registerer takes the metrics larder_scoring_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

func (o SetOptions) withDefaults() SetOptions {
	if o.IntraOpThreads == 0 {
		o.IntraOpThreads = 1
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Set holds the models of the catalog that serves, of the one before, for
// requests that began on it, and of the one that is being prepared. Models that
// two catalogs share are loaded once. Safe for concurrent use.
type Set struct {
	runtime *Runtime
	opts    SetOptions
	metrics *metrics
	slots   chan struct{} // one for each long run that goes on

	// serving finds the model of a plan without a lock. It is replaced, never
	// changed.
	serving atomic.Pointer[map[*schema.Plan]*Model]

	mu          sync.Mutex // held while models are loaded
	generations []generation
	loaded      []*Model // all that were, and may still run
	closed      bool
}

// A generation is the models of one catalog. It has a hold on each.
type generation struct {
	catalog   *schema.Catalog
	models    map[string]*Model // by modelKey
	committed bool
}

// NewSet returns an empty set. The runtime must stay open until the set is closed.
func NewSet(rt *Runtime, opts SetOptions) *Set {
	s := &Set{runtime: rt, opts: opts.withDefaults(), metrics: newMetrics(opts.Registerer), slots: make(chan struct{}, slotsPerCore*background.Cores())}
	s.serving.Store(&map[*schema.Plan]*Model{})
	return s
}

// modelKey tells models apart that can't share a session: other files, other
// scores, or other features.
func modelKey(p *schema.Plan) string {
	var key strings.Builder
	v := p.ModelVersion
	column := -1
	if v.Column != nil {
		column = *v.Column
	}
	fmt.Fprintf(&key, "%s %d %s %q %d", p.Model.Name, v.Version, v.SHA256, v.Output, column)
	fmt.Fprintf(&key, " %s %d", p.Model.RunTime(), p.Model.RunMemory())
	if b := p.Model.Batching; b != nil {
		fmt.Fprintf(&key, " batch %d %s", b.MaxBatch, b.MaxDelay)
	}
	for _, provider := range p.Model.Providers {
		fmt.Fprintf(&key, " %s %q", provider.Name, provider.Options) // maps are printed in the order of their keys
	}
	for _, f := range p.Features {
		fmt.Fprintf(&key, "\n%s %s %s", f.Name, f.Type, schema.AppendValue(nil, f.Default))
	}
	return key.String()
}

// Prepare loads, checks and warms up every model version of a catalog that isn't
// loaded yet: all of them or, when it returns an error, none. fetch returns the
// file of a SHA-256, which is checked. The models can be used at once; a catalog
// that was prepared before and never committed is given up.
func (s *Set) Prepare(ctx context.Context, cat *schema.Catalog, fetch func(ctx context.Context, sha256 string) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return schema.Errorf(schema.Unavailable, "MODELS_CLOSED", "the models are closed; the server is stopping")
	}
	next := generation{catalog: cat, models: map[string]*Model{}}
	for _, p := range cat.ModelPlans() {
		key := modelKey(p)
		m := s.find(key)
		if m == nil || !m.hold() {
			var err error
			if m, err = s.load(ctx, p, fetch); err != nil {
				next.release()
				return fmt.Errorf("%s: %w", planName(p), err)
			}
		}
		next.models[key] = m
	}
	s.drop(func(g generation) bool { return !g.committed })
	s.generations = append(s.generations, next)
	s.publish()
	return nil
}

func (s *Set) find(key string) *Model {
	for _, g := range s.generations {
		if m := g.models[key]; m != nil {
			return m
		}
	}
	return nil
}

func (s *Set) load(ctx context.Context, p *schema.Plan, fetch func(context.Context, string) ([]byte, error)) (*Model, error) {
	began := time.Now()
	file, err := fetch(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, fmt.Errorf("fetch the model file: %w", err)
	}
	m, err := s.check(ctx, p, file)
	if err != nil {
		return nil, err
	}
	s.loaded = append(s.loaded, m)
	provider, skipped := m.Provider()
	batching, unbatched := m.Batching()
	s.opts.Logger.Info("model loaded", "model", p.Model.Name, "version", p.ModelVersion.Version, "bytes", len(file), "engine", m.Engine(),
		"provider", provider, "skipped", skipped, "batching", batching, "unbatched", unbatched, "took", time.Since(began))
	return m, nil
}

func (s *Set) check(ctx context.Context, p *schema.Plan, file []byte) (*Model, error) {
	sum := sha256.Sum256(file)
	if got := hex.EncodeToString(sum[:]); got != p.ModelVersion.SHA256 {
		return nil, schema.Errorf(schema.Invalid, "MODEL_SHA256", "the model file has the SHA-256 %s, but %s is declared; it was changed or damaged", got, p.ModelVersion.SHA256)
	}
	return s.loadModel(ctx, p, file)
}

// Check loads a model and warms it up as Prepare would, and unloads it again: a
// model that passes can be served.
func (s *Set) Check(ctx context.Context, plan *schema.Plan, file []byte) (*Binding, error) {
	m, err := s.check(ctx, plan, file)
	if err != nil {
		return nil, err
	}
	defer m.release()
	return m.binding, nil
}

// Commit tells that a prepared catalog serves now. Models that are neither of it
// nor of the one before are unloaded when their last run is released.
func (s *Set) Commit(cat *schema.Catalog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.generations, func(g generation) bool { return g.catalog == cat })
	if at < 0 {
		return // it was given up for a newer one
	}
	current := s.generations[at]
	current.committed = true
	var previous *schema.Catalog
	s.generations = slices.Delete(s.generations, at, at+1)
	for _, g := range s.generations {
		if g.committed {
			previous = g.catalog
		}
	}
	s.generations = append(s.generations, current)
	s.drop(func(g generation) bool { return g.catalog != cat && g.catalog != previous })
	s.publish()
}

// drop gives up generations. Those that stay keep their order, the oldest first.
func (s *Set) drop(unwanted func(generation) bool) {
	var kept []generation
	for _, g := range s.generations {
		if unwanted(g) {
			g.release()
		} else {
			kept = append(kept, g)
		}
	}
	s.generations = kept
	s.forget()
}

// forget lets go of models that are unloaded.
func (s *Set) forget() {
	var still []*Model
	for _, m := range s.loaded {
		select {
		case <-m.unloaded:
			s.opts.Logger.Info("model unloaded", "model", m.name)
		default:
			still = append(still, m)
		}
	}
	s.loaded = still
}

func (g generation) release() {
	for _, m := range g.models {
		m.release()
	}
}

// publish makes the models of all generations the ones that Model finds.
func (s *Set) publish() {
	serving := map[*schema.Plan]*Model{}
	for _, g := range s.generations {
		for _, p := range g.catalog.ModelPlans() {
			serving[p] = g.models[modelKey(p)]
		}
	}
	s.serving.Store(&serving)
}

// Model returns the model of a plan of a prepared catalog.
func (s *Set) Model(plan *schema.Plan) (*Model, error) {
	if m := (*s.serving.Load())[plan]; m != nil {
		return m, nil
	}
	if plan.Model == nil {
		return nil, schema.Errorf(schema.Invalid, "NO_MODEL", "%s is not scored by a model", plan.Name())
	}
	return nil, schema.Errorf(schema.Unavailable, "MODEL_NOT_LOADED", "%s is not loaded, for the definitions have changed; ask again", planName(plan))
}

// Close unloads all models and waits for their last runs.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drop(func(generation) bool { return true })
	s.publish()
	for _, m := range s.loaded {
		<-m.unloaded
	}
	s.loaded = nil
	return nil
}
