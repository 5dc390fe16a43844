package scoring

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"larder/column"
	"larder/schema"
	"larder/scoring/worker"
)

// ScoreOutputs runs the model over the rows, as Score does, and returns the outputs of
// these indexes: of each the values of all rows, row by row. It also computes the scores.
func (r *Run) ScoreOutputs(ctx context.Context, wanted []int) ([]column.Column, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("score with %s: %w", r.model, err)
	}
	arrays, err := r.scoreAll(ctx, wanted)
	if err != nil {
		return nil, r.blame(ctx, err)
	}
	columns := make([]column.Column, len(wanted))
	for i, at := range wanted {
		columns[i] = r.model.candidate(at).column(arrays[i].Data, arrays[i].Strings)
	}
	return columns, nil
}

// scoreAll computes all outputs and the scores, and returns the elements of the wanted
// outputs as sessions return them.
func (r *Run) scoreAll(ctx context.Context, wanted []int) ([]Array, error) {
	if r.channel != nil {
		return r.allApart(ctx, wanted)
	}
	r.roundInputs()
	if r.model.long(r.rows) {
		select {
		case r.model.slots <- struct{}{}:
			defer func() { <-r.model.slots }()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait to score with %s: %w", r.model, ctx.Err())
		}
	}
	session, err := r.model.all.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.model, err)
	}
	run, err := newOutputRun(r, session)
	if err != nil {
		return nil, err
	}
	defer run.free()
	r.model.inFlight.Add(1)
	defer r.model.inFlight.Add(-1)
	return run.all(ctx, wanted)
}

// An outputRun is the outputs of one run, chunk by chunk.
type outputRun struct {
	*Run
	session *readySession
	options *ort.RunOptions
	memory  *block
	buffers []buffer // of each output of the model; without memory for strings
}

func newOutputRun(r *Run, session *readySession) (*outputRun, error) {
	options, err := ort.NewRunOptions()
	if err != nil {
		return nil, fmt.Errorf("make run options: %w", err)
	}
	o := &outputRun{Run: r, session: session, options: options}
	rows, size := min(r.rows, r.model.chunk), alignment
	for i := range r.model.facts.Outputs {
		out := &r.model.facts.Outputs[i]
		b := buffer{elem: r.model.candidate(i).elem, shape: out.Shape, width: out.Width()}
		o.buffers = append(o.buffers, b)
		size += b.bytes(rows) + alignment
	}
	o.memory = newBlock(size)
	places := map[int]unsafe.Pointer{} // of each output of the session
	for i := range o.buffers {
		b, at := &o.buffers[i], o.at(i)
		if b.elem != String && places[at] == nil {
			places[at] = o.memory.take(b.bytes(rows))
		}
		b.start = places[at]
	}
	return o, nil
}

// at returns which output of the session an output of the model is.
func (o *outputRun) at(output int) int { return o.session.at[o.model.facts.Outputs[output].At] }

func (o *outputRun) free() {
	_ = o.options.Destroy() // fails only when called twice
	o.memory.free()
}

func (o *outputRun) all(ctx context.Context, wanted []int) (arrays []Array, err error) {
	m := o.model
	began := time.Now()
	limits := newWatch(o.options.Terminate, o.options.UnsetTerminate)
	limits.arm(ctx, m.runTime)
	defer func() { err = errors.Join(err, limits.disarm()) }()
	arrays = make([]Array, len(wanted))
	for first := 0; first < o.rows; first += m.chunk {
		if err := o.chunk(ctx, began, first, min(m.chunk, o.rows-first), wanted, arrays); err != nil {
			return nil, err
		}
	}
	return arrays, nil
}

// chunk computes the outputs of rows rows that begin at row first, and appends them.
func (o *outputRun) chunk(ctx context.Context, began time.Time, first, rows int, wanted []int, arrays []Array) error {
	m := o.model
	in, err := o.newInputs(first, rows)
	defer in.destroy()
	if err == nil {
		err = o.setAllStrings(&in, first)
	}
	if err != nil {
		return err
	}
	out, err := o.tensors(rows)
	defer destroyAll(out)
	if err != nil {
		return err
	}
	if err := o.session.RunWithOptions(in.in, out, o.options); err != nil {
		return m.runError(ctx, o.rows, began, err)
	}
	for i, at := range wanted {
		if err := o.appendTo(&arrays[i], at, rows, out); err != nil {
			return err
		}
	}
	if s := m.facts.Score; s != nil {
		m.readScores(o.scores[first:first+rows], &o.buffers[s.At], 0)
	}
	return nil
}

// tensors returns the tensors that the session writes, of zeros or of the pattern. ONNX Runtime makes those
// of strings, and those that no one asked for.
func (o *outputRun) tensors(rows int) ([]ort.Value, error) {
	made := make([]ort.Value, o.session.made)
	for i := range o.buffers {
		b := &o.buffers[i]
		at := o.at(i)
		if b.elem == String || made[at] != nil {
			continue
		}
		data := unsafe.Slice((*byte)(b.start), b.bytes(rows))
		for i := range data {
			data[i] = o.pattern
		}
		v, err := ort.NewCustomDataTensor(append(ort.NewShape(int64(rows)), b.shape...), data, ort.TensorElementDataType(b.elem))
		if err != nil {
			return made, fmt.Errorf("make a tensor for output %q: %w", o.model.facts.Outputs[i].Name, err)
		}
		made[at] = v
	}
	return made, nil
}

// appendTo appends the elements of an output.
func (o *outputRun) appendTo(a *Array, output, rows int, made []ort.Value) error {
	b := &o.buffers[output]
	if b.elem != String {
		a.Data = append(a.Data, unsafe.Slice((*byte)(b.start), b.bytes(rows))...)
		return nil
	}
	c := o.model.candidate(output)
	_, texts, err := c.read(made[o.at(output)])
	if err == nil && len(texts) != rows*b.width {
		err = fmt.Errorf("output %q has %d strings for %d rows", c.Name, len(texts), rows)
	}
	a.Strings = append(a.Strings, texts...)
	return err
}

// outputsWanted marks a call for outputs. Its payload begins with their indexes.
const outputsWanted = 1 << 62

// allApart computes the outputs in the model's process.
func (r *Run) allApart(ctx context.Context, wanted []int) ([]Array, error) {
	texts, err := r.packStrings()
	if err != nil {
		return nil, err
	}
	payload, err := encode(outputCall{Wanted: wanted, Strings: texts})
	if err != nil {
		return nil, fmt.Errorf("%s: describe the outputs to its process: %w", r.model, err)
	}
	answer, err := r.model.call(ctx, r.channel, &r.killer, worker.Call{Arg: outputsWanted | uint64(r.rows), Payload: payload}, r.rows)
	if err == nil {
		err = r.model.refused(ctx, answer)
	}
	if err != nil {
		return nil, err
	}
	var arrays []Array
	if err := decode(answer.Body, &arrays); err != nil || len(arrays) != len(wanted) {
		return nil, fmt.Errorf("%s: its process returned %d outputs, not %d: %w", r.model, len(arrays), len(wanted), err)
	}
	return arrays, nil
}

// An outputCall asks a model's process for outputs.
type outputCall struct {
	Wanted  []int
	Strings []byte // as packStrings makes them
}

// answerOutputs answers an outputCall, in the model's process.
func (r *Run) answerOutputs(ctx context.Context, payload []byte) worker.Answer {
	var c outputCall
	err := decode(payload, &c)
	if err == nil {
		err = r.unpackStrings(c.Strings)
	}
	if err != nil {
		return refuse(err)
	}
	arrays, err := r.scoreAll(ctx, c.Wanted)
	if err != nil {
		return refuse(err)
	}
	return r.model.answerArrays(arrays)
}

// answerArrays returns outputs as an answer of a model's process.
func (m *Model) answerArrays(arrays []Array) worker.Answer {
	body, err := encode(arrays)
	if err == nil && len(body) > worker.MaxBody {
		err = schema.ModelMemory.Errorf("the outputs of %s have %d bytes (limit %d); send fewer rows", m, len(body), worker.MaxBody)
	}
	if err != nil {
		return refuse(err)
	}
	return worker.Answer{Body: body}
}
