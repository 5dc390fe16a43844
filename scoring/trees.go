package scoring

import (
	"context"
	"fmt"
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

// readTrees returns the trees of a model that has passed Inspect. It returns none
// unless the model is certainly a sum of trees; ONNX Runtime then scores it.
func readTrees(file []byte, b *Binding) (*trees, *forest.Table) {
	if !b.Dense || b.elem != Float32 || len(b.narrow) > 0 {
		return nil, nil
	}
	n := scoreNode(file, b)
	if n == nil || n.domain != "ai.onnx.ml" || len(n.in) != 1 || n.in[0] != b.Inputs[0].Name {
		return nil, nil
	}
	attrs, err := n.attributes()
	if err != nil {
		return nil, nil
	}
	var t *trees
	var table *forest.Table
	switch n.op {
	case "TreeEnsembleRegressor":
		t, table = regressor(attrs, b.Column)
	case "TreeEnsembleClassifier":
		t, table = classifier(attrs, b.Column)
	}
	if t == nil || t.Width() > b.features {
		return nil, nil
	}
	return t, table
}

// scoreNode returns the node of the main graph that makes the scores.
func scoreNode(file []byte, b *Binding) *node {
	in := newInspector()
	graph, err := in.model(file)
	facts := &graphFacts{initializers: map[string][]byte{}}
	if err != nil || len(in.units) > 0 || in.graph(graph, &unit{calls: map[string]int{}}, 0, facts) != nil {
		return nil
	}
	scores := b.Output
	if b.source != "" {
		scores = b.source
	}
	return makerOf(facts.nodes, scores)
}

// makerOf returns the node that makes a tensor, or the tensor that it is a copy of, as
// its last output. A file lists nodes in the order that they run.
func makerOf(nodes []node, name string) *node {
	for i := len(nodes) - 1; i >= 0; i-- {
		n := &nodes[i]
		switch last := len(n.out) - 1; {
		case last < 0 || n.out[last] != name:
		case n.op == "Identity" && len(n.in) == 1:
			name = n.in[0]
		default:
			return n
		}
	}
	return nil
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
