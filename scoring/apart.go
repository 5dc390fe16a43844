package scoring

import (
	"context"
	"math"

	"larder/schema"
)

// apartRows is how many rows are scored alone, to compare them with the same rows in
// runs of several.
const apartRows = 40

// keepRowsApart refuses a model if the score of a row depends on the rows beside it.
// Each of many different rows is scored alone, and at several places in runs of several
// sizes. A model need not take all values that are tried: a feature may be a size or an
// index. Values that it fails on are left out.
func (m *Model) keepRowsApart(ctx context.Context) error {
	if m.chunk == 1 {
		return nil // the session never sees two rows
	}
	for _, fill := range []func(*Run, int){fillTenths, fillPositive, fillVaried, fillIntegers} {
		if err := m.tryApart(ctx, fill); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) tryApart(ctx context.Context, fill func(*Run, int)) error {
	alone := make([]float64, apartRows)
	for row := range alone {
		score, err := m.trialOf(ctx, 1, func(r *Run) { fill(r, row) })
		if err != nil {
			return ctx.Err()
		}
		alone[row] = score[0]
	}
	for _, at := range []struct{ first, rows int }{{0, 2}, {1, 2}, {0, 3}, {5, 4}, {2, 7}, {0, 16}, {3, 33}, {0, apartRows}} {
		among, err := m.trialOf(ctx, at.rows, func(r *Run) { fill(r, at.first) })
		if err != nil {
			return ctx.Err()
		}
		if err := leaning(alone, among, at.first); err != nil {
			return err
		}
	}
	return nil
}

// leaning compares scores of rows among others, from row first on, with those of the
// same rows alone.
func leaning(alone, among []float64, first int) error {
	scale := 0.0
	for _, score := range alone {
		if !math.IsInf(score, 0) && !math.IsNaN(score) {
			scale = max(scale, math.Abs(score))
		}
	}
	for i, score := range among {
		if want := alone[first+i]; !alike(want, score, scale) {
			return schema.RowsMix.Errorf("the score of a row depends on the rows beside it: %v alone, %v as row %d of %d; "+
				"export the model in inference mode, with the batch as its first dimension (batch_first=True for recurrent layers), "+
				"and without means or normalization over the batch", want, score, i+1, len(among))
		}
	}
	return nil
}

// alike reports whether two scores of one row differ by no more than a different order
// of summation explains, in float16 too. scale is the largest score of any row.
func alike(a, b, scale float64) bool {
	const tolerance = 1e-3
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= tolerance*(scale+min(math.Abs(a), math.Abs(b)))
}

// fillTenths makes up the values of fill, different in each of ten rows.
func fillTenths(r *Run, first int) {
	fill(r)
	for i, in := range r.model.binding.Inputs {
		switch in.Elem {
		case schema.Float32:
			tenths(view[float32](&r.inputs[i], r.rows), first, r.inputs[i].width)
		case schema.Float64:
			tenths(r.Float64s(i), first, 1)
		}
	}
}

func tenths[T float32 | float64](all []T, first, width int) {
	for i := range all {
		all[i] = T((first+i/width)%10) / 10
	}
}

// fillPositive is fillVaried without negative values.
func fillPositive(r *Run, first int) {
	fillVaried(r, first)
	for i, in := range r.model.binding.Inputs {
		switch in.Elem {
		case schema.Float32:
			positive(view[float32](&r.inputs[i], r.rows))
		case schema.Float64:
			positive(r.Float64s(i))
		}
	}
}

func positive[T float32 | float64](all []T) {
	for i, v := range all {
		all[i] = max(v, -v)
	}
}

// fillIntegers is fillVaried with another integer or bool than the default in every
// other row.
func fillIntegers(r *Run, first int) {
	fillVaried(r, first)
	for i, in := range r.model.binding.Inputs {
		switch in.Elem {
		case schema.Int32:
			everyOther(r.Int32s(i), first+i, func(v int32) int32 { return v + 1 })
		case schema.Int64:
			everyOther(r.Int64s(i), first+i, func(v int64) int64 { return v + 1 })
		case schema.Bool:
			everyOther(r.Bools(i), first+i, func(v bool) bool { return !v })
		}
	}
}

func everyOther[T any](all []T, first int, other func(T) T) {
	for row, v := range all {
		if (first+row)%2 == 1 {
			all[row] = other(v)
		}
	}
}
