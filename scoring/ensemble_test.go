package scoring_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// wild describes random ensembles as no converter writes them.
type wild struct {
	*rand.Rand
	attrs   map[string]any
	targets int
	modes   []string // of branches; nil means BRANCH_LEQ, or the four that compare sizes
}

func (w *wild) one(chance int) bool { return w.IntN(chance) == 0 }

// weight returns a weight that is often 0, and sometimes negative.
func (w *wild) weight(negative bool) float32 {
	switch {
	case w.one(4):
		return 0
	case negative && w.one(2):
		return -w.Float32()
	}
	return w.Float32()
}

const wildFeatures = 3

// grow adds trees. Their leaves may lack weights, have several of one target, or have a
// value.
func (w *wild) grow(prefix string, missing, repeated, valued, negative, onlyClass bool) {
	var trees, ids, features, whenTrue, whenFalse, tracks []int64
	var values, weights []float32
	var chosen []string
	var leafTrees, leafIDs, leafTargets []int64
	modes := w.modes
	if modes == nil {
		modes = [][]string{{"BRANCH_LEQ"}, {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"}}[count(w.one(3))]
	}
	for tree := range int64(1 + w.IntN(6)) {
		inner := int64(1)<<w.IntN(4) - 1
		for id := range 2*inner + 1 {
			trees, ids = append(trees, tree), append(ids, id)
			features, tracks = append(features, int64(w.IntN(wildFeatures))), append(tracks, int64(w.IntN(2)))
			if id < inner {
				chosen, values = append(chosen, modes[w.IntN(len(modes))]), append(values, float32(w.IntN(4)))
				whenTrue, whenFalse = append(whenTrue, 2*id+1), append(whenFalse, 2*id+2)
				continue
			}
			value := float32(0)
			if valued && w.one(2) {
				value = 5
			}
			chosen, values, whenTrue, whenFalse = append(chosen, "LEAF"), append(values, value), append(whenTrue, 0), append(whenFalse, 0)
			for target := range int64(w.targets) {
				if onlyClass && target != 1 || missing && w.one(2) {
					continue
				}
				for range 1 + count(repeated && w.one(4)) {
					leafTrees, leafIDs, leafTargets = append(leafTrees, tree), append(leafIDs, id), append(leafTargets, target)
					weights = append(weights, w.weight(negative))
				}
			}
		}
	}
	w.attrs = map[string]any{
		"nodes_treeids": trees, "nodes_nodeids": ids, "nodes_featureids": features, "nodes_values": values, "nodes_modes": chosen,
		"nodes_truenodeids": whenTrue, "nodes_falsenodeids": whenFalse,
		prefix + "_treeids": leafTrees, prefix + "_nodeids": leafIDs, prefix + "_ids": leafTargets, prefix + "_weights": weights,
	}
	if w.one(2) {
		w.attrs["nodes_missing_value_tracks_true"] = tracks
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// base adds base values, of any number.
func (w *wild) base() {
	if n := []int{0, 0, 0, 1, 2, w.targets}[w.IntN(6)]; n > 0 {
		base := make([]float32, n)
		for i := range base {
			base[i] = w.weight(true)
		}
		w.attrs["base_values"] = base
	}
}

// model returns a random ensemble, and the column of its score.
func (w *wild) model() (onnxmodel.Model, int) {
	w.targets = 1 + w.IntN(3)
	node := onnxmodel.Node{Op: "TreeEnsembleRegressor", Domain: "ai.onnx.ml", In: []string{"x"}, Out: []string{"scores"}}
	prefix, classifier := "target", w.one(2)
	out := []onnxmodel.Value{{Name: "scores", Elem: onnxmodel.Float, Dims: []any{"N", int64(w.targets)}}}
	if classifier {
		w.targets = 2 + w.IntN(2)
		node.Op, node.Out, prefix = "TreeEnsembleClassifier", []string{"label", "scores"}, "class"
		out[0].Dims = []any{"N", int64(w.targets)}
		out = append([]onnxmodel.Value{{Name: "label", Elem: onnxmodel.Int64, Dims: []any{"N"}}}, out...)
	}
	w.grow(prefix, w.one(2), w.one(4), w.one(3), w.one(2), classifier && w.one(2))
	w.base()
	w.attrs["post_transform"] = []string{"NONE", "NONE", "LOGISTIC", "SOFTMAX"}[w.IntN(4)]
	if classifier {
		w.attrs["classlabels_int64s"] = []int64{0, 1, 2}[:w.targets]
	} else {
		w.attrs["n_targets"] = int64(w.targets)
	}
	for name, value := range w.attrs {
		node.Attrs = append(node.Attrs, onnxmodel.Attr{Name: name, Value: value})
	}
	x := onnxmodel.Value{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(wildFeatures)}}
	return onnxmodel.Model{Graph: onnxmodel.Graph{Nodes: []onnxmodel.Node{node}, Inputs: []onnxmodel.Value{x}, Outputs: out}}, w.IntN(w.targets)
}

// TestWildEnsembles: what is taken for a sum of trees by its file alone is scored as
// ONNX Runtime scores it, to the bit: with weights that are missing, 0 or repeated, with
// values of leaves, base values, transforms and any number of classes. Values lie on a
// grid so that every leaf is reached. The trial, which would find a difference, is not
// asked here.
func TestWildEnsembles(t *testing.T) {
	const rows, models = 600, 600
	grid := []float32{-1, 0, 0.5, 1, 1.5, 2, 3, 4, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1))}
	walked, left, refused := 0, 0, 0
	for seed := range uint64(models) {
		w := &wild{Rand: rand.New(rand.NewPCG(seed, 4))}
		model, column := w.model()
		file := model.Encode()
		version := schema.ModelVersion{Version: 1, ONNX: "m.onnx", SHA256: sum(file), Output: "scores", Column: &column}
		cat := compile(t, numbers(wildFeatures), []schema.ModelVersion{version})
		set := newSet(t)
		m, err := scoring.TryHere(set, plan(t, cat, 1), file)
		if err != nil {
			refused++ // such as one whose scores are all NaN
			continue
		}
		tried := m.Engine() == "trees"
		if !m.WalkUntried(file) {
			left++
		} else {
			walked++
			if !tried {
				t.Errorf("ensemble %d: the trial found a difference that the file did not show: %v", seed, w.attrs)
			}
			x := make([]float32, rows*wildFeatures)
			for i := range x {
				x[i] = grid[w.IntN(len(grid))]
			}
			compareWithRuntime(t, m, func() error { return scoring.UseONNXRuntime(m, set, plan(t, cat, 1), file) }, x, rows, seed, w)
		}
		scoring.Unload(m)
	}
	t.Logf("%d ensembles were walked, %d were left to ONNX Runtime, %d refused", walked, left, refused)
	if walked < models/10 || left < models/10 || refused > models/4 {
		t.Errorf("%d ensembles were walked, %d were left to ONNX Runtime and %d refused: these ensembles show too little", walked, left, refused)
	}
}

func compareWithRuntime(t *testing.T, m *scoring.Model, useRuntime func() error, x []float32, rows int, seed uint64, w *wild) {
	t.Helper()
	mine := scoreAll(t, m, x, rows, rows)
	if err := useRuntime(); err != nil {
		t.Fatal(err)
	}
	for i, want := range scoreAll(t, m, x, rows, rows) {
		if math.Float64bits(mine[i]) != math.Float64bits(want) {
			t.Fatalf("ensemble %d, row %v: got %v, ONNX Runtime scores %v: %v", seed, x[i*wildFeatures:][:wildFeatures], mine[i], want, w.attrs)
		}
	}
}
