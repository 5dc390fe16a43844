package scoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
	"larder/scoring/worker"
)

// An Array is a tensor of any shape, as its bytes.
type Array struct {
	Name    string
	Elem    Elem
	Dims    []int64
	Data    []byte   // of all elements, little-endian, row by row; nil for strings
	Strings []string // of a tensor of strings
}

// Size returns the bytes that one element takes in Data; 0 for strings.
func (e Elem) Size() int { return e.size() }

// Product returns how many elements a tensor of these dimensions has; ok is false
// for a negative one, and for more than most.
func Product(dims []int64, most int64) (n int64, ok bool) { return product(dims, most) }

// An InferModel is a model with all of its inputs and outputs as tensors, regardless
// of features and scores. Safe for concurrent use.
type InferModel struct {
	*Model
	inputs  []Value
	outputs []candidate
	host    *host          // that runs it
	session *outputSession // in the host's process

	mu   sync.Mutex
	idle []*inferChannel
}

func newInferModel(m *Model, sig *Signature) *InferModel {
	return &InferModel{Model: m, inputs: sig.Inputs, outputs: candidates(sig)}
}

// Inputs returns what Infer must be given, in the order of the model. The caller
// must not change it.
func (m *InferModel) Inputs() []Value { return m.inputs }

// Outputs returns the outputs that Infer can return. Where the file makes a map of
// class probabilities for each row, the output is the tensor that the maps are made
// from. Other outputs that are not tensors are left out.
func (m *InferModel) Outputs() []Value {
	all := make([]Value, len(m.outputs))
	for i := range all {
		all[i] = m.outputs[i].Value
	}
	return all
}

// Infer runs the model over tensors and returns the named outputs, or all outputs when
// none is named. When ctx ends first, ONNX Runtime stops between two nodes of the
// model, and Infer returns ctx's error. Inputs that don't fit are errors of kind
// Invalid. The model must stay loaded until Infer returns, as for Acquire.
func (m *InferModel) Infer(ctx context.Context, inputs []Array, outputs []string) ([]Array, error) {
	ordered, err := m.order(inputs)
	if err != nil {
		return nil, err
	}
	wanted, err := m.wanted(outputs)
	if err != nil {
		return nil, err
	}
	if m.onlyScores(wanted) {
		return m.inferScores(ctx, ordered[0])
	}
	all, err := m.inferAll(ctx, ordered)
	if err != nil {
		return nil, err
	}
	answer := make([]Array, len(wanted))
	for i, at := range wanted {
		answer[i] = all[at]
	}
	return answer, nil
}

// order checks the inputs and puts them in the order of the model.
func (m *InferModel) order(inputs []Array) ([]Array, error) {
	ordered := make([]Array, len(m.inputs))
	for i := range inputs {
		in := &inputs[i]
		at := slices.IndexFunc(m.inputs, func(v Value) bool { return v.Name == in.Name })
		if at < 0 {
			return nil, badInput("%s has no input %q; %s", m, printable(in.Name), schema.Nearest(printable(in.Name), names(m.inputs)))
		}
		if ordered[at].Name != "" {
			return nil, badInput("input %q of %s is given twice", in.Name, m)
		}
		if fault := m.inputs[at].fault(in); fault != "" {
			return nil, badInput("input %q of %s is %s; %s", in.Name, m, m.inputs[at].typeString(), fault)
		}
		ordered[at] = *in
	}
	for i, v := range m.inputs {
		if ordered[i].Name == "" {
			return nil, badInput("input %q of %s is missing; it is %s", v.Name, m, v.typeString())
		}
	}
	return ordered, nil
}

func badInput(format string, args ...any) *schema.Error {
	return schema.BadInput.Errorf(format, args...)
}

// fault says why an array does not fit an input; "" when it fits.
func (v *Value) fault(a *Array) string {
	if a.Elem != v.Elem {
		return fmt.Sprintf("the request has %s", a.Elem)
	}
	if v.Dims != nil && len(a.Dims) != len(v.Dims) {
		return fmt.Sprintf("the request has the shape %v", a.Dims)
	}
	for i, d := range v.Dims {
		if d.Size != AnySize && d.Size != a.Dims[i] {
			return fmt.Sprintf("the request has the shape %v", a.Dims)
		}
	}
	n, ok := product(a.Dims, MaxModelBytes)
	switch {
	case !ok || len(a.Dims) == 0 || len(a.Dims) > maxDims || n == 0:
		return fmt.Sprintf("the request has the shape %v, which has no elements or too many", a.Dims)
	case a.Dims[0] > MaxRows:
		return fmt.Sprintf("the request has %d rows; a run has 1 to %d", a.Dims[0], MaxRows)
	case a.Elem == String && int64(len(a.Strings)) != n:
		return fmt.Sprintf("the request has %d strings for the shape %v", len(a.Strings), a.Dims)
	case a.Elem != String && int64(len(a.Data)) != n*int64(a.Elem.size()):
		return fmt.Sprintf("the request has %d bytes for the shape %v, which takes %d", len(a.Data), a.Dims, n*int64(a.Elem.size()))
	case a.Elem == Bool && slices.ContainsFunc(a.Data, func(b byte) bool { return b > 1 }):
		return "the request has bytes that are neither 0 nor 1"
	case slices.ContainsFunc(a.Strings, func(s string) bool { return strings.IndexByte(s, 0) >= 0 }):
		return "the request has a string with a zero byte, which a model can't take"
	}
	return ""
}

// wanted returns the numbers of the outputs of these names.
func (m *InferModel) wanted(outputs []string) ([]int, error) {
	var wanted []int
	for _, name := range outputs {
		at := slices.IndexFunc(m.outputs, func(o candidate) bool { return o.Name == name })
		if at < 0 {
			return nil, schema.UnknownOutput.Errorf("%s has no output %q; %s", m, printable(name), schema.Nearest(printable(name), names(m.Outputs())))
		}
		if slices.Contains(wanted, at) {
			return nil, schema.UnknownOutput.Errorf("output %q of %s is requested twice", name, m)
		}
		wanted = append(wanted, at)
	}
	if len(outputs) == 0 {
		for at := range m.outputs {
			wanted = append(wanted, at)
		}
	}
	return wanted, nil
}

// onlyScores reports whether Score computes the requested outputs anyway: one column
// of floats, from one tensor of floats.
func (m *InferModel) onlyScores(wanted []int) bool {
	if len(wanted) != 1 || !m.binding.Dense || m.facts.Score == nil || m.facts.Score.Width != 1 {
		return false
	}
	out := &m.outputs[wanted[0]]
	return out.Name == m.facts.Score.Output && out.Elem == Float32 && m.inputs[0].Elem == Float32
}

func (m *InferModel) inferScores(ctx context.Context, in Array) ([]Array, error) {
	rows := in.Dims[0]
	r, err := m.Acquire(int(rows))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	x := r.Dense()
	if len(in.Data) != 4*len(x) {
		return nil, badInput("input %q of %s takes %d columns; the request has the shape %v", in.Name, m, len(x)/int(rows), in.Dims)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(in.Data)), in.Data)
	if err := r.Score(ctx); err != nil {
		return nil, err
	}
	out := Array{Name: m.facts.Score.Output, Elem: Float32, Dims: []int64{rows, 1}}
	if len(m.facts.Outputs[m.facts.Score.At].Shape) == 0 {
		out.Dims = out.Dims[:1]
	}
	scores := make([]float32, rows)
	for i, s := range r.Scores() {
		scores[i] = float32(s) // as it was
	}
	out.Data = bytesOf(scores)
	return []Array{out}, nil
}

// inferAll computes all outputs in the host's process.
func (m *InferModel) inferAll(ctx context.Context, inputs []Array) ([]Array, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("run %s: %w", m, err)
	}
	if m.long(int(inputs[0].Dims[0])) {
		select {
		case m.slots <- struct{}{}:
			defer func() { <-m.slots }()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait to run %s: %w", m, ctx.Err())
		}
	}
	payload, err := encode(inputs)
	if err != nil {
		return nil, fmt.Errorf("%s: describe the inputs to its process: %w", m, err)
	}
	c, err := m.take(ctx)
	if err != nil {
		return nil, err
	}
	defer m.put(c)
	answer, err := m.call(ctx, c.Channel, &c.killer, worker.Call{Payload: payload}, int(inputs[0].Dims[0]))
	if err == nil {
		err = m.refused(ctx, answer)
	}
	if err != nil {
		return nil, err
	}
	var all []Array
	if err := decode(answer.Body, &all); err != nil || len(all) != len(m.outputs) {
		return nil, fmt.Errorf("%s: its process returned %d outputs, not %d: %w", m, len(all), len(m.outputs), err)
	}
	for i := range all {
		if m.outputs[i].scalar() {
			all[i].Dims = []int64{} // not nil, which is all the same to gob
		}
	}
	return all, nil
}

// An inferChannel is a channel for runs over tensors.
type inferChannel struct {
	*worker.Channel
	killer *time.Timer
}

// maxIdleChannels is how many channels a model keeps for its next runs over tensors.
const maxIdleChannels = 16

func (m *InferModel) take(ctx context.Context) (*inferChannel, error) {
	if err := m.host.await(ctx); err != nil {
		return nil, err
	}
	for {
		c := m.takeIdle()
		if c == nil {
			break
		}
		select {
		case <-c.Process().Ended():
			c.Close()
		default:
			return c, nil
		}
	}
	c, err := m.host.open(1, []byte{helloInfer})
	return &inferChannel{Channel: c}, err
}

func (m *InferModel) takeIdle() *inferChannel {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle) == 0 {
		return nil
	}
	c := m.idle[len(m.idle)-1]
	m.idle = m.idle[:len(m.idle)-1]
	return c
}

func (m *InferModel) put(c *inferChannel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle) == maxIdleChannels {
		c.Close()
		return
	}
	m.idle = append(m.idle, c)
}

// close ends what belongs to runs over tensors. No run may go on.
func (m *InferModel) close() {
	for c := m.takeIdle(); c != nil; c = m.takeIdle() {
		c.Close()
	}
	m.host.close()
}

// answer computes all outputs, in the model's process.
func (m *InferModel) answer(ctx context.Context, c worker.Call) worker.Answer {
	ctx, cancel := limit(ctx, c)
	defer cancel()
	all, err := m.compute(ctx, c.Payload)
	if err != nil {
		return refuse(err)
	}
	return m.answerArrays(all)
}

func (m *InferModel) compute(ctx context.Context, payload []byte) ([]Array, error) {
	var inputs []Array
	if err := decode(payload, &inputs); err != nil {
		return nil, fmt.Errorf("read the inputs of %s: %w", m, err)
	}
	session, err := m.session.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m, err)
	}
	fed, err := feedArrays(inputs)
	defer fed.free()
	if err != nil {
		return nil, fmt.Errorf("fill the inputs of %s: %w", m, err)
	}
	made := make([]ort.Value, session.made)
	defer func() { destroyAll(made) }()
	if err := m.run(ctx, session.DynamicAdvancedSession, fed.values, made, int(inputs[0].Dims[0])); err != nil {
		return nil, err
	}
	all := make([]Array, len(m.outputs))
	for i := range m.outputs {
		if all[i], err = m.outputs[i].array(made[session.at[i]]); err != nil {
			return nil, fmt.Errorf("read the outputs of %s: %w", m, err)
		}
	}
	return all, nil
}

// run runs a session within the limits of the model.
func (m *InferModel) run(ctx context.Context, session *ort.DynamicAdvancedSession, in, out []ort.Value, rows int) (err error) {
	options, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("make run options: %w", err)
	}
	defer func() { _ = options.Destroy() }() // fails only when called twice
	began := time.Now()
	limits := newWatch(options.Terminate, options.UnsetTerminate)
	limits.arm(ctx, m.runTime)
	defer func() { err = errors.Join(err, limits.disarm()) }()
	failed := session.RunWithOptions(in, out, options)
	if failed == nil {
		return nil
	}
	return m.runError(ctx, rows, began, failed)
}

// A fed is the tensors of one run, and the memory under them.
type fed struct {
	memory *block
	values []ort.Value
}

func feedArrays(inputs []Array) (fed, error) {
	total := 0
	for i := range inputs {
		total += len(inputs[i].Data)
	}
	f := fed{memory: newBlock(total + (len(inputs)+1)*alignment)}
	for i := range inputs {
		in := &inputs[i]
		v, err := f.tensor(in)
		if err != nil {
			return f, fmt.Errorf("input %q: %w", in.Name, err)
		}
		f.values = append(f.values, v)
	}
	return f, nil
}

func (f *fed) tensor(in *Array) (ort.Value, error) {
	shape := ort.NewShape(in.Dims...)
	if in.Elem != String {
		at := unsafe.Slice((*byte)(f.memory.take(len(in.Data))), len(in.Data))
		copy(at, in.Data)
		return ort.NewCustomDataTensor(shape, at, ort.TensorElementDataType(in.Elem))
	}
	t, err := ort.NewStringTensor(shape)
	if err != nil {
		return nil, err
	}
	if err := t.SetContents(in.Strings); err != nil {
		_ = t.Destroy() // it can't fail
		return nil, err
	}
	return t, nil
}

// free frees the tensors, then the memory under them.
func (f *fed) free() {
	destroyAll(f.values)
	f.memory.free()
}

func destroyAll(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			_ = v.Destroy() // it can't fail
		}
	}
}

func bytesOf[T any](all []T) []byte {
	if len(all) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&all[0])), len(all)*int(unsafe.Sizeof(all[0])))
}
