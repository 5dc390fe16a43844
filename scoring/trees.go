package scoring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"larder/scoring/forest"
)

// trees are a model whose score is the sum of decision trees over its one dense
// input. Larder walks them itself: ONNX Runtime takes several times as long, most
// of it waiting for comparisons.
type trees struct {
	*forest.Forest
	base     float32
	logistic bool
}

// readTrees returns the trees that a model's file adds up to its score. It returns none
// unless the model is certainly a sum of trees; ONNX Runtime then scores it. If the
// model has trees that Larder doesn't walk, why tells the reason.
func (m *Model) readTrees(file []byte) (t *trees, table *forest.Table, why string) {
	score := m.facts.Score
	if score == nil {
		return nil, nil, ""
	}
	in := newInspector()
	graph, err := in.model(file)
	facts := &graphFacts{initializers: map[string][]byte{}}
	if err != nil || len(in.units) > 0 || in.graph(graph, &unit{calls: map[string]int{}}, 0, facts) != nil {
		return nil, nil, ""
	}
	if !slices.ContainsFunc(facts.nodes, func(n node) bool { return n.isTrees() }) {
		return nil, nil, ""
	}
	b, output := m.binding, m.candidate(score.At)
	n := facts.makerOf(output.source)
	switch {
	case !b.Dense || output.Elem != Float32 || len(b.narrow) > 0:
		return nil, nil, "its input is not one tensor of float32"
	case n == nil:
		return nil, nil, "its score does not come from a node of the main graph"
	case !n.isTrees():
		return nil, nil, fmt.Sprintf("a node of %s changes the scores of the trees", n.op)
	case len(n.in) != 1 || n.in[0] != b.Inputs[0].Name:
		return nil, nil, "other nodes change the features before the trees"
	}
	if t, table = n.trees(len(b.feeds), score.Column); t == nil {
		return nil, nil, "its file does not show that ONNX Runtime adds up one weight of each tree, and nothing else"
	}
	return t, table, ""
}

func (n *node) isTrees() bool {
	return n.domain == "ai.onnx.ml" && (n.op == "TreeEnsembleRegressor" || n.op == "TreeEnsembleClassifier" || n.op == "TreeEnsemble")
}

// trees returns the trees of a node; none where ONNX Runtime may do more than add up
// their weights.
func (n *node) trees(features, column int) (t *trees, table *forest.Table) {
	attrs, err := n.attributes()
	if err != nil {
		return nil, nil
	}
	switch n.op {
	case "TreeEnsembleRegressor":
		t, table = regressor(attrs, column)
	case "TreeEnsembleClassifier":
		t, table = classifier(attrs, column)
	}
	if t == nil || t.Width() > features {
		return nil, nil
	}
	return t, table
}

// makerOf returns the node that makes a tensor, or the tensor that it is a copy of, as
// its last output. A file lists nodes in the order that they run.
func (g *graphFacts) makerOf(name string) *node {
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := &g.nodes[i]
		last := len(n.out) - 1
		if last < 0 || n.out[last] != name {
			continue
		}
		original, isCopy := g.copies(n)
		if !isCopy {
			return n
		}
		name = original
	}
	return nil
}

// copies returns the tensor that a node copies: by Identity or, as LightGBM's converter
// ends a model without a ZipMap, by a product with 1.
func (g *graphFacts) copies(n *node) (original string, is bool) {
	switch {
	case n.domain != "":
		return "", false
	case n.op == "Identity" && len(n.in) == 1:
		return n.in[0], true
	case n.op == "Mul" && len(n.in) == 2 && g.isOne(n.in[1]):
		return n.in[0], true
	case n.op == "Mul" && len(n.in) == 2 && g.isOne(n.in[0]):
		return n.in[1], true
	}
	return "", false
}

// isOne reports whether an initializer is the scalar 1 of float32, or a vector of it
// alone, so that a product with it has the shape of the other factor.
func (g *graphFacts) isOne(name string) bool {
	var elem Elem
	var values []float32
	var dims []int64
	for f, err := range fields(g.initializers[name]) {
		if err != nil {
			return false
		}
		switch f.number {
		case 1:
			if dims, err = appendDims(dims, f); err != nil {
				return false
			}
		case 2:
			elem = Elem(f.varint)
		case 4, 9: // listed, or as little-endian bytes
			values = f.appendFloats(values)
		}
	}
	return elem == Float32 && len(dims) <= 1 && len(values) == 1 && values[0] == 1
}

// score scores rows of width columns.
func (t *trees) score(x []float32, width int, sums []float32, scores []float64) {
	t.Sum(x, width, sums)
	if t.base != 0 {
		for i := range sums {
			sums[i] += t.base
		}
	}
	if t.logistic {
		logistic(sums)
	}
	for i, v := range sums {
		scores[i] = float64(v)
	}
}

// scoreTrees scores the rows of a run, which can be ended between chunks of them.
func (r *Run) scoreTrees(ctx context.Context, t *trees) error {
	x, width := r.Dense(), r.inputs[0].width
	sums := view[float32](&r.output, r.rows)
	began := time.Now()
	for first := 0; first < r.rows; first += chunkRows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("score with %s: %w", r.model, err)
		}
		if first > 0 && time.Since(began) > r.model.runTime {
			return r.model.overTime(r.rows)
		}
		last := min(first+chunkRows, r.rows)
		t.score(x[first*width:last*width], width, sums[first:last], r.scores[first:last])
	}
	return nil
}
