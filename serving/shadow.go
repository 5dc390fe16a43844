package serving

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/column"
	"larder/internal/background"
	"larder/monitor"
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

// ShadowOptions configure Shadows.
type ShadowOptions struct {
	// Observe is called with what a shadow scored. Nil: nothing is observed.
	Observe []func(*Scored)
	// Logger gets a line at debug for each request that a shadow failed at. Defaults to
	// none.
	Logger *slog.Logger
	// Registerer takes the metric larder_serving_shadow_rows_total. Nil: it is not
	// registered.
	Registerer prometheus.Registerer
}

// Shadows score answered requests again, with versions whose scores no caller gets. They
// use spare cores, and drop what they can't keep up with. They observe a
// Server, and are safe for concurrent use.
type Shadows struct {
	opts ShadowOptions
	rows *prometheus.CounterVec
	wake chan struct{} // holds one while something waits and no worker looks

	mu      sync.Mutex
	waiting []*shadowed
	bytes   int64 // of those
	closed  bool  // no worker will score any more
}

// A shadow is a version that scores the vectors of another.
type shadow struct {
	plan  *schema.Plan
	model *scoring.Model
}

// shadowed is a request that a shadow is to score. It has a hold on its generation.
type shadowed struct {
	of     *Scored // its vectors are those of the version that answered
	shadow shadow
	bytes  int64
}

// NewShadows returns shadows. They score while Run runs; without it a bounded number of
// requests waits.
func NewShadows(opts ShadowOptions) *Shadows {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Shadows{
		opts: opts, wake: make(chan struct{}, 1),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_serving_shadow_rows_total", Help: "Rows offered to shadows, by what became of them: scored, dropped, since too many waited, or failed.",
		}, []string{"model", "version", "outcome"}),
	}
	if opts.Registerer != nil {
		opts.Registerer.MustRegister(s.rows)
	}
	return s
}

// findShadows finds the shadows of a shape's model.
func (s *shape) findShadows() {
	g := s.generation
	if len(s.plan.Model.Shadow) == 0 {
		return
	}
	for _, p := range g.catalog.ModelPlans() {
		if p.Model == s.plan.Model && slices.Contains(p.Model.Shadow, p.ModelVersion.Version) {
			other := shadow{p, g.models.Model(p)}
			s.shadows = append(s.shadows, other)
			s.shadowsTakeFeatures = s.shadowsTakeFeatures || !s.model.Binding().Same(other.model.Binding())
		}
	}
}

// Observe gives a request to the shadows of its model, or drops it when too much
// waits. It never waits.
func (s *Shadows) Observe(scored *Scored) {
	if scored.pinned {
		return
	}
	for _, shadow := range scored.shape.shadows {
		task := &shadowed{of: scored, shadow: shadow, bytes: int64(scored.Rows) * int64(len(shadow.plan.Features)+len(shadow.plan.Views)+1) * 16}
		if !s.put(task) {
			s.count(shadow.plan, "dropped", scored.Rows)
		}
	}
}

// put makes a request wait, unless too much waits.
func (s *Shadows) put(task *shadowed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) == maxShadowRequests || s.bytes+task.bytes > maxShadowBytes || !task.of.shape.generation.hold() {
		return false
	}
	s.waiting, s.bytes = append(s.waiting, task), s.bytes+task.bytes
	if len(s.waiting) == 1 {
		s.call()
	}
	return true
}

// call lets one who waits for work look.
func (s *Shadows) call() {
	select {
	case s.wake <- struct{}{}:
	default: // one was called already
	}
}

// next returns a request that waits, and calls another if more do; nil when none does.
func (s *Shadows) next() *shadowed {
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

func (s *Shadows) count(p *schema.Plan, outcome string, rows int) {
	s.rows.WithLabelValues(p.Model.Name, strconv.FormatInt(p.ModelVersion.Version, 10), outcome).Add(float64(rows))
}

// Run scores until ctx ends, on half of the cores at most and at the lowest
// priority. What waits then is scored still.
func (s *Shadows) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range max(1, background.Cores()/2) {
		workers.Go(func() {
			background.Thread()
			s.work(ctx)
		})
	}
	workers.Wait()
	s.mu.Lock()
	s.closed = true // requests may still end, and no worker would release their holds
	s.mu.Unlock()
	s.takeAll()
	return nil
}

func (s *Shadows) work(ctx context.Context) {
	for ended := false; !ended; {
		select {
		case <-s.wake:
			time.Sleep(gathering)
		case <-ctx.Done():
			ended = true
		}
		s.takeAll()
	}
}

func (s *Shadows) takeAll() {
	for task := s.next(); task != nil; task = s.next() {
		s.take(task)
	}
}

// patience is how long a shadow may take for one request.
const patience = 10 * time.Second

func (s *Shadows) take(task *shadowed) {
	defer task.of.shape.generation.Release()
	plan := task.shadow.plan
	if err := background.Try(func() error { return s.score(task) }); err != nil {
		s.count(plan, "failed", task.of.Rows)
		s.opts.Logger.Debug("a shadow failed", "model", plan.Model.Name, "version", plan.ModelVersion.Version, "error", err)
		return
	}
	s.count(plan, "scored", task.of.Rows)
}

func (s *Shadows) score(task *shadowed) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	wanted, err := task.wanted()
	if err != nil {
		return err
	}
	run, err := task.shadow.model.Acquire(task.of.Rows)
	if err != nil {
		return err
	}
	defer run.Release()
	began := time.Now()
	scored := *task.of
	scored.Plan, scored.Role = task.shadow.plan, monitor.Shadow
	if err := task.feed(run, &scored); err != nil {
		return err
	}
	scored.Outputs = task.outputs()
	if len(wanted) == 0 {
		err = run.Score(ctx)
	} else {
		var values []column.Column
		values, err = run.ScoreOutputs(ctx, wanted)
		for i := range values {
			scored.Outputs[wanted[i]].Values = values[i]
		}
	}
	if err != nil {
		return err
	}
	scored.Scores, scored.Latency = slices.Clone(run.Scores()), time.Since(began)
	for _, observe := range s.opts.Observe {
		observe(&scored)
	}
	return nil
}

// outputs returns the outputs of the shadow, without values.
func (t *shadowed) outputs() []monitor.Output {
	var all []monitor.Output
	for i := range t.shadow.model.Outputs() {
		all = append(all, loggedOutput(&t.shadow.model.Outputs()[i]))
	}
	return all
}

// wanted returns the outputs of the shadow that the request's version computed too; of a
// shadow without a score all of them.
func (t *shadowed) wanted() ([]int, error) {
	if score, _ := t.shadow.model.Score(); score == nil {
		return t.shadow.model.FindOutputs([]string{scoring.AllOutputs})
	}
	var wanted []int
	for i, o := range t.shadow.model.Outputs() {
		if slices.ContainsFunc(t.of.Outputs, func(of monitor.Output) bool { return of.Name == o.Name && of.Values.Type != 0 }) {
			wanted = append(wanted, i)
		}
	}
	return wanted, nil
}

// feed fills the inputs of the shadow, and makes the vectors of scored those that it
// takes.
func (t *shadowed) feed(run *scoring.Run, scored *Scored) error {
	binding := t.shadow.model.Binding()
	switch {
	case binding.Dense && t.of.Dense != nil:
		copy(run.Dense(), t.of.Dense)
	case binding.Dense:
		vector.FillDense(run.Dense(), t.of.features)
		scored.Dense, scored.Tensors = slices.Clone(run.Dense()), nil
	default:
		from := t.of.Tensors
		if t.of.features != nil {
			from = t.of.features
		}
		tensors := make([]column.Tensor, len(t.of.Plan.Features))
		for feature := range tensors {
			tensors[feature] = run.Tensor(feature)
			if err := vector.FillTensor(&tensors[feature], &from[feature]); err != nil {
				return err
			}
		}
		scored.Dense, scored.Tensors = nil, ownTensors(tensors, from, t.of.Rows)
	}
	return nil
}
