package scoring

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"larder/internal/background"
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

// A Model is one version of a model, loaded. Any number of runs use it at once. Safe for
// concurrent use.
type Model struct {
	title    string // model "fraud" version 3
	name     string // fraud
	binding  *Binding
	slots    chan struct{} // of the set: full when the limit of long runs go on
	runTime  time.Duration // the time limit of a run
	chunk    int           // how many rows the session gets at a time
	metrics  *metrics
	inFlight *atomic.Int64 // runs of the session; outlives a crash of the process

	facts // what its trial showed

	// One of these scores.
	session *ort.DynamicAdvancedSession
	trees   *trees
	host    *host

	isolation string   // why the host scores; "" where it doesn't
	batcher   *batcher // nil: each request is scored by itself

	// holds counts the catalogs that have the model; at 0 it is unloaded.
	holds    atomic.Int64
	unloaded chan struct{}
	logger   *slog.Logger // gets a line when the model is unloaded

	mu        sync.Mutex
	idle      [bits.UintSize][]*Run // by the binary logarithm of their capacity
	idleBytes int
}

// facts are what a trial shows about a model.
type facts struct {
	Width     int           // columns of the output tensor
	Flat      bool          // its shape is [N], not [N, C]
	RowCost   time.Duration // of a run, for each row
	Trees     bool          // Larder walks the trees, with the scores of the session
	Unwalked  string        // why Larder doesn't walk the trees; "" when it does, or there are none
	Provider  string        // that runs the session
	Skipped   []Skipped     // providers that don't
	Heavy     string        // why a run of many rows is too much for the server's process; "" when it isn't
	Unbatched string        // why requests don't share runs although the definition asks for it
}

// longRun is when a run waits for a slot. A thread in C keeps its core from Go's
// scheduler: when more long runs go on at a time than cores can carry, the operating
// system shares the cores out by turns of milliseconds, and the slowest run takes
// ten times as long.
const longRun = 50 * time.Microsecond

// slotsPerCore keeps the cores busy while a run that ends wakes the next.
const slotsPerCore = 2

// long reports whether a run of rows rows is a long one.
func (m *Model) long(rows int) bool { return time.Duration(rows)*m.RowCost > longRun }

// Binding returns how features feed the model.
func (m *Model) Binding() *Binding { return m.binding }

// Engine returns what scores: "trees" when Larder walks the trees itself, or
// "onnxruntime".
func (m *Model) Engine() string {
	if m.Trees {
		return "trees"
	}
	return "onnxruntime"
}

// Notes says what costs the model time: why its trees are not walked, why it gets one row
// at a time, and why it runs in a process of its own.
func (m *Model) Notes() []string {
	var notes []string
	if m.Unwalked != "" {
		notes = append(notes, "ONNX Runtime scores its trees, because "+m.Unwalked)
	}
	if m.chunk == 1 {
		notes = append(notes, "it gets one row at a time, because it quantizes a row together with the rows beside it")
	}
	if m.isolation != "" {
		notes = append(notes, "it runs in a process of its own: "+m.isolation)
	}
	return notes
}

// Isolation says why the model runs in a process of its own; "" when it runs in this
// process.
func (m *Model) Isolation() string { return m.isolation }

// Quarantine says why the model is not run any more; "" when it is.
func (m *Model) Quarantine() string {
	if m.host == nil {
		return ""
	}
	return m.host.quarantined()
}

// Provider returns the provider that runs the session, such as cpu, and the listed
// providers before it that were skipped. The caller must not change them.
func (m *Model) Provider() (name string, skipped []Skipped) { return m.facts.Provider, m.Skipped }

// Batching reports whether requests share runs. If they don't although the definition
// asks for it, it also says why.
func (m *Model) Batching() (on bool, reason string) { return m.batcher != nil, m.Unbatched }

// String names the model in messages: model "fraud" version 3.
func (m *Model) String() string { return m.title }

func planName(p *schema.Plan) string {
	return fmt.Sprintf("model %q version %d", p.Model.Name, p.ModelVersion.Version)
}

// newModel reads a file, without ONNX Runtime, and returns a model that can't score yet.
func (s *Set) newModel(plan *schema.Plan, file []byte) (*Model, *Signature, error) {
	sig, err := Inspect(file)
	if err != nil {
		return nil, nil, err
	}
	m := &Model{
		title: planName(plan), name: plan.Model.Name, slots: s.slots, metrics: s.metrics, inFlight: new(atomic.Int64),
		runTime: plan.Model.RunTime(), chunk: chunkRows, unloaded: make(chan struct{}), logger: slog.New(slog.DiscardHandler),
	}
	if sig.mixing {
		m.chunk = 1
	}
	m.binding, err = Bind(sig, plan)
	return m, sig, err
}

// spec describes the session of a model and returns the file that it is made from.
func (s *Set) spec(m *Model, sig *Signature, plan *schema.Plan, file []byte) sessionSpec {
	output := m.binding.Output
	if m.binding.source != "" {
		file = unzip(file, output, m.binding.source, m.binding.elem)
		output = m.binding.source
	}
	return sessionSpec{
		file: m.binding.widen(file), inputs: m.binding.sessionInputs(), outputs: []string{m.binding.wideName(output)},
		threads: s.opts.IntraOpThreads, memory: plan.Model.RunMemory(), nested: sig.nested, optimize: true,
	}
}

// loadModel checks a file and tries the model in a process of its own. The model stays
// there if it needs to, or is loaded into this process. The caller has its only hold.
func (s *Set) loadModel(ctx context.Context, plan *schema.Plan, file []byte, fetch fetchFunc) (*Model, error) {
	m, sig, err := s.newModel(plan, file)
	if err != nil {
		return nil, err
	}
	m.holds.Store(1)
	h := s.newHost(m, plan, fetch)
	h.suspects = sig.suspects()
	if r, refused := s.journal.refused(h.key); refused && r.Facts != nil {
		m.host, m.isolation, m.facts = h, r.Reason, *r.Facts
		h.order.Tried = r.Facts
		h.quarantine(r.Reason)
		return m, nil
	}
	if m.facts, err = h.try(ctx, file); err != nil {
		h.close()
		return nil, err
	}
	if m.isolation = cmp.Or(s.apart(plan, sig, h.key), m.Heavy); m.isolation != "" {
		m.host = h
	} else {
		h.close()
		if err := s.open(ctx, m, plan, s.spec(m, sig, plan, file)); err != nil {
			m.giveUp()
			return nil, err
		}
	}
	if b := plan.Model.Batching; b != nil && m.Unbatched == "" {
		m.batcher = newBatcher(m, b, background.Cores())
	}
	return m, nil
}

// apart says why a model runs in a process of its own; "" when it doesn't.
func (s *Set) apart(plan *schema.Plan, sig *Signature, key string) string {
	if plan.Model.Isolation == schema.ProcessIsolation {
		return "the definition says isolation: process"
	}
	if crashed := s.journal.crashed(key); crashed != "" {
		return crashed
	}
	return sig.outside
}

// open loads a model that has passed its trial into this process.
func (s *Set) open(ctx context.Context, m *Model, plan *schema.Plan, spec sessionSpec) error {
	if m.Trees {
		m.trees, _, _ = readTrees(spec.file, m.binding)
		return nil
	}
	m.inFlight = s.journal.counter(modelID(plan))
	m.inFlight.Add(1)
	defer m.inFlight.Add(-1)
	var err error
	if m.session, err = s.runtime.newSession(spec, providerOf(m, plan)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	for _, rows := range []int{1, 10} { // ONNX Runtime does its setup then
		if _, err := m.trial(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// modelID names a version for people and for the journal. It has one line.
func modelID(p *schema.Plan) string {
	return fmt.Sprintf("%s %d %s", p.Model.Name, p.ModelVersion.Version, p.ModelVersion.SHA256)
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
	if m.host != nil {
		if err := m.host.ready(); err != nil {
			return nil, err
		}
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
	for len(m.idle[class]) > 0 {
		stack := m.idle[class]
		r := stack[len(stack)-1]
		stack[len(stack)-1] = nil
		m.idle[class] = stack[:len(stack)-1]
		m.idleBytes -= r.size()
		if !r.stale() {
			return r
		}
		r.destroy()
	}
	return nil
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
	if m.session != nil {
		_ = m.session.Destroy() // it can't fail
		trimMemory()
	}
	if m.host != nil {
		m.host.close()
	}
}
