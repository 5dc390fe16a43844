package scoring_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
)

// wantOutside checks that a model is outside of the list for a reason with a word, or on
// it when the word is empty.
func wantOutside(t *testing.T, what string, file []byte, word string) {
	t.Helper()
	if why := outside(t, file); (why == "") != (word == "") || !strings.Contains(why, word) {
		t.Errorf("%s: got %q, want %q", what, why, word)
	}
}

func attrs(n onnxmodel.Node, all ...onnxmodel.Attr) onnxmodel.Node {
	n.Attrs = all
	return n
}

func to(elem int64) onnxmodel.Attr { return onnxmodel.Attr{Name: "to", Value: elem} }

// A division of integers by 0, or of the least by -1, ends a process.
func TestListKnowsWhatIntegersAreDividedBy(t *testing.T) {
	ints := attrs(op("Cast", "ints", "x"), to(7))
	for _, name := range []string{"Div", "Mod"} {
		for by, word := range map[int64]string{2: "", -7: "", 0: "may be 0 or -1", -1: "may be 0 or -1"} {
			constants := []onnxmodel.Tensor{onnxmodel.Ints("by", []int64{1}, by)}
			wantOutside(t, name, graphOf(constants, ints, op(name, "y", "ints", "by")), word)
		}
		one := []onnxmodel.Tensor{onnxmodel.Ints("one", []int64{1}, 1), onnxmodel.Ints("wide", []int64{1}, 1<<32)}
		wantOutside(t, name+" by itself", graphOf(one, ints, op(name, "y", "ints", "ints")), "may be 0 or -1")
		wantOutside(t, name+" by -1 that is computed", graphOf(one, ints, op("Neg", "by", "one"), op(name, "y", "ints", "by")), "may be 0 or -1")
		wantOutside(t, name+" by rows", graphOf(one, ints, op("Size", "by", "x"), op(name, "y", "ints", "by")), "may be 0 or -1")
		narrow := attrs(op("Cast", "by", "wide"), to(6))
		wantOutside(t, name+" by what a cast makes 0", graphOf(one, attrs(op("Cast", "ints", "x"), to(6)), narrow, op(name, "y", "ints", "by")), "may be 0 or -1")
	}
	wantOutside(t, "floats by floats", graphOf(nil, op("Div", "y", "x", "x")), "")
}

// forest returns a classifier or regressor of one split over x, changed.
func forest(op string, change func(map[string]any)) []byte {
	prefix, a := "target", map[string]any{"n_targets": int64(2)}
	if op == "TreeEnsembleClassifier" {
		prefix, a = "class", map[string]any{"classlabels_int64s": []int64{0, 1}}
	}
	for name, v := range map[string]any{
		"nodes_treeids": []int64{0, 0, 0}, "nodes_nodeids": []int64{0, 1, 2}, "nodes_featureids": []int64{3, 0, 0}, "nodes_values": []float32{1, 0, 0},
		"nodes_modes": []string{"BRANCH_LEQ", "LEAF", "LEAF"}, "nodes_truenodeids": []int64{1, 0, 0}, "nodes_falsenodeids": []int64{2, 0, 0},
		prefix + "_treeids": []int64{0, 0}, prefix + "_nodeids": []int64{1, 2}, prefix + "_ids": []int64{0, 1}, prefix + "_weights": []float32{1, 2},
	} {
		a[name] = v
	}
	change(a)
	n := onnxmodel.Node{Op: op, Domain: "ai.onnx.ml", In: []string{"x"}, Out: []string{"y", "p"}}
	if prefix == "target" {
		n.Out = n.Out[:1]
	}
	for name, v := range a {
		n.Attrs = append(n.Attrs, onnxmodel.Attr{Name: name, Value: v})
	}
	return graphOf(nil, n)
}

// Attributes of trees that don't fit each other make ONNX Runtime read or write memory that
// isn't theirs, for some values.
func TestListHasSoundTreesOnly(t *testing.T) {
	for op, prefix := range map[string]string{"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"} {
		f := func(what, word string, change func(map[string]any)) {
			t.Helper()
			wantOutside(t, op+" "+what, forest(op, change), word)
		}
		f("as converters write them", "", func(map[string]any) {})
		f("of a column that isn't there", "may not have the column 4", func(a map[string]any) { a["nodes_featureids"] = []int64{4, 0, 0} })
		f("with a weight for no column", "not those that converters write", func(a map[string]any) { a[prefix+"_ids"] = []int64{0, 2} })
		f("with a weight for a branch", "not a leaf", func(a map[string]any) { a[prefix+"_nodeids"] = []int64{0, 2} })
		f("with a child that isn't there", "doesn't exist", func(a map[string]any) { a["nodes_truenodeids"] = []int64{9, 0, 0} })
		f("with two nodes of one id", "same id", func(a map[string]any) { a["nodes_nodeids"] = []int64{0, 1, 1} })
		f("with columns of other lengths", "not those that converters write", func(a map[string]any) { a["nodes_values"] = []float32{1} })
		f("with an unknown mode", "compares by", func(a map[string]any) { a["nodes_modes"] = []string{"BRANCH", "LEAF", "LEAF"} })
		f("with more base values than columns", "3 base values", func(a map[string]any) { a["base_values"] = []float32{1, 2, 3} })
	}
	wantOutside(t, "one class", forest("TreeEnsembleClassifier", func(a map[string]any) {
		a["classlabels_int64s"], a["class_ids"] = []int64{0}, []int64{0, 0}
	}), "1 classes")
}

func TestListNeedsCoefficientsForEachColumn(t *testing.T) {
	f := func(coefficients int, word string) {
		t.Helper()
		n := onnxmodel.Node{Op: "LinearRegressor", Domain: "ai.onnx.ml", In: []string{"x"}, Out: []string{"y"}}
		n = attrs(n, onnxmodel.Attr{Name: "coefficients", Value: make([]float32, coefficients)})
		wantOutside(t, "a linear model", graphOf(nil, n), word)
	}
	f(4, "")
	f(3, "not one for each column")
	f(8, "not one for each column")
}

func TestListIsOfKnownOperatorsAndVersions(t *testing.T) {
	wantOutside(t, "an operator of com.microsoft", graphOf(nil, onnxmodel.Node{Op: "FusedMatMul", Domain: "com.microsoft", In: []string{"x", "x"}, Out: []string{"y"}}), "not on the list of operators")
	wantOutside(t, "an output of unknown size", graphOf(nil, op("NonZero", "y", "x")), "operator NonZero")
	wantOutside(t, "a name that nothing makes", graphOf(nil, op("Abs", "y", "z")), `makes its input "z"`)
	wantOutside(t, "texts that are summed", graphOf(nil, op("Add", "y", "t", "t")), "is string")
	wantOutside(t, "no inputs at all", graphOf(nil, op("Concat", "y"), op("Squeeze", "z", "y")), "no tensor of numbers")
	empty := []onnxmodel.Tensor{onnxmodel.Ints("none", []int64{0})}
	wantOutside(t, "an empty operand", graphOf(empty, op("CumSum", "y", "x", "none")), `"none" is empty`)
	wantOutside(t, "the shape of a scalar", graphOf(empty, op("Reshape", "y", "x", "none")), "")
	m := identity()
	m.Opset = 27
	wantOutside(t, "a version that is too new", m.Encode(), "version 27")
	m = identity()
	m.Functions = []onnxmodel.Function{{Domain: "own", Name: "f"}}
	wantOutside(t, "a function", m.Encode(), "functions of its own")
}

func TestListHasNoModelThatCrashes(t *testing.T) {
	names, err := filepath.Glob("../integration/testdata/crashes/*.onnx")
	if err != nil || len(names) == 0 {
		t.Fatalf("no models that crash: %v", err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if why := outside(t, file); why == "" {
			t.Errorf("%s is on the list", name)
		}
	}
}
