package scoring

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/background"
	"larder/schema"
)

// SetOptions configure how a Set runs its models.
type SetOptions struct {
	// IntraOpThreads is how many threads one run of a model may use. Many requests
	// at a time keep every core busy with one each. Defaults to 1.
	IntraOpThreads int
	// Logger gets a line for each model that is loaded or unloaded. Defaults to
	// none.
	Logger *slog.Logger
	// Journal keeps what must survive a crash of the process: which models were being
	// scored, and which are quarantined. Defaults to one in memory.
	Journal *Journal
	// Registerer takes the metrics larder_scoring_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

func (o SetOptions) withDefaults() SetOptions {
	if o.IntraOpThreads == 0 {
		o.IntraOpThreads = 1
	}
	if o.Journal == nil {
		o.Journal = noJournal()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Set loads the models of catalogs. A model that two catalogs share is loaded
// once. Safe for concurrent use.
type Set struct {
	runtime *Runtime
	opts    SetOptions
	metrics *metrics
	slots   chan struct{} // one for each long run that goes on
	journal *Journal

	hosts sync.Map // of *host: those that are not closed

	mu     sync.Mutex        // held while models are loaded
	loaded map[string]*Model // by modelKey; some may be unloaded by now
	closed bool
}

// Models are the models of one catalog, which stay loaded until they are released.
// Safe for concurrent use.
type Models struct {
	byPlan map[*schema.Plan]*Model
}

// NewSet returns an empty set. The runtime must stay open until the set is closed. The
// program's main must begin with [WorkerMain].
func NewSet(rt *Runtime, opts SetOptions) *Set {
	opts = opts.withDefaults()
	return &Set{
		runtime: rt, opts: opts, metrics: newMetrics(opts.Registerer), journal: opts.Journal,
		slots: make(chan struct{}, slotsPerCore*background.Cores()), loaded: map[string]*Model{},
	}
}

// modelKey differs for models that can't share a session: with other files, scores or
// features.
func modelKey(p *schema.Plan) string {
	var key strings.Builder
	v := p.ModelVersion
	column := -1
	if v.Column != nil {
		column = *v.Column
	}
	fmt.Fprintf(&key, "%s %d %s %q %d", p.Model.Name, v.Version, v.SHA256, v.Output, column)
	fmt.Fprintf(&key, " %s %d %s", p.Model.RunTime(), p.Model.RunMemory(), p.Model.Isolation)
	if b := p.Model.Batching; b != nil {
		fmt.Fprintf(&key, " batch %d %s", b.MaxBatch, b.MaxDelay)
	}
	for _, provider := range p.Model.Providers {
		fmt.Fprintf(&key, " %s %q", provider.Name, provider.Options) // maps are printed in the order of their keys
	}
	for _, in := range p.Model.Inputs {
		fmt.Fprintf(&key, " input %q %q %d %v %q", in.Name, in.Features, in.Length, in.Fit(), in.Mask)
	}
	for _, f := range p.Features {
		fmt.Fprintf(&key, "\n%s %s %s", f.Name, f.Type, schema.AppendValue(nil, f.Default))
	}
	return key.String()
}

// Prepare loads, checks and warms up every model version of a catalog that isn't
// loaded yet: all of them or, when it returns an error, none. fetch returns the file
// with a SHA-256, and the sum is checked. The caller releases what it gets.
func (s *Set) Prepare(ctx context.Context, cat *schema.Catalog, fetch fetchFunc) (*Models, error) {
	return s.PreparePlans(ctx, cat.ModelPlans(), fetch)
}

// PreparePlans is [Set.Prepare] for the model versions of some plans.
func (s *Set) PreparePlans(ctx context.Context, plans []*schema.Plan, fetch fetchFunc) (*Models, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, schema.ModelsClosed.Errorf("the server is stopping and has closed its models; try another server")
	}
	s.forget()
	all := &Models{byPlan: map[*schema.Plan]*Model{}}
	for _, p := range plans {
		key := modelKey(p)
		m := s.loaded[key]
		if m == nil || !m.hold() {
			var err error
			if m, err = s.load(ctx, p, fetch); err != nil {
				all.Release()
				return nil, fmt.Errorf("%s: %w", planName(p), err)
			}
			s.loaded[key] = m
		}
		all.byPlan[p] = m
	}
	return all, nil
}

// forget drops the models that are unloaded.
func (s *Set) forget() {
	maps.DeleteFunc(s.loaded, func(_ string, m *Model) bool {
		select {
		case <-m.unloaded:
			return true
		default:
			return false
		}
	})
}

func (s *Set) load(ctx context.Context, p *schema.Plan, fetch fetchFunc) (*Model, error) {
	began := time.Now()
	file, err := fetch(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, fmt.Errorf("fetch the model file: %w", err)
	}
	if err := checkSum(p, file); err != nil {
		return nil, err
	}
	m, err := s.loadModel(ctx, p, file, fetch)
	if err != nil {
		return nil, err
	}
	s.opts.Logger.Info("model loaded", m.loaded(p, len(file), time.Since(began))...)
	m.logger = s.opts.Logger
	return m, nil
}

// loaded returns what the log says of a model that was loaded, without what is empty.
func (m *Model) loaded(p *schema.Plan, size int, took time.Duration) []any {
	provider, skipped := m.Provider()
	said := []any{
		"model", p.Model.Name, "version", p.ModelVersion.Version, "from", cmp.Or(string(p.ModelVersion.From), "folder"),
		"bytes", size, "engine", m.Engine(), "provider", provider,
	}
	if len(skipped) > 0 {
		said = append(said, "skipped", skipped)
	}
	switch batching, unbatched := m.Batching(); {
	case batching:
		said = append(said, "batching", true)
	case unbatched != "":
		said = append(said, "unbatched", unbatched)
	}
	if m.isolation != "" {
		said = append(said, "isolation", m.isolation)
	}
	return append(said, "took", took)
}

func checkSum(p *schema.Plan, file []byte) error {
	sum := sha256.Sum256(file)
	if got := hex.EncodeToString(sum[:]); got != p.ModelVersion.SHA256 {
		return schema.ModelSHA256.Errorf("the model file has the SHA-256 %s, but %s is declared; the file was changed or damaged", got, p.ModelVersion.SHA256)
	}
	return nil
}

// Check tries a model as Prepare would, in a process of its own, which then ends: a
// model that passes can be served.
func (s *Set) Check(ctx context.Context, plan *schema.Plan, file []byte) (*Checked, error) {
	if err := checkSum(plan, file); err != nil {
		return nil, err
	}
	m, sig, err := s.newModel(plan, file)
	if err != nil {
		return nil, err
	}
	h := s.newHost(m, plan, nil)
	h.suspects = sig.suspects()
	defer h.close()
	if m.facts, err = h.try(ctx, file); err != nil {
		return nil, err
	}
	m.isolation = cmp.Or(s.apart(plan, sig, h.key), m.Heavy)
	return m.Checked(), nil
}

// A Checked says how a model will be scored.
type Checked struct {
	*Binding
	Score *Score // nil when there is none
	// Scoreless says why there is no score; "" when there is one.
	Scoreless string
	Outputs   []Output // as in [Model.Outputs]
	Engine    string   // as in [Model.Engine]
	Notes     []string // as in [Model.Notes]
}

// Checked says how the model is scored.
func (m *Model) Checked() *Checked {
	return &Checked{Binding: m.binding, Score: m.facts.Score, Scoreless: m.Scoreless, Outputs: m.facts.Outputs, Engine: m.Engine(), Notes: m.Notes()}
}

// ReleaseQuarantine runs a quarantined version again, and forgets that it crashed.
// Errors are *schema.Error of kind NotFound.
func (s *Set) ReleaseQuarantine(plan *schema.Plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.release(modelID(plan)); err != nil {
		return err
	}
	for _, m := range s.loaded {
		if m.host != nil && m.host.key == modelID(plan) {
			m.host.release()
		}
	}
	return nil
}

// Model returns the model of a plan of the catalog; nil where the plan has no model.
func (m *Models) Model(plan *schema.Plan) *Model { return m.byPlan[plan] }

// Release gives the models up. It unloads each model that no other catalog has, so the
// caller must have released their runs.
func (m *Models) Release() {
	for _, model := range m.byPlan {
		model.release()
	}
}

// EndProcesses ends all processes of models, for good, so that runs in them fail. It is
// for a server that stops and has waited for its requests: an operator that runs can't
// be interrupted.
func (s *Set) EndProcesses() {
	s.hosts.Range(func(h, _ any) bool {
		h.(*host).close()
		return true
	})
}

// Close waits until every model is unloaded, that is, until all Models are released.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, m := range s.loaded {
		<-m.unloaded
	}
	return nil
}
