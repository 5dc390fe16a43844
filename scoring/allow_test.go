package scoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// outside returns why a model is not on the list.
func outside(t testing.TB, file []byte) string {
	t.Helper()
	sig, err := scoring.Inspect(file)
	if err != nil {
		t.Fatal(err)
	}
	return sig.Outside()
}

func TestListHasWhatExportersEmit(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/quantized/*.onnx", "testdata/trees/*.onnx", "../examples/fraud/*/*.onnx", "../examples/fraud/*/*/*.onnx"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no models match %s (%v)", pattern, err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		if filepath.Dir(name) == "testdata/crashes" {
			continue
		}
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if why := outside(t, file); why != "" {
			t.Errorf("%s is not on the list: %s", name, why)
		}
	}
	for _, opts := range []onnxmodel.TreesOptions{{Trees: 2, Depth: 3, Features: 7}, {Trees: 2, Depth: 3, Features: 7, Classifier: true, ZipMap: true}} {
		if why := outside(t, onnxmodel.Trees(opts)); why != "" {
			t.Errorf("trees are not on the list: %s", why)
		}
	}
	if why := outside(t, onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{2}})); why != "" {
		t.Errorf("a network is not on the list: %s", why)
	}
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "a", Elem: onnxmodel.String}, {Name: "b", Elem: onnxmodel.Bool, Flat: true}}, 1).Model()
	if why := outside(t, linear.Encode()); why != "" {
		t.Errorf("a model of texts and bools is not on the list: %s", why)
	}
}

// graphOf returns a model of nodes that read x, float32[N, 4], t, string[N, 1], and constants.
func graphOf(constants []onnxmodel.Tensor, nodes ...onnxmodel.Node) []byte {
	m := identity()
	m.Graph.Inputs = []onnxmodel.Value{
		{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(4)}},
		{Name: "t", Elem: onnxmodel.String, Dims: []any{"N", int64(1)}},
	}
	m.Graph.Initializers = constants
	m.Graph.Nodes = nodes
	return m.Encode()
}

func op(name string, out string, in ...string) onnxmodel.Node {
	return onnxmodel.Node{Op: name, In: in, Out: []string{out}}
}

// A shape may follow from the number of rows, but not from features, whatever lies between.
func TestListRefusesShapesFromFeatures(t *testing.T) {
	toInt := op("Cast", "ints", "x")
	toInt.Attrs = []onnxmodel.Attr{{Name: "to", Value: int64(7)}}
	first := op("Reshape", "vector", "ints", "flat")
	chains := map[string][]onnxmodel.Node{
		"cast":                  {op("Identity", "v", "vector")},
		"gather":                {op("Gather", "v", "vector", "two")},
		"mul":                   {op("Mul", "v", "vector", "two")},
		"where":                 {op("Equal", "is", "vector", "two"), op("Where", "v", "is", "two", "two")},
		"shape of nothing else": {op("Shape", "s", "x"), op("Mul", "v", "s", "vector")},
	}
	constants := []onnxmodel.Tensor{onnxmodel.Ints("flat", []int64{1}, -1), onnxmodel.Ints("two", []int64{2}, 1, 2)}
	for name, chain := range chains {
		for _, end := range []onnxmodel.Node{
			op("Reshape", "y", "x", "v"), op("Expand", "y", "x", "v"), op("ConstantOfShape", "y", "v"), op("Slice", "y", "x", "v", "v"), op("Split", "y", "x", "v"),
			op("Squeeze", "y", "x", "v"), op("Unsqueeze", "y", "x", "v"), op("ReduceSum", "y", "x", "v"), op("CumSum", "y", "x", "v"),
		} {
			nodes := append(append([]onnxmodel.Node{toInt, first}, chain...), end)
			if why := outside(t, graphOf(constants, nodes...)); !strings.Contains(why, "which depends on features") {
				t.Errorf("%s by features through %s: got %q", end.Op, name, why)
			}
		}
	}
	fine := []onnxmodel.Node{op("Shape", "s", "x"), op("Mul", "v", "s", "two"), op("Expand", "y", "x", "v")}
	if why := outside(t, graphOf(constants, fine...)); why != "" {
		t.Errorf("a shape that follows from the rows: %s", why)
	}
	odd := []onnxmodel.Node{op("Shape", "s", "x"), op("Sub", "v", "s", "two"), op("Expand", "y", "x", "v")}
	if why := outside(t, graphOf(constants, odd...)); !strings.Contains(why, "depends on features") {
		t.Errorf("a shape that is a difference of sizes: got %q", why)
	}
}

func TestListBoundsCopiesOfTexts(t *testing.T) {
	doubling := func(times int) []byte {
		nodes := make([]onnxmodel.Node, times)
		last := "t"
		for i := range nodes {
			next := fmt.Sprint("double", i)
			nodes[i] = op("Concat", next, last, last)
			nodes[i].Attrs = []onnxmodel.Attr{{Name: "axis", Value: int64(i % 2)}}
			last = next
		}
		return graphOf(nil, nodes...)
	}
	if why := outside(t, doubling(3)); why != "" {
		t.Errorf("8 copies: %s", why)
	}
	for _, times := range []int{5, 40, 70, 1000} {
		if why := outside(t, doubling(times)); !strings.Contains(why, "copies of its texts") {
			t.Errorf("doubled %d times: got %q", times, why)
		}
	}
	many := onnxmodel.Ints("many", []int64{100}, make([]int64, 100)...)
	if why := outside(t, graphOf([]onnxmodel.Tensor{many}, op("Gather", "y", "t", "many"))); !strings.Contains(why, "copies of its texts") {
		t.Errorf("a text that is gathered 100 times: got %q", why)
	}
	cast := op("Cast", "ints", "x")
	cast.Attrs = []onnxmodel.Attr{{Name: "to", Value: int64(7)}}
	if why := outside(t, graphOf(nil, cast, op("Gather", "y", "t", "ints"))); !strings.Contains(why, "how many texts") {
		t.Errorf("texts gathered by features: got %q", why)
	}
	for size, want := range map[int]string{64: "", 65: "texts up to 64 bytes"} {
		long := onnxmodel.Tensor{Name: "long", Elem: onnxmodel.String, Dims: []int64{1, 1}, Strings: []string{strings.Repeat("a", size)}}
		why := outside(t, graphOf([]onnxmodel.Tensor{long}, cast, op("Gather", "y", "long", "ints")))
		if (why == "") != (want == "") || !strings.Contains(why, want) {
			t.Errorf("a text of %d bytes in the file: got %q", size, why)
		}
	}
}
