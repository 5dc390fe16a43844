package onnxmodel

import (
	"math"
	"math/rand/v2"
)

// TreesOptions describe a random forest.
type TreesOptions struct {
	Trees    int
	Depth    int
	Features int
	Seed     uint64

	// Classifier makes two outputs, "label" and "probabilities" of the classes 0
	// and 1, as converters of gradient-boosted classifiers do.
	Classifier bool
	// ZipMap, with Classifier, makes the probabilities a sequence of maps, as
	// converters of scikit-learn models do.
	ZipMap bool
}

// Trees returns the file of a random forest: a float input "input" [N, Features],
// and an output "variable" [N, 1] unless it is a classifier.
func Trees(opts TreesOptions) []byte {
	m := NewForest(opts).Model()
	return m.Encode()
}

// A Forest is a sum of complete binary trees.
type Forest struct {
	opts  TreesOptions
	trees [][]treeNode
}

// A treeNode branches on x[feature] <= value, or is a leaf that adds value. The
// children of node i are 2i+1, when true, and 2i+2.
type treeNode struct {
	feature int
	value   float32
	nanTrue bool // NaN takes the true branch
}

// NewForest returns a random forest for features that are about normal.
func NewForest(opts TreesOptions) *Forest {
	rng := rand.New(rand.NewPCG(opts.Seed, 1))
	f := &Forest{opts: opts, trees: make([][]treeNode, opts.Trees)}
	inner := 1<<opts.Depth - 1
	for i := range f.trees {
		tree := make([]treeNode, 2*inner+1)
		for j := range tree {
			if j < inner {
				tree[j] = treeNode{feature: rng.IntN(opts.Features), value: float32(rng.NormFloat64()), nanTrue: rng.IntN(2) == 0}
			} else {
				tree[j].value = float32(rng.NormFloat64() / math.Sqrt(float64(opts.Trees)))
			}
		}
		f.trees[i] = tree
	}
	return f
}

// Score scores one row: the sum of the leaves, or of a classifier the
// probability of class 1.
func (f *Forest) Score(x []float32) float32 {
	var sum float32
	for _, tree := range f.trees {
		at := 0
		for 2*at+1 < len(tree) {
			n := &tree[at]
			v := x[n.feature]
			if v <= n.value || v != v && n.nanTrue {
				at = 2*at + 1
			} else {
				at = 2*at + 2
			}
		}
		sum += tree[at].value
	}
	if f.opts.Classifier {
		return sigmoid(sum)
	}
	return sum
}

// Model returns the forest as ONNX.
func (f *Forest) Model() Model {
	g := Graph{Inputs: []Value{{Name: "input", Elem: Float, Dims: []any{"N", int64(f.opts.Features)}}}}
	node := Node{Op: "TreeEnsembleRegressor", Domain: mlDomain, Name: "trees", In: []string{"input"}, Attrs: f.attributes()}
	if !f.opts.Classifier {
		node.Out = []string{"variable"}
		g.Nodes = []Node{node}
		g.Outputs = []Value{{Name: "variable", Elem: Float, Dims: []any{"N", int64(1)}}}
		return Model{Graph: g}
	}
	node.Op, node.Out = "TreeEnsembleClassifier", []string{"label", "probabilities"}
	g.Outputs = []Value{
		{Name: "label", Elem: Int64, Dims: []any{"N"}},
		{Name: "probabilities", Elem: Float, Dims: []any{"N", int64(2)}},
	}
	if f.opts.ZipMap {
		node.Out[1] = "raw_probabilities"
		zip := Node{
			Op: "ZipMap", Domain: mlDomain, In: []string{"raw_probabilities"}, Out: []string{"probabilities"},
			Attrs: []Attr{{"classlabels_int64s", []int64{0, 1}}},
		}
		g.Nodes = []Node{node, zip}
		g.Outputs[1] = Value{Name: "probabilities", Elem: Float, MapKey: Int64}
		return Model{Graph: g}
	}
	g.Nodes = []Node{node}
	return Model{Graph: g}
}

// treeTable holds the nodes of all trees by columns, as ONNX wants them.
type treeTable struct {
	trees, ids, features, whenTrue, whenFalse, nanTrue []int64
	values                                             []float32
	modes                                              []string

	leafTrees, leafIDs, leafTargets []int64
	leafWeights                     []float32
}

func (f *Forest) attributes() []Attr {
	var t treeTable
	for i, tree := range f.trees {
		for j := range tree {
			t.add(int64(i), int64(j), &tree[j], 2*j+1 >= len(tree))
		}
	}
	attrs := []Attr{
		{"nodes_treeids", t.trees},
		{"nodes_nodeids", t.ids},
		{"nodes_featureids", t.features},
		{"nodes_values", t.values},
		{"nodes_modes", t.modes},
		{"nodes_truenodeids", t.whenTrue},
		{"nodes_falsenodeids", t.whenFalse},
		{"nodes_missing_value_tracks_true", t.nanTrue},
	}
	if f.opts.Classifier {
		return append(
			attrs, Attr{"class_treeids", t.leafTrees}, Attr{"class_nodeids", t.leafIDs}, Attr{"class_ids", t.leafTargets},
			Attr{"class_weights", t.leafWeights}, Attr{"classlabels_int64s", []int64{0, 1}}, Attr{"post_transform", "LOGISTIC"},
		)
	}
	return append(
		attrs, Attr{"target_treeids", t.leafTrees}, Attr{"target_nodeids", t.leafIDs}, Attr{"target_ids", t.leafTargets},
		Attr{"target_weights", t.leafWeights}, Attr{"n_targets", int64(1)}, Attr{"post_transform", "NONE"},
	)
}

func (t *treeTable) add(tree, id int64, n *treeNode, leaf bool) {
	mode, value, whenTrue, whenFalse := "BRANCH_LEQ", n.value, 2*id+1, 2*id+2
	if leaf {
		mode, value, whenTrue, whenFalse = "LEAF", 0, 0, 0
		t.leafTrees, t.leafIDs = append(t.leafTrees, tree), append(t.leafIDs, id)
		t.leafTargets, t.leafWeights = append(t.leafTargets, 0), append(t.leafWeights, n.value)
	}
	nan := int64(0)
	if n.nanTrue {
		nan = 1
	}
	t.trees, t.ids, t.features = append(t.trees, tree), append(t.ids, id), append(t.features, int64(n.feature))
	t.whenTrue, t.whenFalse, t.nanTrue = append(t.whenTrue, whenTrue), append(t.whenFalse, whenFalse), append(t.nanTrue, nan)
	t.values, t.modes = append(t.values, value), append(t.modes, mode)
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
