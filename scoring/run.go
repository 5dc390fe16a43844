package scoring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"larder/column"
	"larder/schema"
	"larder/scoring/worker"
)

// A Run scores rows once: fill its inputs, Score, read Scores, Release. Not safe
// for concurrent use, and not to be touched after Release.
//
// The slices of its inputs and scores alias the run. They lie in C memory and must not
// be used after Release.
type Run struct {
	model   *Model
	class   int // the binary logarithm of the capacity
	rows    int
	memory  *block
	inputs  []buffer
	output  buffer
	full    []piece         // whole chunks, from the start; made when first needed
	tail    piece           // the rest of the rows
	tailAt  int             // the row where the tail begins
	options *ort.RunOptions // with a session
	watch   watch           // with options
	channel *worker.Channel // with a host
	killer  *time.Timer     // with a channel: ends a process that doesn't answer; nil before the first run
	held    *held           // while it waits for a batch; nil before the first time
	scores  []float64
	pattern byte // that a trial fills outputs with before it runs the model
}

// A piece is a part of the rows, as ONNX Runtime gets them.
type piece struct {
	rows    int
	in, out []ort.Value
}

// newRun makes a run with room for 1<<class rows.
func newRun(m *Model, class int) (*Run, error) {
	r := &Run{model: m, class: class}
	size := r.measure()
	if m.host != nil {
		var err error
		if r.channel, err = m.host.open(size, scoreHello(class)); err != nil {
			return nil, err
		}
		r.place(blockOver(r.channel.Memory()))
		return r, nil
	}
	r.place(newBlock(size))
	return r, r.addOptions()
}

// parts is how many parts of memory a run takes: the inputs, the output, the scores.
func (r *Run) parts() int { return len(r.inputs) + 2 }

// measure describes the run's tensors and returns how much memory they take.
func (r *Run) measure() int {
	m := r.model
	for _, in := range m.binding.Inputs {
		r.inputs = append(r.inputs, buffer{elem: elemOf(in.Elem), shape: in.shape, width: in.width})
	}
	if s := m.facts.Score; s != nil {
		r.output = buffer{elem: m.candidate(s.At).elem, shape: m.facts.Outputs[s.At].Shape, width: s.Width}
	}
	size := r.output.bytes(r.capacity()) + r.capacity()*scoreBytes
	for i := range r.inputs {
		size += r.inputs[i].bytes(r.capacity())
	}
	return size + (r.parts()+1)*alignment
}

const scoreBytes = 8

func (r *Run) capacity() int { return 1 << r.class }

// place gives the tensors their memory, in the same order in every process.
func (r *Run) place(memory *block) {
	r.memory = memory
	for i := range r.inputs {
		b := &r.inputs[i]
		if b.elem == String {
			b.strings = make([]string, r.capacity()*b.width)
			continue
		}
		b.start = memory.take(b.bytes(r.capacity()))
	}
	r.output.start = memory.take(r.output.bytes(r.capacity()))
	r.scores = unsafe.Slice((*float64)(memory.take(r.capacity()*scoreBytes)), r.capacity())
}

// addOptions adds what a run of a session needs.
func (r *Run) addOptions() error {
	if r.model.session == nil {
		return nil
	}
	var err error
	if r.options, err = ort.NewRunOptions(); err != nil {
		r.memory.free()
		return fmt.Errorf("make run options: %w", err)
	}
	r.watch = newWatch(r.options.Terminate, r.options.UnsetTerminate)
	return nil
}

// reset makes the run one of rows rows, which must fit.
func (r *Run) reset(rows int) error {
	if rows == r.rows {
		return nil
	}
	if r.model.session == nil { // no tensors of ONNX Runtime
		r.rows = rows
		return nil
	}
	chunk := r.model.chunk
	whole := rows / chunk
	for len(r.full) < whole {
		p, err := r.newPiece(len(r.full)*chunk, chunk)
		if err != nil {
			return err
		}
		r.full = append(r.full, p)
	}
	r.tail.destroy()
	r.tail, r.tailAt, r.rows = piece{}, whole*chunk, 0
	if rest := rows - r.tailAt; rest > 0 {
		var err error
		if r.tail, err = r.newPiece(r.tailAt, rest); err != nil {
			return err
		}
	}
	r.rows = rows
	return nil
}

// newPiece makes the tensors of rows rows that begin at row first.
func (r *Run) newPiece(first, rows int) (piece, error) {
	p, err := r.newInputs(first, rows)
	if err != nil {
		return piece{}, err
	}
	v, err := r.output.tensor(first, rows)
	if err != nil {
		p.destroy()
		return piece{}, err
	}
	p.out = append(p.out, v)
	return p, nil
}

// newInputs makes the tensors of the inputs.
func (r *Run) newInputs(first, rows int) (p piece, err error) {
	p.rows = rows
	for i := range r.inputs {
		v, err := r.inputs[i].tensor(first, rows)
		if err != nil {
			p.destroy()
			return piece{}, err
		}
		p.in = append(p.in, v)
	}
	return p, nil
}

// size returns about how much memory the run keeps.
func (r *Run) size() int {
	const ofPiece, ofChannel = 1 << 10, 1 << 20 // a channel takes files and a thread of the process
	size := r.memory.size + len(r.full)*ofPiece
	if r.channel != nil {
		size += ofChannel
	}
	return size
}

func (p *piece) destroy() {
	for _, v := range append(p.in, p.out...) {
		_ = v.Destroy() // it can't fail
	}
}

// Rows returns the number of rows.
func (r *Run) Rows() int { return r.rows }

// Dense returns the tensor of a dense model: rows × features, row by row.
func (r *Run) Dense() []float32 { return view[float32](&r.inputs[0], r.rows) }

// Input returns the elements of input i of the binding, row by row. The column shares
// their memory. Strings must not contain a zero byte.
func (r *Run) Input(i int) column.Column {
	b := &r.inputs[i]
	c := column.Column{Type: r.model.binding.Inputs[i].Elem}
	switch c.Type {
	case schema.Bool:
		c.Bools = view[bool](b, r.rows)
	case schema.Int32:
		c.Int32s = view[int32](b, r.rows)
	case schema.Int64:
		c.Int64s = view[int64](b, r.rows)
	case schema.Float32:
		c.Float32s = view[float32](b, r.rows)
	case schema.Float64:
		c.Float64s = view[float64](b, r.rows)
	case schema.String:
		c.Strings = b.strings[:r.rows*b.width]
	}
	return c
}

// Tensor returns where the values of a feature of the plan lie in the model's inputs.
func (r *Run) Tensor(feature int) column.Tensor {
	f := &r.model.binding.feeds[feature]
	t := r.part(f, f.input)
	if f.mask >= 0 {
		mask := r.part(f, f.mask)
		t.Mask = &mask
	}
	return t
}

func (r *Run) part(f *feed, input int) column.Tensor {
	return column.Tensor{
		Column: r.Input(input), First: f.first, Step: r.inputs[input].width, Width: f.width, Stride: f.steps, Fit: f.fit,
	}
}

// Scores returns the score of each row, after Score; nil for a model without a score. A
// score is NaN where the model returns NaN.
func (r *Run) Scores() []float64 {
	if r.model.facts.Score == nil {
		return nil
	}
	return r.scores[:r.rows]
}

// Score runs the model over the rows. When ctx ends first, ONNX Runtime stops
// between two nodes of the model, and Score returns ctx's error. A run that takes
// more time or memory than the model's limits ends with an error of kind Exhausted.
func (r *Run) Score(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("score with %s: %w", r.model, err)
	}
	err := r.scoreShared(ctx)
	if err != nil {
		err = r.blame(ctx, err)
	}
	return err
}

// scoreShared scores the run's rows, perhaps together with those of other requests.
func (r *Run) scoreShared(ctx context.Context) error {
	if b := r.model.batcher; b != nil {
		return b.score(ctx, r)
	}
	return r.scoreAlone(ctx)
}

// scoreAlone scores the run's rows in a run of their own.
func (r *Run) scoreAlone(ctx context.Context) (err error) {
	if t := r.model.trees; t != nil {
		return r.scoreTrees(ctx, t)
	}
	if r.model.facts.together() {
		_, err := r.scoreAll(ctx, nil)
		return err
	}
	if r.channel == nil {
		r.roundInputs()
	}
	if r.model.long(r.rows) {
		select {
		case r.model.slots <- struct{}{}:
			defer func() { <-r.model.slots }()
		case <-ctx.Done():
			return fmt.Errorf("wait to score with %s: %w", r.model, ctx.Err())
		}
	}
	if r.channel != nil {
		return r.scoreApart(ctx)
	}
	r.model.inFlight.Add(1)
	defer r.model.inFlight.Add(-1)
	began := time.Now()
	r.watch.arm(ctx, r.model.runTime)
	defer func() { err = errors.Join(err, r.watch.disarm()) }()
	for i := range r.full {
		if i*r.model.chunk >= r.tailAt {
			break // left by an earlier run with more rows
		}
		if err := r.score(ctx, began, &r.full[i], i*r.model.chunk); err != nil {
			return err
		}
	}
	if r.tail.rows > 0 {
		if err := r.score(ctx, began, &r.tail, r.tailAt); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) score(ctx context.Context, began time.Time, p *piece, first int) error {
	if err := r.setAllStrings(p, first); err != nil {
		return err
	}
	r.output.clear(first, p.rows) // an operator may leave some of it as it was
	if err := r.model.session.RunWithOptions(p.in, p.out, r.options); err != nil {
		return r.model.runError(ctx, r.rows, began, err)
	}
	scores := r.scores[first : first+p.rows]
	r.model.readScores(scores, &r.output, first)
	return nil
}

// readScores copies the scores of rows from row first on out of the output that holds them.
func (m *Model) readScores(scores []float64, from *buffer, first int) {
	s := m.facts.Score
	from.column(scores, first, s.Column)
	if c := m.candidate(s.At); c.narrow() {
		for i, v := range scores {
			scores[i] = float64(rounded(float32(v), c.Elem))
		}
	}
}

// setAllStrings fills the tensors of strings of a piece that begins at row first.
func (r *Run) setAllStrings(p *piece, first int) error {
	for i := range r.inputs {
		if r.inputs[i].elem != String {
			continue
		}
		if err := r.setStrings(i, p.in[i], r.inputs[i].rowStrings(first, p.rows)); err != nil {
			return err
		}
	}
	return nil
}

// setStrings copies strings into a tensor of strings. The binding passes them as C
// strings, so a zero byte inside would cut the value.
func (r *Run) setStrings(i int, v ort.Value, all []string) error {
	for _, s := range all {
		if strings.IndexByte(s, 0) >= 0 {
			return schema.BadString.Errorf("input %q of %s: the string %q has a zero byte, which a model can't take",
				r.model.binding.Inputs[i].Name, r.model, printable(s))
		}
	}
	if err := v.(*value).Value.(*ort.StringTensor).SetContents(all); err != nil {
		return fmt.Errorf("fill input %q of %s: %w", r.model.binding.Inputs[i].Name, r.model, err)
	}
	return nil
}

// Release gives the run back. Its slices must not be used any more.
func (r *Run) Release() {
	m := r.model
	for i := range r.inputs {
		clear(r.inputs[i].strings) // the strings of a request may be large
	}
	if r.stale() || !m.putIdle(r) {
		r.destroy()
	}
}

// destroy frees the tensors, then the memory under them.
func (r *Run) destroy() {
	for i := range r.full {
		r.full[i].destroy()
	}
	r.tail.destroy()
	if r.options != nil {
		_ = r.options.Destroy() // fails only when called twice
	}
	r.memory.free()
	if r.channel != nil {
		r.channel.Close()
	}
}
