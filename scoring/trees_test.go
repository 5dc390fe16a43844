package scoring_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// checkWalked: Larder walks the trees of a model, and scores every row to the bits
// of ONNX Runtime, alone and beside others.
func checkWalked(t *testing.T, cat *schema.Catalog, file []byte, features int) {
	t.Helper()
	m, session := loadBoth(t, cat, file)
	if m.Engine() != "trees" {
		t.Fatalf("the model is scored by %s", m.Engine())
	}
	const rows = 5000
	x := anything(rows * features)
	mine := scoreAll(t, m, x, rows, rows)
	for i, alone := range scoreAll(t, m, x, 100, 1) {
		if math.Float64bits(alone) != math.Float64bits(mine[i]) {
			t.Fatalf("row %d: %v alone, %v among others", i, alone, mine[i])
		}
	}
	for _, at := range []struct{ rows, once int }{{rows, rows}, {1000, 7}, {100, 1}} {
		for i, want := range scoreAll(t, session, x, at.rows, at.once) {
			if math.Float64bits(mine[i]) != math.Float64bits(want) {
				t.Fatalf("row %d, %v: got %v, ONNX Runtime scores it %v among %d", i, x[i*features:][:features], mine[i], want, at.once)
			}
		}
	}
}

// anything returns values of which many are 0, NaN or infinite.
func anything(n int) []float32 {
	rng := rand.New(rand.NewPCG(9, 9))
	x := make([]float32, n)
	for i := range x {
		switch x[i] = float32(rng.NormFloat64()); rng.IntN(20) {
		case 0:
			x[i] = float32(math.NaN())
		case 1:
			x[i] = float32(math.Inf(1 - 2*rng.IntN(2)))
		case 2:
			x[i] = float32(math.Copysign(0, float64(1-2*rng.IntN(2))))
		}
	}
	return x
}

// scoreAll scores rows of x, so many at once.
func scoreAll(t *testing.T, m *scoring.Model, x []float32, rows, once int) (scores []float64) {
	t.Helper()
	for first := 0; first < rows; first += once {
		r := acquire(t, m, min(once, rows-first))
		copy(r.Dense(), x[first*len(r.Dense())/r.Rows():])
		if err := r.Score(t.Context()); err != nil {
			t.Fatal(err)
		}
		scores = append(scores, r.Scores()...)
		r.Release()
	}
	return scores
}

func TestTreesOfScikitLearn(t *testing.T) {
	files, err := filepath.Glob("testdata/trees/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no models in testdata/trees; make.py there trains them")
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			version := schema.ModelVersion{Version: 1, ONNX: "m.onnx", SHA256: sum(file)}
			if strings.Contains(name, "classes") {
				version.Column = new(int)
				*version.Column = 2
			}
			cat := compile(t, numbers(6), []schema.ModelVersion{version})
			checkWalked(t, cat, file, 6)
		})
	}
}

// TestTreesOfTheExample: the model that the demo serves.
func TestTreesOfTheExample(t *testing.T) {
	const features = 16
	file, err := os.ReadFile("../examples/fraud/definitions/models/fraud-1.onnx")
	if err != nil {
		t.Fatal(err)
	}
	checkWalked(t, catalog(t, numbers(features), file), file, features)
}

func TestTreesOfEveryForm(t *testing.T) {
	for _, opts := range []onnxmodel.TreesOptions{
		{Trees: 100, Depth: 6}, {Trees: 1, Depth: 0}, {Trees: 5, Depth: 1}, {Trees: 33, Depth: 4, Classifier: true}, {Trees: 7, Depth: 9, Classifier: true, ZipMap: true},
	} {
		opts.Features, opts.Seed = 11, 3
		file := onnxmodel.Trees(opts)
		checkWalked(t, catalog(t, numbers(11), file), file, 11)
	}
}

// TestOtherModelsKeepONNXRuntime: what is more than a sum of trees, or not to the
// bit what ONNX Runtime says, is left to it.
func TestOtherModelsKeepONNXRuntime(t *testing.T) {
	left := func(name string, file []byte, why string) {
		t.Helper()
		m := load(t, numbers(3), file)
		if notes := strings.Join(m.Notes(), "\n"); m.Engine() != "onnxruntime" || !strings.Contains(notes, why) || (why == "") != (notes == "") {
			t.Errorf("%s is scored by %s; notes %q", name, m.Engine(), notes)
		}
	}
	f := func(name string, change func(*onnxmodel.Node)) {
		t.Helper()
		m := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 5, Depth: 3, Features: 3, Seed: 1}).Model()
		change(&m.Graph.Nodes[0])
		left(name, m.Encode(), "ONNX Runtime scores its trees, because its file does not show")
	}
	set := func(name string, value any) func(*onnxmodel.Node) {
		return func(n *onnxmodel.Node) {
			for i := range n.Attrs {
				if n.Attrs[i].Name == name {
					n.Attrs[i].Value = value
					return
				}
			}
			n.Attrs = append(n.Attrs, onnxmodel.Attr{Name: name, Value: value})
		}
	}
	drop := func(n *onnxmodel.Node) { // the weight of the last leaf
		for i := range n.Attrs {
			a := &n.Attrs[i]
			switch all := a.Value.(type) {
			case []int64:
				if strings.HasPrefix(a.Name, "target_") {
					a.Value = all[:len(all)-1]
				}
			case []float32:
				if a.Name == "target_weights" {
					a.Value = all[:len(all)-1]
				}
				if a.Name == "nodes_values" {
					all[len(all)-1] = 5 // ONNX Runtime adds it in the place of the weight
				}
			}
		}
	}
	f("a leaf that has a value and no weight", drop)
	f("the least of the trees", set("aggregate_function", "MIN"))
	f("a probit", set("post_transform", "PROBIT"))
	f("a logistic that ONNX Runtime does not take for one", set("post_transform", "LOGISTIC"))
	left("a network", onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{4}, Seed: 1}), "")
	left("twice the score", scaled("score", onnxmodel.Floats("by", nil, []float32{2})), "a node of Mul changes the scores of the trees")
	left("the least of 1", scaled("score", onnxmodel.Floats("by", []int64{1, 1}, []float32{1})), "changes the scores of the trees")
	left("scaled features", scaled("features", onnxmodel.Floats("by", nil, []float32{1})), "other nodes change the features before the trees")
}

// scaled returns trees whose scores, or features, are multiplied.
func scaled(what string, by onnxmodel.Tensor) []byte {
	m := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 5, Depth: 3, Features: 3, Seed: 1}).Model()
	trees := m.Graph.Nodes[0]
	m.Graph.Initializers = append(m.Graph.Initializers, by)
	if what == "features" {
		scale := onnxmodel.Node{Op: "Mul", Name: "scale", In: []string{"input", by.Name}, Out: []string{"scaled"}}
		trees.In = []string{"scaled"}
		m.Graph.Nodes = []onnxmodel.Node{scale, trees}
		return m.Encode()
	}
	trees.Out = []string{"sum"}
	m.Graph.Nodes = []onnxmodel.Node{trees, {Op: "Mul", Name: "scale", In: []string{by.Name, "sum"}, Out: []string{"variable"}}}
	return m.Encode()
}

// TestTreesTimesOne: LightGBM's converter ends a classifier without a ZipMap in a product
// with 1, which copies the scores.
func TestTreesTimesOne(t *testing.T) {
	for _, dims := range [][]int64{nil, {1}} {
		file := scaled("score", onnxmodel.Floats("one", dims, []float32{1}))
		checkWalked(t, catalog(t, numbers(3), file), file, 3)
	}
}
