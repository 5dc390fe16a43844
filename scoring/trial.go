package scoring

import (
	"context"
	"fmt"
	"math"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// trialLimit bounds a warm-up; a model of tabular data scores ten rows in less than a
// millisecond.
const trialLimit = 30 * time.Second

// warmUp runs the model before it serves. ONNX Runtime does its setup then, and models
// that can't be served are refused.
func (m *Model) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	if _, err := m.trial(ctx, 1); err != nil {
		return err
	}
	const several = 10
	began := time.Now()
	among, err := m.trial(ctx, several)
	if err != nil {
		return err
	}
	m.RowCost = time.Since(began) / several
	if err := m.keepRowsApart(ctx); err != nil {
		return err
	}
	for _, score := range among {
		if !math.IsNaN(score) && !math.IsInf(score, 0) {
			return nil
		}
	}
	return schema.NotFinite.Errorf("the model scores %v for each of %d different rows without a null; its weights may be broken", among[0], several)
}

// trial scores rows of made-up values.
func (m *Model) trial(ctx context.Context, rows int) ([]float64, error) {
	return m.trialOf(ctx, rows, fill)
}

func (m *Model) trialOf(ctx context.Context, rows int, fill func(*Run)) ([]float64, error) {
	r, err := m.Acquire(rows)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	fill(r)
	if err := r.Score(ctx); err != nil {
		return nil, trialError(ctx, rows, err)
	}
	return append([]float64(nil), r.Scores()...), nil
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
		among, err := m.trialOf(ctx, rows, func(r *Run) { fillVaried(r, 0) })
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

// learnOutput runs the model once with two rows to see the shape of its output, which
// ONNX Runtime allocates.
func (m *Model) learnOutput(ctx context.Context, output string) error {
	const rows = 2
	r, err := newRun(m, 1)
	if err != nil {
		return err
	}
	defer r.destroy()
	if err := r.reset(rows); err != nil {
		return err
	}
	fill(r)
	p, err := r.newPiece(0, rows)
	if err != nil {
		return err
	}
	defer p.destroy()
	if err := r.setAllStrings(&p, 0); err != nil {
		return err
	}
	made := []ort.Value{nil}
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	began := time.Now()
	r.watch.arm(ctx, m.runTime)
	err = m.session.RunWithOptions(p.in, made, r.options)
	if err := r.watch.disarm(); err != nil {
		return err
	}
	if err != nil {
		return trialError(ctx, rows, m.runError(ctx, rows, began, err))
	}
	out := made[0]
	defer func() { _ = out.Destroy() }() // it can't fail
	shape := out.GetShape()
	elem := Elem(out.DataType())
	switch {
	case len(shape) == 1 && shape[0] == rows:
		m.Width, m.Flat = 1, true
	case len(shape) == 2 && shape[0] == rows && shape[1] > 0:
		m.Width = int(shape[1])
	default:
		return noOutput("output %q has the shape %v for %d rows; a score is [N] or [N, C]", output, []int64(shape), rows)
	}
	if elem != m.binding.elem {
		return noOutput("output %q is declared as %s, but is %s", output, m.binding.elem, elem)
	}
	if m.binding.Column >= m.Width {
		return noOutput("output %q has %d columns and no column %d (columns count from 0); name the one that is the score, as in column: %d",
			output, m.Width, m.binding.Column, m.Width-1)
	}
	return nil
}

// fill makes up values. In float inputs row r holds r tenths. In other inputs a number
// may be an index and a string a word, so every row holds the default.
func fill(r *Run) {
	for i, in := range r.model.binding.Inputs {
		switch in.Elem {
		case schema.Float32:
			fillRows(view[float32](&r.inputs[i], r.rows), r.inputs[i].width)
		case schema.Float64:
			fillRows(r.Float64s(i), 1)
		case schema.Int32:
			fillWith(r.Int32s(i), int32(number64(in.fallback)))
		case schema.Int64:
			fillWith(r.Int64s(i), number64(in.fallback))
		case schema.Bool:
			fillWith(r.Bools(i), in.fallback == true)
		case schema.String:
			s, _ := in.fallback.(string)
			fillWith(r.Strings(i), s)
		}
	}
}

// number64 returns a default as an integer.
func number64(v any) int64 {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case int64:
		return v
	case time.Time:
		return v.UnixMicro()
	case bool:
		return int64(boolScore(v))
	}
	return 0
}

func fillRows[T float32 | float64](all []T, width int) {
	for i := range all {
		all[i] = T(i/width) / 10
	}
}

// fillVaried makes up values whose sums must be rounded, in rows of different
// magnitudes. first is the number of the first row in a longer table.
func fillVaried(r *Run, first int) {
	fill(r)
	for i, in := range r.model.binding.Inputs {
		switch in.Elem {
		case schema.Float32:
			vary(view[float32](&r.inputs[i], r.rows), first, r.inputs[i].width)
		case schema.Float64:
			vary(r.Float64s(i), first, 1)
		}
	}
}

func vary[T float32 | float64](all []T, first, width int) {
	magnitudes := [...]float64{1, 10, 0.1, 100, 3}
	for i := range all {
		all[i] = T(math.Sin(float64(first*width+i)) * magnitudes[(first+i/width)%len(magnitudes)])
	}
}

func fillWith[T any](all []T, v T) {
	for i := range all {
		all[i] = v
	}
}
