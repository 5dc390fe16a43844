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
	outputs  []candidate   // of the file
	slots    chan struct{} // of the set: full when the limit of long runs go on
	runTime  time.Duration // the time limit of a run
	chunk    int           // how many rows the session gets at a time
	metrics  *metrics
	inFlight *atomic.Int64 // runs of the session; outlives a crash of the process

	facts // what its trial showed

	// One of these scores.
	session *ort.DynamicAdvancedSession // computes the score
	trees   *trees
	host    *host

	all *outputSession // computes all outputs, where the host doesn't

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
	Outputs   []Output      // those that give values for each row
	LeftOut   []string      // which outputs don't, and why
	Score     *Score        // nil: none is obvious
	Scoreless string        // why; "" when one is
	Together  bool          // the score has other bits when it is computed without the other outputs, so it never is
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

// together reports whether the score, if there is one, is computed with all outputs.
func (f *facts) together() bool { return f.Together || f.Score == nil }

// Binding returns how features feed the model.
func (m *Model) Binding() *Binding { return m.binding }

// Outputs returns the outputs that give values for each row. The caller must not change
// them.
func (m *Model) Outputs() []Output { return m.facts.Outputs }

// candidate returns an output, by its index in Outputs, as sessions return it.
func (m *Model) candidate(output int) *candidate { return &m.outputs[m.facts.Outputs[output].At] }

// Score returns where the score is. If the model has none, it returns nil and why.
func (m *Model) Score() (*Score, string) { return m.facts.Score, m.Scoreless }

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
	if m.Scoreless != "" {
		notes = append(notes, "it has no score, only outputs: "+m.Scoreless)
	}
	notes = append(notes, m.LeftOut...)
	if why := m.oneRow(); why != "" {
		notes = append(notes, "it gets one row at a time, because "+why)
	}
	if m.isolation != "" {
		notes = append(notes, "it runs in a process of its own: "+m.isolation)
	}
	return notes
}

// oneRow says why the model gets one row at a time; "" when it doesn't.
func (m *Model) oneRow() string {
	switch {
	case m.chunk > 1:
		return ""
	case m.binding.single != "":
		return fmt.Sprintf("its file fixes the number of rows of input %q to 1", m.binding.single)
	}
	return "it quantizes a row together with the rows beside it"
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
	m.outputs = candidates(sig)
	if m.binding, err = Bind(sig, plan); err != nil {
		return nil, nil, err
	}
	if sig.mixing || m.binding.single != "" {
		m.chunk = 1
	}
	return m, sig, nil
}

// spec describes the sessions of a model, without the outputs.
func (s *Set) spec(m *Model, sig *Signature, plan *schema.Plan, file []byte) sessionSpec {
	return sessionSpec{
		file: m.binding.widen(file), inputs: m.binding.sessionInputs(),
		threads: s.opts.IntraOpThreads, memory: plan.Model.RunMemory(), nested: sig.nested, optimize: true,
	}
}

// scoreSpec describes the session that computes the score only.
func (m *Model) scoreSpec(spec sessionSpec) sessionSpec {
	at := m.facts.Outputs[m.facts.Score.At].At
	spec.file, spec.outputs, _ = returning(spec.file, m.outputs[at:at+1])
	return spec
}

// outputSession returns the session of all outputs, which is made when it is needed.
func (s *Set) outputSession(m *Model, sig *Signature, plan *schema.Plan, file []byte) *outputSession {
	return &outputSession{runtime: s.runtime, provider: providerOf(m, plan), outputs: m.outputs, spec: func(context.Context) (sessionSpec, error) {
		return s.spec(m, sig, plan, file), nil
	}}
}

// fetchedOutputs is outputSession with a file that is fetched when it is needed.
func (s *Set) fetchedOutputs(m *Model, sig *Signature, plan *schema.Plan, fetch fetchFunc) *outputSession {
	return &outputSession{runtime: s.runtime, provider: providerOf(m, plan), outputs: m.outputs, spec: func(ctx context.Context) (sessionSpec, error) {
		file, err := fetch(ctx, plan.ModelVersion.SHA256)
		if err == nil {
			err = checkSum(plan, file)
		}
		if err != nil {
			return sessionSpec{}, fmt.Errorf("fetch the model file: %w", err)
		}
		return s.spec(m, sig, plan, file), nil
	}}
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
	// Facts without outputs are of an older Larder; such a model is tried again.
	if r, refused := s.journal.refused(h.key); refused && r.Facts != nil && len(r.Facts.Outputs) > 0 {
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
		m.all = s.fetchedOutputs(m, sig, plan, fetch)
		if err := s.open(ctx, m, plan, sig, file); err != nil {
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
func (s *Set) open(ctx context.Context, m *Model, plan *schema.Plan, sig *Signature, file []byte) error {
	switch {
	case m.Trees:
		m.trees, _, _ = m.readTrees(file)
		return nil
	case m.facts.together():
		_, err := m.all.open(ctx)
		return err
	}
	m.inFlight = s.journal.counter(modelID(plan))
	m.inFlight.Add(1)
	defer m.inFlight.Add(-1)
	var err error
	if m.session, err = s.runtime.newSession(m.scoreSpec(s.spec(m, sig, plan, file)), providerOf(m, plan)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	for _, rows := range []int{1, 10} { // ONNX Runtime does its setup then
		if _, err := m.trial(ctx, rows, fillTenths); err != nil {
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

// clipError returns the end of an error of ONNX Runtime, which says what is wrong. The
// beginning may be the signature of a function, or quote the whole model.
func clipError(err error) string {
	const most = 400
	text := err.Error()
	if len(text) > most {
		text = "..." + text[len(text)-most:]
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
	if m.all != nil {
		m.all.close()
	}
	if m.host != nil {
		m.host.close()
	}
}
