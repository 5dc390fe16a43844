package scoring

import (
	"context"
	"math"
	"math/rand/v2"

	"larder/scoring/forest"
)

// The rows that walkTrees compares: so many of any values, of which some are also
// scored alone, and then those that reach every leaf.
const (
	trialAny   = 256
	trialAlone = 16
	// trialMost bounds the rows that reach leaves, of which each reaches one of every tree.
	// It is enough for every leaf of most forests. The trial of a larger one covers so many
	// rows; that it is a sum of trees follows from its file in any case.
	trialMost = 1 << 12
)

// walkTrees lets Larder walk the trees of a model if the scores of many rows equal
// ONNX Runtime's to the last bit. The rows are scored alone and together; they hold
// the values that trees compare with, the floats next to these, NaN and infinities, and
// they reach every leaf that a row can reach, up to trialMost rows.
func (m *Model) walkTrees(ctx context.Context, file []byte) error {
	t, table, why := m.readTrees(file)
	if t == nil {
		m.Unwalked = why
		return nil
	}
	m.Unwalked = "its trees gave other scores than ONNX Runtime when it was tried"
	width := len(m.binding.feeds)
	rng := rand.New(rand.NewPCG(1, 1)) // the same rows every time
	x := trialRows(table, trialAny, width, rng)
	same, err := m.sameAsTrees(ctx, t, x)
	for row := 0; row < trialAlone && same && err == nil; row++ {
		same, err = m.sameAsTrees(ctx, t, x[row*width:(row+1)*width])
	}
	if err != nil || !same {
		return err
	}
	probe, err := forest.NewProbe(table, 1)
	if err != nil {
		return nil //nolint:nilerr // what can't be probed is left to ONNX Runtime
	}
	for tried := 0; ; tried += chunkRows {
		x := trialRows(table, chunkRows, width, rng)
		rows := 0
		for rows < chunkRows && probe.Next(x[rows*width:(rows+1)*width]) {
			rows++
		}
		if rows == 0 || tried >= trialMost {
			m.trees, m.Trees, m.Unwalked = t, true, ""
			return nil
		}
		if same, err := m.sameAsTrees(ctx, t, x[:rows*width]); err != nil || !same {
			return err
		}
	}
}

// sameAsTrees reports whether ONNX Runtime and the trees score the rows of x alike.
func (m *Model) sameAsTrees(ctx context.Context, t *trees, x []float32) (bool, error) {
	rows := len(x) / len(m.binding.feeds)
	mine, theirs := make([]float64, rows), make([]float64, rows)
	t.score(x, len(m.binding.feeds), make([]float32, rows), mine)
	if err := m.scoreDense(ctx, x, theirs); err != nil {
		return false, err
	}
	for i, score := range theirs {
		if math.Float64bits(score) != math.Float64bits(mine[i]) {
			return false, nil
		}
	}
	return true, nil
}

// scoreDense scores len(scores) rows of x.
func (m *Model) scoreDense(ctx context.Context, x []float32, scores []float64) error {
	r, err := m.Acquire(len(scores))
	if err != nil {
		return err
	}
	defer r.Release()
	copy(r.Dense(), x)
	if err := r.Score(ctx); err != nil {
		return trialError(ctx, len(scores), err)
	}
	copy(scores, r.Scores())
	return nil
}

// trialRows returns rows that are difficult for trees: the values that they compare
// with, the floats next to these, NaN and infinities.
func trialRows(t *forest.Table, rows, width int, rng *rand.Rand) []float32 {
	compared := make([][]float32, width)
	for i, column := range t.NodesFeatureIDs {
		if t.NodesModes[i] != "LEAF" {
			compared[column] = append(compared[column], t.NodesValues[i])
		}
	}
	infinity := float32(math.Inf(1))
	x := make([]float32, rows*width)
	for i := range x {
		v := float32(rng.NormFloat64())
		if all := compared[i%width]; len(all) > 0 {
			v = all[rng.IntN(len(all))]
		}
		switch rng.IntN(16) {
		case 0:
			v = float32(math.NaN())
		case 1:
			v = infinity
		case 2:
			v = -infinity
		case 3:
			v = float32(math.Copysign(0, -1))
		case 4, 5, 6:
			v = math.Nextafter32(v, infinity)
		case 7, 8, 9:
			v = math.Nextafter32(v, -infinity)
		}
		x[i] = v
	}
	return x
}
