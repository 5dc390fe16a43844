package scoring

import (
	"context"
	"math"

	"larder/schema"
)

// apartRows is how many rows are scored alone, to compare them with the same rows in
// runs of several.
const apartRows = 40

// keepRowsApart refuses a model if what it says of a row depends on the rows beside it.
// Each of many different rows is scored alone, and at several places in runs of several
// sizes. A model need not take all values that are tried: a feature may be a size or an
// index. Values that it fails on are left out.
func (m *Model) keepRowsApart(ctx context.Context) error {
	if m.chunk == 1 {
		return nil // the session never sees two rows
	}
	for _, fill := range []filling{fillTenths, fillPositive, fillVaried, fillIntegers} {
		if err := m.tryApart(ctx, fill); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) tryApart(ctx context.Context, fill filling) error {
	alone := make([][]float64, apartRows)
	for row := range alone {
		answer, err := m.answers(ctx, 1, func(r *Run) { fill(r, row) })
		if err != nil {
			return ctx.Err()
		}
		alone[row] = answer[0]
	}
	for _, at := range []struct{ first, rows int }{{0, 2}, {1, 2}, {0, 3}, {5, 4}, {2, 7}, {0, 16}, {3, 33}, {0, apartRows}} {
		among, err := m.answers(ctx, at.rows, func(r *Run) { fill(r, at.first) })
		if err != nil {
			return ctx.Err()
		}
		for column := range alone[0] {
			if err := leaning(alone, among, at.first, column); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaning compares a column of answers for rows among others, from row first on, with that
// for the same rows alone.
func leaning(alone, among [][]float64, first, column int) error {
	scale := 0.0
	for _, row := range alone {
		if v := row[column]; !math.IsInf(v, 0) && !math.IsNaN(v) {
			scale = max(scale, math.Abs(v))
		}
	}
	for i, row := range among {
		if want, got := alone[first+i][column], row[column]; !alike(want, got, scale) {
			return schema.RowsMix.Errorf("the score of a row depends on the rows beside it: %v alone, %v as row %d of %d; "+
				"export the model in inference mode, with the batch as its first dimension (batch_first=True for recurrent layers), "+
				"and without means or normalization over the batch", want, got, i+1, len(among))
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
