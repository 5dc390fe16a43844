package scoring

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"larder/column"
	"larder/schema"
)

// trialLimit bounds a warm-up; a model of tabular data scores ten rows in less than a
// millisecond.
const trialLimit = 30 * time.Second

// several is how many rows a trial scores where more than one is needed.
const several = 10

// warmUp runs the model before it serves. ONNX Runtime does its setup then, and models
// that can't be served are refused.
func (m *Model) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	if err := m.writesAll(ctx); err != nil {
		return err
	}
	if err := m.compareSessions(ctx); err != nil {
		return err
	}
	if _, err := m.trial(ctx, 1, fillTenths); err != nil {
		return err
	}
	began := time.Now()
	if _, err := m.trial(ctx, several, fillTenths); err != nil {
		return err
	}
	m.RowCost = time.Since(began) / several
	among, err := m.answers(ctx, several, func(r *Run) { fillTenths(r, 0) })
	if err != nil {
		return err
	}
	if err := m.keepRowsApart(ctx); err != nil {
		return err
	}
	return m.finite(among)
}

// finite refuses a model whose score, or whose floats, are all NaN or infinite.
func (m *Model) finite(among [][]float64) error {
	if len(among[0]) == 0 {
		return nil // it has neither
	}
	for _, row := range among {
		if m.facts.Score != nil {
			row = row[:1]
		}
		if slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }) {
			return nil
		}
	}
	return schema.NotFinite.Errorf("the model scores %v for each of %d different rows without a null; its weights may be broken", among[0][0], several)
}

// trial scores rows of made-up values.
func (m *Model) trial(ctx context.Context, rows int, fill filling) ([]float64, error) {
	return m.trialOf(ctx, rows, func(r *Run) { fill(r, 0) })
}

func (m *Model) trialOf(ctx context.Context, rows int, fill func(*Run)) ([]float64, error) {
	r, err := m.Acquire(rows)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	fill(r)
	if err := r.scoreAlone(ctx); err != nil {
		return nil, trialError(ctx, rows, err)
	}
	return append([]float64(nil), r.Scores()...), nil
}

// answers returns what a model says of made-up rows: of each the score, if there is one,
// and then the floats of all other outputs.
func (m *Model) answers(ctx context.Context, rows int, fill func(*Run)) ([][]float64, error) {
	all := make([][]float64, rows)
	if m.facts.Score != nil {
		scores, err := m.trialOf(ctx, rows, fill)
		if err != nil {
			return nil, err
		}
		for i := range all {
			all[i] = append(all[i], scores[i])
		}
	}
	floats := m.floatOutputs()
	if len(floats) == 0 {
		return all, nil
	}
	columns, err := m.trialOutputs(ctx, rows, floats, fill)
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		width := c.Len() / rows
		for i := range c.Len() {
			all[i/width] = append(all[i/width], floatAt(&c, i))
		}
	}
	return all, nil
}

// floatOutputs returns the outputs of floats that hold more than the score.
func (m *Model) floatOutputs() []int {
	var all []int
	for i, o := range m.facts.Outputs {
		s := m.facts.Score
		if o.Type.IsFloat() && (s == nil || s.At != i || s.Width > 1) {
			all = append(all, i)
		}
	}
	return all
}

func (m *Model) trialOutputs(ctx context.Context, rows int, outputs []int, fill func(*Run)) ([]column.Column, error) {
	r, err := m.Acquire(rows)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	fill(r)
	columns, err := r.ScoreOutputs(ctx, outputs)
	if err != nil {
		return nil, trialError(ctx, rows, err)
	}
	return columns, nil
}

func floatAt(c *column.Column, i int) float64 {
	if c.Type == schema.Float64 {
		return c.Float64s[i]
	}
	return float64(c.Float32s[i])
}

// compareSessions finds out whether a score has the same bits when it is computed with the
// other outputs. ONNX Runtime rewrites a graph in another way when more of it is returned.
func (m *Model) compareSessions(ctx context.Context) error {
	if m.facts.Score == nil {
		return nil
	}
	for _, rows := range []int{1, several} {
		rows = min(rows, m.chunk)
		alone, err := m.trial(ctx, rows, fillVaried)
		if err != nil {
			return ctx.Err() // the model need not take all values
		}
		r, err := m.Acquire(rows)
		if err != nil {
			return err
		}
		fillVaried(r, 0)
		_, err = r.ScoreOutputs(ctx, nil)
		for i, score := range r.Scores() {
			m.Together = m.Together || err == nil && math.Float64bits(score) != math.Float64bits(alone[i])
		}
		r.Release()
		if err != nil {
			return trialError(ctx, rows, err)
		}
	}
	return nil
}

// writesAll refuses a model that leaves elements of its outputs unwritten: an answer would
// hold what the memory held before, such as the numbers of another request. It also
// refuses one that gives the same rows different values.
func (m *Model) writesAll(ctx context.Context) error {
	for _, fill := range []filling{fillTenths, fillPositive, fillVaried} {
		if err := m.tryWriting(ctx, fill); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) tryWriting(ctx context.Context, fill filling) error {
	patterns := [...]byte{0xa5, 0x5a}
	var written [len(patterns)][]Array
	all := make([]int, len(m.facts.Outputs))
	for i := range all {
		all[i] = i
	}
	for i, pattern := range patterns {
		r, err := m.Acquire(min(several, m.chunk))
		if err != nil {
			return err
		}
		fill(r, 0)
		r.pattern = pattern
		written[i], err = r.scoreAll(ctx, all)
		r.pattern = 0
		r.Release()
		if err != nil {
			return ctx.Err() // the model need not take all values; warmUp tries those that it must take
		}
	}
	for i := range all {
		if fault := m.unwritten(i, patterns, written[0][i], written[1][i]); fault != "" {
			return schema.ModelOutput.Errorf("%s", fault)
		}
	}
	return nil
}

// unwritten compares two runs that found different patterns in the memory of an output.
func (m *Model) unwritten(output int, patterns [2]byte, a, b Array) string {
	o := &m.facts.Outputs[output]
	size := m.candidate(output).elem.size()
	if size == 0 { // strings
		if !slices.Equal(a.Strings, b.Strings) {
			return m.restless(o)
		}
		return ""
	}
	for at := 0; at+size <= len(a.Data); at += size {
		x, y := a.Data[at:at+size], b.Data[at:at+size]
		switch {
		case bytes.Equal(x, y):
		case kept(x, patterns[0]) && kept(y, patterns[1]):
			return fmt.Sprintf("the model leaves elements of output %q unwritten (element %d of row %d, counted from 0), so answers would hold what the memory held before; "+
				"export the model without that output, or with another version of the exporter", o.Name, at/size%o.Width(), at/size/o.Width())
		default:
			return m.restless(o)
		}
	}
	return ""
}

func kept(data []byte, pattern byte) bool {
	return !slices.ContainsFunc(data, func(b byte) bool { return b != pattern })
}

func (m *Model) restless(o *Output) string {
	return fmt.Sprintf("output %q differs from run to run for the same rows, so its values can't be proven; export the model in inference mode, without random numbers", o.Name)
}

// sameInBatches reports whether the scores of made-up rows have the same bits alone
// and in runs of up to most rows.
func (m *Model) sameInBatches(ctx context.Context, most int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	var alone []float64
	for row := range min(most, 64) {
		score, err := m.trialOf(ctx, 1, func(r *Run) { fillVaried(r, row) })
		if err != nil {
			return false, err
		}
		alone = append(alone, score...)
	}
	for _, rows := range []int{2, 3, 4, 5, 7, 8, 16, 31, 64, most} {
		if rows > most {
			continue
		}
		among, err := m.trial(ctx, rows, fillVaried)
		if err != nil {
			return false, err
		}
		for i := range min(rows, len(alone)) {
			if math.Float64bits(alone[i]) != math.Float64bits(among[i]) {
				return false, nil
			}
		}
	}
	return true, nil
}

// trialError explains why a trial failed.
func trialError(ctx context.Context, rows int, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("a trial run of %d rows did not end in time: %w", rows, ended)
	}
	return schema.ModelFails.Errorf("the model fails on a trial run of %d rows: %s", rows, clipError(err))
}

// learn runs the model as written, to check that it stays within its limits and to see its
// outputs, whose shapes a file may declare wrongly. Only then may ONNX Runtime rewrite it:
// the rewrite computes everything that depends only on constants, which can be as much
// work, and nothing could stop it.
func (m *Model) learn(ctx context.Context, rt *Runtime, sig *Signature, declared *schema.ModelVersion, spec sessionSpec) error {
	spec.optimize = false
	var at []int
	spec.file, spec.outputs, at = returning(spec.file, m.outputs)
	session, err := rt.newSession(spec, schema.Provider{Name: schema.CPUProvider})
	if err != nil {
		return err
	}
	defer func() { _ = session.Destroy() }() // it can't fail
	made := make([]ort.Value, len(spec.outputs))
	defer func() { destroyAll(made) }()
	rows := min(2, m.chunk)
	if err := m.runOnce(ctx, session, rows, made); err != nil {
		return err
	}
	m.facts.LeftOut = leftOut(sig, m.outputs)
	for i := range m.outputs {
		o, why := m.outputs[i].learn(made[at[i]], rows)
		if why != "" {
			m.facts.LeftOut = append(m.facts.LeftOut, why)
			continue
		}
		o.At, o.Classes = i, sig.classes[o.Name].labels
		if n := len(o.Shape); n == 0 || int64(len(o.Classes)) != o.Shape[n-1] {
			o.Classes = nil
		}
		o.adds, err = m.outputs[i].addsUp(made[at[i]], o.Width())
		if err != nil {
			return err
		}
		m.facts.Outputs = append(m.facts.Outputs, o)
	}
	if m.facts.Score, m.facts.Scoreless, err = chooseScore(sig, m.facts.Outputs, declared); err != nil {
		return err
	}
	if len(m.facts.Outputs) == 0 {
		return noScore("the model has no output that gives values for each row: %s", m.facts.LeftOut[0])
	}
	return nil
}

// runOnce runs a session of the model with made-up rows. ONNX Runtime allocates the
// outputs.
func (m *Model) runOnce(ctx context.Context, session *ort.DynamicAdvancedSession, rows int, made []ort.Value) error {
	r, err := newRun(m, 1)
	if err != nil {
		return err
	}
	defer r.destroy()
	r.rows = rows
	fillTenths(r, 0)
	p, err := r.newInputs(0, rows)
	defer p.destroy()
	if err == nil {
		err = r.setAllStrings(&p, 0)
	}
	if err != nil {
		return err
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("make run options: %w", err)
	}
	defer func() { _ = options.Destroy() }() // fails only when called twice
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	began := time.Now()
	limits := newWatch(options.Terminate, options.UnsetTerminate)
	limits.arm(ctx, m.runTime)
	err = session.RunWithOptions(p.in, made, options)
	if err := limits.disarm(); err != nil {
		return err
	}
	if err != nil {
		return trialError(ctx, rows, m.runError(ctx, rows, began, err))
	}
	return nil
}

// leftOut says which outputs sessions can't return, and why.
func leftOut(sig *Signature, outputs []candidate) (all []string) {
	for _, v := range sig.Outputs {
		if !slices.ContainsFunc(outputs, func(c candidate) bool { return c.Name == v.Name }) {
			all = append(all, fmt.Sprintf("output %q is left out of answers: it is %s", v.Name, v.typeString()))
		}
	}
	return all
}

// maxOutputElements bounds the values of one row of an output.
const maxOutputElements = 1 << 20

// learn describes an output by what a session returned for rows rows; or it says why the
// output can't be answered.
func (o *candidate) learn(v ort.Value, rows int) (Output, string) {
	out := Output{Name: o.Name, Type: answerTypes[o.Elem]}
	left := func(format string, args ...any) (Output, string) {
		return out, fmt.Sprintf("output %q is left out of answers: ", o.Name) + fmt.Sprintf(format, args...)
	}
	shape, elem := v.GetShape(), Elem(v.DataType())
	switch {
	case out.Type == 0:
		return left("it is %s, and an int64 can't hold all of its values", o.Elem)
	case elem != o.elem:
		return left("it is declared as %s, but is %s", o.elem, elem)
	case o.scalar() || len(shape) == 0 || shape[0] != int64(rows):
		return left("it has the shape %v for %d rows, so it does not give values for each row", []int64(shape), rows)
	}
	out.Shape = slices.Clone([]int64(shape[1:]))
	if n, ok := product(out.Shape, maxOutputElements); !ok || n == 0 {
		return left("it has the shape %v for %d rows; a row has 1 to %d values", []int64(shape), rows, maxOutputElements)
	}
	return out, ""
}

// addsUp reports whether an output holds floats that add up to 1 in each row, as
// probabilities by class do.
func (o *candidate) addsUp(v ort.Value, width int) (bool, error) {
	if t := answerTypes[o.Elem]; !t.IsFloat() || width < 2 {
		return false, nil
	}
	data, _, err := o.read(v)
	if err != nil {
		return false, err
	}
	c := o.column(data, nil)
	for row := range c.Len() / width {
		sum := 0.0
		for i := range width {
			sum += floatAt(&c, row*width+i)
		}
		if !(math.Abs(sum-1) < 1e-3) {
			return false, nil
		}
	}
	return true, nil
}
