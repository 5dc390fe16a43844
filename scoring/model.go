package scoring

import (
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// MaxRows bounds the rows of one run.
const MaxRows = 1 << 17

// chunkRows is how many rows ONNX Runtime gets at a time. A forest is one node of its
// model, and ONNX Runtime stops between nodes only: more rows at a time would let a
// run go on long after its deadline, and fewer would make forests slower.
const chunkRows = 1024

// maxIdleBytes bounds the tensors that a model keeps for its next runs.
const maxIdleBytes = 64 << 20

// A Model is one version of a model, loaded. It has one session, which any number
// of runs use at once. Safe for concurrent use.
type Model struct {
	title   string // model "fraud" version 3
	name    string // fraud
	binding *Binding
	session *ort.DynamicAdvancedSession
	width   int // columns of the output tensor
	flat    bool
	slots   chan struct{} // of the set: full when the limit of long runs go on
	rowCost time.Duration // measured in the warm-up
	runTime time.Duration // the time limit of a run
	chunk   int           // how many rows the session gets at a time
	metrics *metrics

	provider string    // the provider that runs the session
	skipped  []Skipped // that don't

	trees   *trees   // scored instead of the session; nil: the session scores
	batcher *batcher // nil: each request is scored by itself

	unbatched string // why there is no batcher although the definition asks for one

	// holds counts the catalogs that have the model; at 0 it is unloaded.
	holds    atomic.Int64
	unloaded chan struct{}
	logger   *slog.Logger // gets a line when the model is unloaded

	mu        sync.Mutex
	idle      [bits.UintSize][]*Run // by the binary logarithm of their capacity
	idleBytes int
}

// longRun is when a run waits for a slot. A thread in C keeps its core from Go's
// scheduler: when more long runs go on at a time than cores can carry, the operating
// system shares the cores out by turns of milliseconds, and the slowest run takes
// ten times as long.
const longRun = 50 * time.Microsecond

// slotsPerCore keeps the cores busy while a run that ends wakes the next.
const slotsPerCore = 2

// long reports whether a run of rows rows is a long one.
func (m *Model) long(rows int) bool { return time.Duration(rows)*m.rowCost > longRun }

// Binding returns how features feed the model.
func (m *Model) Binding() *Binding { return m.binding }

// Engine returns what scores: "trees" when Larder walks the trees itself, or
// "onnxruntime".
func (m *Model) Engine() string {
	if m.trees != nil {
		return "trees"
	}
	return "onnxruntime"
}

// Provider returns the provider that runs the session, such as cpu, and the listed
// providers before it that were skipped. The caller must not change them.
func (m *Model) Provider() (name string, skipped []Skipped) { return m.provider, m.skipped }

// Batching reports whether requests share runs. If they don't although the definition
// asks for it, it also says why.
func (m *Model) Batching() (on bool, reason string) { return m.batcher != nil, m.unbatched }

// String names the model in messages: model "fraud" version 3.
func (m *Model) String() string { return m.title }

func planName(p *schema.Plan) string {
	return fmt.Sprintf("model %q version %d", p.Model.Name, p.ModelVersion.Version)
}

// loadModel checks a file, makes a session of it and warms it up. The caller has its
// only hold.
func (s *Set) loadModel(ctx context.Context, plan *schema.Plan, file []byte) (*Model, error) {
	sig, err := Inspect(file)
	if err != nil {
		return nil, err
	}
	m := &Model{
		title: planName(plan), name: plan.Model.Name, slots: s.slots, metrics: s.metrics,
		runTime: plan.Model.RunTime(), chunk: chunkRows, unloaded: make(chan struct{}), logger: slog.New(slog.DiscardHandler),
	}
	if sig.mixing {
		m.chunk = 1
	}
	if m.binding, err = Bind(sig, plan); err != nil {
		return nil, err
	}
	output := m.binding.Output
	if m.binding.source != "" {
		file = unzip(file, output, m.binding.source, m.binding.elem)
		output = m.binding.source
	}
	file = m.binding.widen(file)
	spec := sessionSpec{
		file: file, inputs: m.binding.sessionInputs(), outputs: []string{m.binding.wideName(output)},
		threads: s.opts.IntraOpThreads, memory: plan.Model.RunMemory(), nested: sig.nested,
	}
	if err := m.learn(ctx, s.runtime, spec); err != nil {
		return nil, err
	}
	spec.optimize = true
	if err := m.chooseProvider(ctx, s.runtime, spec, plan.Model.Providers); err != nil {
		return nil, err
	}
	if m.provider == schema.CPUProvider {
		if err := m.walkTrees(ctx, file); err != nil {
			m.release()
			return nil, err
		}
	}
	if err := m.batch(ctx, plan.Model.Batching); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// learn runs the model as written, to check that it stays within its limits and to see
// its output. Only then may ONNX Runtime rewrite it. The rewrite computes everything
// that depends only on constants, which can be as much work, and nothing could stop
// it.
func (m *Model) learn(ctx context.Context, rt *Runtime, spec sessionSpec) error {
	var err error
	if m.session, err = rt.newSession(spec, schema.Provider{Name: schema.CPUProvider}); err != nil {
		return err
	}
	defer func() { _ = m.session.Destroy() }() // it can't fail
	return m.learnOutput(ctx, spec.outputs[0])
}

// chooseProvider makes the session that scores, with the first provider that works.
// The model then has its first hold.
func (m *Model) chooseProvider(ctx context.Context, rt *Runtime, spec sessionSpec, providers []schema.Provider) error {
	if len(providers) == 0 {
		providers = []schema.Provider{{Name: schema.CPUProvider}}
	}
	for _, p := range providers {
		err := m.tryProvider(ctx, rt, spec, p)
		if err == nil {
			m.provider = p.Name
			return nil
		}
		if p.Name == schema.CPUProvider || ctx.Err() != nil {
			return err
		}
		m.skipped = append(m.skipped, Skipped{Provider: p.Name, Reason: clipError(err)})
	}
	return noProvider(m.skipped)
}

func (m *Model) tryProvider(ctx context.Context, rt *Runtime, spec sessionSpec, p schema.Provider) error {
	var err error
	if m.session, err = rt.newSession(spec, p); err != nil {
		return err
	}
	m.holds.Store(1)
	if err := m.warmUp(ctx); err != nil {
		m.giveUp()
		return err
	}
	return nil
}

func (b *Binding) sessionInputs() []string {
	all := make([]string, len(b.Inputs))
	for i, in := range b.Inputs {
		all[i] = b.wideName(in.Name)
	}
	return all
}

// clipError returns the beginning of an error of ONNX Runtime, which may quote the
// whole model.
func clipError(err error) string {
	const most = 400
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}

// Acquire returns a run of rows rows, to be filled, scored and released. Its tensors
// hold the values of an earlier run. The model must stay loaded until the run is
// released: the caller holds its Models until then.
func (m *Model) Acquire(rows int) (*Run, error) {
	if rows < 1 || rows > MaxRows {
		return nil, schema.Rows.Errorf("%s: %d rows; a run has 1 to %d", m.title, rows, MaxRows)
	}
	r := m.takeIdle(rows)
	if r == nil {
		var err error
		if r, err = newRun(m, bits.Len(uint(rows-1))); err != nil {
			return nil, err
		}
	}
	if err := r.reset(rows); err != nil {
		r.destroy()
		return nil, err
	}
	return r, nil
}

func (m *Model) takeIdle(rows int) *Run {
	class := bits.Len(uint(rows - 1))
	m.mu.Lock()
	defer m.mu.Unlock()
	stack := m.idle[class]
	if len(stack) == 0 {
		return nil
	}
	r := stack[len(stack)-1]
	stack[len(stack)-1] = nil
	m.idle[class] = stack[:len(stack)-1]
	m.idleBytes -= r.size()
	return r
}

// putIdle keeps a run for later, unless enough are kept.
func (m *Model) putIdle(r *Run) (kept bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idleBytes+r.size() > maxIdleBytes {
		return false
	}
	m.idle[r.class] = append(m.idle[r.class], r)
	m.idleBytes += r.size()
	return true
}

// hold keeps the model loaded until release; false when it is unloaded already.
func (m *Model) hold() bool {
	for {
		n := m.holds.Load()
		if n == 0 {
			return false
		}
		if m.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives up a hold; the last one unloads the model.
func (m *Model) release() {
	if m.holds.Add(-1) > 0 {
		return
	}
	m.giveUp()
	close(m.unloaded)
	m.logger.Info("model unloaded", "model", m.title)
}

// giveUp frees what is no longer used: the idle runs and the session.
func (m *Model) giveUp() {
	for class, stack := range m.idle {
		for _, r := range stack {
			r.destroy()
		}
		m.idle[class] = nil
	}
	m.idleBytes = 0
	_ = m.session.Destroy() // it can't fail
}
