package scoring

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
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
		t, table = sumOf(attrs, "target", max(attrs["n_targets"].integer, 1), b.Column)
	case "TreeEnsembleClassifier":
		labels := len(attrs["classlabels_int64s"].ints) + len(attrs["classlabels_strings"].texts)
		t, table = sumOf(attrs, "class", int64(labels), b.Column)
	}
	if t == nil || t.Width() > b.features {
		return nil, nil
	}
	return t, table
}

// scoreNode returns the node of the main graph that makes the scores.
func scoreNode(file []byte, b *Binding) *node {
	in := &inspector{units: map[string]*unit{}}
	graph, err := in.model(file)
	facts := &graphFacts{initializers: map[string]bool{}}
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

// known are the attributes that are read or that don't affect the sum.
var known = map[string]bool{
	"nodes_treeids": true, "nodes_nodeids": true, "nodes_featureids": true, "nodes_values": true, "nodes_modes": true, "nodes_hitrates": true,
	"nodes_truenodeids": true, "nodes_falsenodeids": true, "nodes_missing_value_tracks_true": true, "base_values": true, "post_transform": true,
	"class_treeids": true, "class_nodeids": true, "class_ids": true, "class_weights": true, "classlabels_int64s": true, "classlabels_strings": true,
	"target_treeids": true, "target_nodeids": true, "target_ids": true, "target_weights": true, "n_targets": true,
}

// sumOf returns the trees in attributes. The names of their weights begin with prefix.
// The trees make several columns, and column is the score. If the leaves of a
// two-class classifier have weights for only one class, column 1 is its score.
func sumOf(attrs map[string]attribute, prefix string, columns int64, column int) (*trees, *forest.Table) {
	for name := range attrs {
		if !known[name] {
			return nil, nil
		}
	}
	table := &forest.Table{
		NodesTreeIDs: attrs["nodes_treeids"].ints, NodesNodeIDs: attrs["nodes_nodeids"].ints, NodesFeatureIDs: attrs["nodes_featureids"].ints,
		NodesTrueNodeIDs: attrs["nodes_truenodeids"].ints, NodesFalseNodeIDs: attrs["nodes_falsenodeids"].ints,
		NodesMissingValueTracksTrue: attrs["nodes_missing_value_tracks_true"].ints,
		NodesModes:                  attrs["nodes_modes"].texts, NodesValues: attrs["nodes_values"].floats,
		WeightTreeIDs: attrs[prefix+"_treeids"].ints, WeightNodeIDs: attrs[prefix+"_nodeids"].ints, WeightTargets: attrs[prefix+"_ids"].ints,
		Weights: attrs[prefix+"_weights"].floats,
	}
	target, base := int64(column), attrs["base_values"].floats
	if one, only := onlyTarget(table); only && prefix == "class" && columns == 2 {
		if column != 1 {
			return nil, nil
		}
		target = one
		if len(base) == 1 {
			base = []float32{base[0], base[0]}
		}
	}
	t := &trees{}
	switch transform := attrs["post_transform"].text; {
	case transform == "LOGISTIC":
		t.logistic = true
	case transform != "" && transform != "NONE":
		return nil, nil
	}
	switch {
	case int64(len(base)) == columns:
		t.base = base[column]
	case len(base) != 0:
		return nil, nil
	}
	var err error
	if t.Forest, err = forest.New(table, target); err != nil {
		return nil, nil
	}
	return t, table
}

// onlyTarget returns the target of all weights, if there is only one.
func onlyTarget(t *forest.Table) (target int64, only bool) {
	for _, id := range t.WeightTargets {
		if id != t.WeightTargets[0] {
			return 0, false
		}
		target = id
	}
	return target, true
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

// walkTrees lets Larder walk the trees of a model if the scores of many rows equal
// ONNX Runtime's to the last bit. The rows are scored alone and together; they hold
// the values that trees compare with, the floats next to these, NaN and infinities.
func (m *Model) walkTrees(ctx context.Context, file []byte) error {
	t, table := readTrees(file, m.binding)
	if t == nil {
		return nil
	}
	const rows, alone = 256, 16
	x := trialRows(table, rows, m.binding.features)
	mine, theirs := make([]float64, rows), make([]float64, rows)
	t.score(x, m.binding.features, make([]float32, rows), mine)
	for first := 0; first < rows+alone; {
		n := rows
		if first >= rows {
			n = 1
		}
		at := first % rows
		if err := m.scoreDense(ctx, x[at*m.binding.features:], theirs[at:at+n]); err != nil {
			return err
		}
		for i, score := range theirs[at : at+n] {
			if math.Float64bits(score) != math.Float64bits(mine[at+i]) {
				return nil
			}
		}
		first += n
	}
	m.trees = t
	return nil
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
func trialRows(t *forest.Table, rows, width int) []float32 {
	compared := make([][]float32, width)
	for i, column := range t.NodesFeatureIDs {
		if t.NodesModes[i] != "LEAF" {
			compared[column] = append(compared[column], t.NodesValues[i])
		}
	}
	rng := rand.New(rand.NewPCG(1, 1)) // the same rows every time
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
