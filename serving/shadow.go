package serving

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"larder/internal/background"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// The limits on what waits for shadows.
const (
	maxShadowRequests = 1 << 10
	maxShadowBytes    = 32 << 20
)

// gathering is how long requests are gathered before a shadow scores them: to wake
// a thread for each would cost the request more than all else.
const gathering = 5 * time.Millisecond

// shadows score what was answered with versions that answer nobody. They take what
// is left of the cores: what they can't keep up with is dropped.
type shadows struct {
	log     *featurelog.Log
	logger  *slog.Logger
	metrics *metrics
	wake    chan struct{} // holds one while something waits and nobody looks

	mu      sync.Mutex
	waiting []*shadowed
	bytes   int64 // of those
}

// shadowed is a request that a shadow is to score.
type shadowed struct {
	entry   featurelog.Entry // its vectors are those of the version that answered
	model   *scoring.Model
	columns []vector.Column // the vectors again, where the shadow takes other inputs
	bytes   int64
}

func newShadows(opts Options, m *metrics) *shadows {
	return &shadows{wake: make(chan struct{}, 1), log: opts.FeatureLog, logger: opts.Logger, metrics: m}
}

// shadowPlans returns the plans of the shadows of a catalog's models.
func shadowPlans(c *schema.Catalog) map[string][]*schema.Plan {
	plans := map[string][]*schema.Plan{}
	for _, p := range c.ModelPlans() {
		if slices.Contains(p.Model.Shadow, p.ModelVersion.Version) {
			plans[p.Model.Name] = append(plans[p.Model.Name], p)
		}
	}
	return plans
}

// shadowsOf returns the models of the shadows that score a request: those that are
// logged. One that was unloaded meanwhile is nil.
func (s *Server) shadowsOf(c *call, l logged) []*scoring.Model {
	if len(c.shadows) == 0 || !l.wanted {
		return nil
	}
	models := make([]*scoring.Model, len(c.shadows))
	for i, plan := range c.shadows {
		models[i], _ = s.opts.Models.Model(plan) // an error says that it was unloaded
	}
	return models
}

// wantColumns tells whether a shadow takes other inputs than the version that
// answers.
func (l *logged) wantColumns(served *scoring.Binding) bool {
	return slices.ContainsFunc(l.shadows, func(m *scoring.Model) bool { return m != nil && !sameInputs(served, m.Binding()) })
}

// sameInputs tells whether what feeds one model feeds another.
func sameInputs(a, b *scoring.Binding) bool {
	if a.Dense || b.Dense {
		return a.Dense == b.Dense
	}
	return slices.EqualFunc(a.Inputs, b.Inputs, func(x, y scoring.Input) bool { return x.Feature == y.Feature && x.Elem == y.Elem })
}

// offer gives a request to the shadows, or drops it when too much waits. It never
// waits.
func (s *shadows) offer(c *call, e *featurelog.Entry, models []*scoring.Model) {
	for i, model := range models {
		plan := c.shadows[i]
		if model == nil {
			s.count(plan, "failed", e.Rows)
			continue
		}
		task := &shadowed{entry: *e, model: model, bytes: int64(e.Rows) * int64(len(plan.Features)+len(plan.Views)+1) * 16}
		task.entry.Plan, task.entry.Role = plan, featurelog.Shadow
		if columns := c.batch.Columns(); columns != nil {
			task.columns = ownVectors(columns)
		}
		if !s.put(task) {
			s.count(plan, "dropped", e.Rows)
		}
	}
}

// put makes a request wait, unless too much waits.
func (s *shadows) put(task *shadowed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == maxShadowRequests || s.bytes+task.bytes > maxShadowBytes {
		return false
	}
	s.waiting, s.bytes = append(s.waiting, task), s.bytes+task.bytes
	if len(s.waiting) == 1 {
		s.call()
	}
	return true
}

// call lets one who waits for work look.
func (s *shadows) call() {
	select {
	case s.wake <- struct{}{}:
	default: // one was called already
	}
}

// next returns a request that waits, and calls another if more do; nil when none does.
func (s *shadows) next() *shadowed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	task := s.waiting[0]
	s.waiting[0] = nil
	s.waiting, s.bytes = s.waiting[1:], s.bytes-task.bytes
	if len(s.waiting) > 0 {
		s.call()
	}
	return task
}

// ownVectors returns columns that stay when the batch is used again; their values
// do anyway.
func ownVectors(columns []vector.Column) []vector.Column {
	own := slices.Clone(columns)
	for i := range own {
		own[i].Valid, own[i].Statuses = slices.Clone(own[i].Valid), nil
	}
	return own
}

func (s *shadows) count(p *schema.Plan, outcome string, rows int) {
	s.metrics.shadow.WithLabelValues(p.Model.Name, strconv.FormatInt(p.ModelVersion.Version, 10), outcome).Add(float64(rows))
}

// run scores until ctx ends, on half of the cores at most and at the lowest
// priority. What waits then is scored still.
func (s *shadows) run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range max(1, background.Cores()/2) {
		workers.Go(func() {
			background.Thread()
			s.work(ctx)
		})
	}
	workers.Wait()
	return nil
}

func (s *shadows) work(ctx context.Context) {
	for ended := false; !ended; {
		select {
		case <-s.wake:
			time.Sleep(gathering)
		case <-ctx.Done():
			ended = true
		}
		for task := s.next(); task != nil; task = s.next() {
			s.take(task)
		}
	}
}

// patience is how long a shadow may take for one request.
const patience = 10 * time.Second

func (s *shadows) take(task *shadowed) {
	if err := background.Try(func() error { return s.score(task) }); err != nil {
		s.count(task.entry.Plan, "failed", task.entry.Rows)
		s.logger.Debug("a shadow failed", "model", task.entry.Plan.Model.Name, "version", task.entry.Plan.ModelVersion.Version, "error", err)
		return
	}
	s.count(task.entry.Plan, "scored", task.entry.Rows)
}

func (s *shadows) score(task *shadowed) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, model := &task.entry, task.model
	run, err := model.Acquire(e.Rows)
	if err != nil {
		return err
	}
	defer run.Release()
	began := time.Now()
	task.feed(run)
	if err := run.Score(ctx); err != nil {
		return err
	}
	e.Scores, e.Latency = slices.Clone(run.Scores()), time.Since(began)
	s.log.Offer(e)
	return nil
}

// feed fills the inputs of the shadow, and makes the entry's vectors those that it
// takes.
func (t *shadowed) feed(run *scoring.Run) {
	e, binding := &t.entry, t.model.Binding()
	switch {
	case binding.Dense && e.Dense != nil:
		copy(run.Dense(), e.Dense)
	case binding.Dense:
		vector.FillDense(run.Dense(), t.columns)
		e.Dense, e.Tensors = slices.Clone(run.Dense()), nil
	default:
		from := e.Tensors
		if t.columns != nil {
			from = t.columns
		}
		tensors := make([]vector.Column, len(e.Plan.Features))
		feedTensors(tensors, binding, run)
		for _, in := range binding.Inputs {
			vector.FillTensor(&tensors[in.Feature], &from[in.Feature])
		}
		e.Dense, e.Tensors = nil, ownTensors(tensors, e.Rows)
	}
}
