package scoring

import (
	"context"
	"errors"
	"fmt"
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

// chunkRows is how many rows ONNX Runtime gets at a time. A forest is one node of
// its model, and ONNX Runtime stops between nodes only: more rows at a time would
// let a run go on long after its deadline, fewer make forests slower.
const chunkRows = 1024

// maxIdleBytes bounds the tensors that a model keeps for its next runs.
const maxIdleBytes = 64 << 20

// A Model is one version of a model, loaded. It has one session, which any number
// of runs use at once. Safe for concurrent use.
type Model struct {
	name    string // for errors: model "fraud" version 3
	binding *Binding
	session *ort.DynamicAdvancedSession
	width   int // columns of the output tensor
	flat    bool
	slots   chan struct{} // of the set: full when as many long runs go on as may
	rowCost time.Duration // measured in the warm-up
	trees   *trees        // that are walked instead of what the session would do; nil: none

	// holds counts the sets and the runs that use the model; at 0 it is unloaded.
	holds    atomic.Int64
	unloaded chan struct{}

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

// long tells whether a run of rows rows is a long one.
func (m *Model) long(rows int) bool { return time.Duration(rows)*m.rowCost > longRun }

// Binding returns how features feed the model.
func (m *Model) Binding() *Binding { return m.binding }

// Engine returns what scores: "trees", which Larder walks itself, or "onnxruntime".
func (m *Model) Engine() string {
	if m.trees != nil {
		return "trees"
	}
	return "onnxruntime"
}

// String returns what a person calls the model: model "fraud" version 3.
func (m *Model) String() string { return m.name }

func planName(p *schema.Plan) string {
	return fmt.Sprintf("model %q version %d", p.Model.Name, p.ModelVersion.Version)
}

// loadModel checks a file, makes a session of it and warms it up. The caller
// has the one hold on it.
func loadModel(ctx context.Context, plan *schema.Plan, file []byte, threads int, slots chan struct{}) (*Model, error) {
	sig, err := Inspect(file)
	if err != nil {
		return nil, err
	}
	m := &Model{name: planName(plan), slots: slots, unloaded: make(chan struct{})}
	if m.binding, err = Bind(sig, plan); err != nil {
		return nil, err
	}
	output := m.binding.Output
	if m.binding.source != "" {
		file = unzip(file, output, m.binding.source, m.binding.elem)
		output = m.binding.source
	}
	if m.session, err = newSession(file, m.binding.Inputs, output, threads); err != nil {
		return nil, err
	}
	m.holds.Store(1)
	if err := m.warmUp(ctx, output); err != nil {
		m.release()
		return nil, err
	}
	if err := m.walkTrees(ctx, file); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

func newSession(file []byte, inputs []Input, output string, threads int) (*ort.DynamicAdvancedSession, error) {
	opts, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("make session options: %w", err)
	}
	defer func() { _ = opts.Destroy() }() // it has no way to fail
	err = errors.Join(
		opts.SetIntraOpNumThreads(threads),
		opts.SetInterOpNumThreads(1),
		opts.SetExecutionMode(ort.ExecutionModeSequential),
		// The plan of memory is kept for each shape of input, without bound.
		opts.SetMemPattern(false),
	)
	if err != nil {
		return nil, fmt.Errorf("set session options: %w", err)
	}
	names := make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.Name
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(file, names, []string{output}, opts)
	if err != nil {
		return nil, bad("ONNX Runtime refuses the model: %s", clipError(err))
	}
	return session, nil
}

// clipError returns the first words of what ONNX Runtime says about a model, which
// may quote all of it.
func clipError(err error) string {
	const most = 400
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}

// Acquire returns a run of rows rows, to be filled, scored and released. Its
// tensors hold what an earlier run left there. It fails when the model was
// unloaded, which happens two versions of the catalog after its own.
func (m *Model) Acquire(rows int) (*Run, error) {
	if rows < 1 || rows > MaxRows {
		return nil, schema.Errorf(schema.Invalid, "ROWS", "%s: %d rows; a run has 1 to %d", m.name, rows, MaxRows)
	}
	if !m.hold() {
		return nil, schema.Errorf(schema.Unavailable, "MODEL_UNLOADED", "%s is no longer loaded, for the definitions have changed; ask again", m.name)
	}
	r := m.takeIdle(rows)
	if r == nil {
		var err error
		if r, err = newRun(m, bits.Len(uint(rows-1))); err != nil {
			m.release()
			return nil, err
		}
	}
	if err := r.reset(rows); err != nil {
		r.destroy()
		m.release()
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
	m.idleBytes -= r.memory.size
	return r
}

// putIdle keeps a run for later, unless enough are kept.
func (m *Model) putIdle(r *Run) (kept bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idleBytes+r.memory.size > maxIdleBytes {
		return false
	}
	m.idle[r.class] = append(m.idle[r.class], r)
	m.idleBytes += r.memory.size
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
	for _, stack := range m.idle {
		for _, r := range stack {
			r.destroy()
		}
	}
	_ = m.session.Destroy() // it has no way to fail
	close(m.unloaded)
}
