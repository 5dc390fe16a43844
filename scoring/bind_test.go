package scoring_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// bind binds a model to a service of these features, with the declared version.
func bind(t testing.TB, m onnxmodel.Model, features []schema.Feature, declared schema.ModelVersion) (*scoring.Binding, error) {
	t.Helper()
	file := m.Encode()
	sig, err := scoring.Inspect(file)
	if err != nil {
		t.Fatal(err)
	}
	declared.Version, declared.ONNX, declared.SHA256 = 1, "m.onnx", sum(file)
	return scoring.Bind(sig, plan(t, compile(t, features, []schema.ModelVersion{declared}), 1))
}

func value(name string, elem onnxmodel.Elem, dims ...any) onnxmodel.Value {
	return onnxmodel.Value{Name: name, Elem: elem, Dims: dims}
}

// model returns a model of these inputs and outputs, without a node.
func model(inputs, outputs []onnxmodel.Value) onnxmodel.Model {
	return onnxmodel.Model{Graph: onnxmodel.Graph{Inputs: inputs, Outputs: outputs}}
}

var score = []onnxmodel.Value{value("score", onnxmodel.Float, "N", int64(1))}

func TestBindDense(t *testing.T) {
	f := func(dims ...any) {
		t.Helper()
		b, err := bind(t, model([]onnxmodel.Value{value("x", onnxmodel.Float, dims...)}, score), numbers(3), schema.ModelVersion{})
		if err != nil {
			t.Fatal(err)
		}
		want := []scoring.Input{{Name: "x", Elem: schema.Float32, Features: []int{0, 1, 2}}}
		if diff := cmp.Diff(want, b.Inputs, cmpopts.IgnoreUnexported(scoring.Input{})); !b.Dense || diff != "" {
			t.Errorf("dense %v, inputs (-want +got):\n%s", b.Dense, diff)
		}
	}
	f("N", int64(3))
	f(nil, int64(3))
	f(nil, nil)
	f()
}

func TestBindDenseRefuses(t *testing.T) {
	f := func(features []schema.Feature, x onnxmodel.Value, words ...string) {
		t.Helper()
		_, err := bind(t, model([]onnxmodel.Value{x}, score), features, schema.ModelVersion{})
		wantInvalid(t, err, words...)
	}
	f(numbers(3), value("x", onnxmodel.Float, "N", int64(2)), `input "x" is float32[N, 2], 2 features wide, but the feature service has 3`, "float32[N, 3] would fit")
	f(numbers(3), value("x", onnxmodel.Int64, "N", int64(3)), `input "x" is int64[N, 3], and a float32 can't become int64`, "leave the feature v:f0 out")
	f(numbers(3), value("x", onnxmodel.Float, "N", int64(4), int64(1)), "float32[N, 4, 1]", "float32[N, 3] would fit")
	f(numbers(3), value("x", onnxmodel.Float, "N"), `input "x" is float32[N], of one feature; the feature service has 3`)
	f(numbers(3), value("x", onnxmodel.Float, int64(8), int64(3)), "takes exactly 8 rows at a time")
	f(numbers(3), onnxmodel.Value{Name: "x", Elem: onnxmodel.Float, MapKey: onnxmodel.Int64}, "sequence<map<int64, float32>>")
	words := append(numbers(1), schema.Feature{Name: "word", Type: schema.String}, schema.Feature{Name: "seen", Type: schema.Timestamp})
	f(words, value("x", onnxmodel.Float, "N", int64(3)), "leave the feature v:word out", "leave the feature v:seen out")
	list := []schema.Feature{{Name: "l", Type: schema.List(schema.Float32)}}
	f(list, value("x", onnxmodel.Float, "N", nil), `the feature v:l is a list<float32> of any length: say how many elements the input takes`, `inputs: [{name: x, features: ["v:l"], length: 20`)
	f(list, value("x", onnxmodel.Float, "N"), `input "x" is float32[N]`, "v:l is a list<float32>")
}

func TestBindRefusesTreesThatLookPastTheirInput(t *testing.T) {
	forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 10, Depth: 4, Features: 40, Seed: 1}).Model()
	for _, dims := range [][]any{{"N", int64(3)}, {"N", nil}} {
		forest.Graph.Inputs[0].Dims = dims
		_, err := bind(t, forest, numbers(3), schema.ModelVersion{})
		wantInvalid(t, err, "the trees of the model read feature 40", "the feature service has only 3 features")
	}
}

// elements names the element types of tensors.
var elements = map[onnxmodel.Elem]schema.Type{
	onnxmodel.Float: schema.Float32, onnxmodel.Double: schema.Float64, onnxmodel.Int32: schema.Int32,
	onnxmodel.Int64: schema.Int64, onnxmodel.Bool: schema.Bool, onnxmodel.String: schema.String,
}

func TestBindNamedTakesTheTypesOfTheTable(t *testing.T) {
	fits := map[schema.Type][]onnxmodel.Elem{
		schema.Bool:      {onnxmodel.Bool, onnxmodel.Float, onnxmodel.Double, onnxmodel.Int32, onnxmodel.Int64},
		schema.Int32:     {onnxmodel.Int32, onnxmodel.Int64, onnxmodel.Double, onnxmodel.Float},
		schema.Int64:     {onnxmodel.Int64, onnxmodel.Double, onnxmodel.Float},
		schema.Float32:   {onnxmodel.Float, onnxmodel.Double},
		schema.Float64:   {onnxmodel.Double, onnxmodel.Float},
		schema.String:    {onnxmodel.String},
		schema.Timestamp: {onnxmodel.Int64},
		schema.Bytes:     nil,
	}
	for feature, takes := range fits {
		for elem, want := range elements {
			features := append(numbers(1), schema.Feature{Name: "a", Type: feature, Default: zero(t, feature)})
			inputs := []onnxmodel.Value{value("f0", onnxmodel.Float, "N", int64(1)), value("a", elem, "N", int64(1))}
			b, err := bind(t, model(inputs, score), features, schema.ModelVersion{})
			if !has(takes, elem) {
				wantInvalid(t, err, `input "a"`, "the feature v:a")
				continue
			}
			if err != nil {
				t.Errorf("%s into %s: %v", feature, want, err)
			} else if got := b.Inputs[1]; got.Elem != want || !cmp.Equal(got.Features, []int{1}) || b.Dense {
				t.Errorf("%s into %s: got %v", feature, want, got)
			}
		}
	}
}

func has(all []onnxmodel.Elem, e onnxmodel.Elem) bool {
	for _, x := range all {
		if x == e {
			return true
		}
	}
	return false
}

// zero returns a default of a type.
func zero(t testing.TB, of schema.Type) any {
	t.Helper()
	text := map[schema.Type]string{schema.Bool: "false", schema.String: `""`, schema.Bytes: `""`, schema.Timestamp: `"2026-01-31T10:00:00Z"`}[of]
	if text == "" {
		text = "0"
	}
	v, err := schema.ParseValue(of, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBindNamedFindsFeatures(t *testing.T) {
	f := func(name string, dims ...any) {
		t.Helper()
		inputs := []onnxmodel.Value{value("v:f1", onnxmodel.Float, "N", int64(1)), value(name, onnxmodel.Double, dims...)}
		b, err := bind(t, model(inputs, score), numbers(2), schema.ModelVersion{})
		if err != nil {
			t.Fatal(err)
		}
		if got := [][]int{b.Inputs[0].Features, b.Inputs[1].Features}; !cmp.Equal(got, [][]int{{1}, {0}}) {
			t.Errorf("got features %v, want [1 0]", got)
		}
	}
	f("v:f0", "N", int64(1))
	f("v__f0", "N", nil)
	f("f0", "N")
	f("f0", nil)
	f("f0")
}

func TestBindNamedRefuses(t *testing.T) {
	f := func(features []schema.Feature, inputs []onnxmodel.Value, words ...string) {
		t.Helper()
		_, err := bind(t, model(inputs, score), features, schema.ModelVersion{})
		wantInvalid(t, err, words...)
	}
	column := func(name string, elem onnxmodel.Elem) onnxmodel.Value { return value(name, elem, "N", int64(1)) }
	a := column("f0", onnxmodel.Float)
	f(numbers(2), []onnxmodel.Value{a, column("f11", onnxmodel.Float)}, `input "f11" is not named after a feature`, `did you mean "f1"?`, "VIEW__FEATURE")
	f(numbers(3), []onnxmodel.Value{a, column("v__f1", onnxmodel.Float)}, "remove the feature v:f2", "add an input", `"v__f2"`)
	f(numbers(2), []onnxmodel.Value{a, column("v__f0", onnxmodel.Float)}, `inputs "f0" and "v__f0" both name the feature v:f0`)
	f(numbers(2), []onnxmodel.Value{a, value("f1", onnxmodel.Float, "N", int64(4))}, `input "f1" is float32[N, 4]; an input of one feature is float32[N, 1]`)
	f(numbers(2), []onnxmodel.Value{a, value("f1", onnxmodel.Float, int64(2), int64(1))}, `input "f1" is float32[2, 1]: it takes exactly 2 rows at a time`)
	f(numbers(2), []onnxmodel.Value{a, column("f1", onnxmodel.Int64)}, `input "f1" is int64[N, 1], and the feature v:f1 of type float32 can't become that; float32[N, 1] or float64[N, 1] would fit`)
	count := append(numbers(1), schema.Feature{Name: "count", Type: schema.Int64})
	f(count, []onnxmodel.Value{a, column("count", onnxmodel.Int64)}, `input "count" is int64[N, 1], and that has no value for null: give the feature v:count a default`)
	f(count, []onnxmodel.Value{a, column("count", onnxmodel.Int32)}, "v:count of type int64 can't become that; int64[N, 1] or float64[N, 1] or float32[N, 1] would fit")
	list := append(numbers(1), schema.Feature{Name: "l", Type: schema.List(schema.Float32)})
	f(list, []onnxmodel.Value{a, value("l", onnxmodel.Float, "N", nil)}, "v:l is a list<float32> of any length", "length: 20")
	blob := append(numbers(1), schema.Feature{Name: "b", Type: schema.Bytes})
	f(blob, []onnxmodel.Value{a, column("b", onnxmodel.String)}, "the feature v:b is bytes")
	f(numbers(2), []onnxmodel.Value{column("x", onnxmodel.Float), column("y", onnxmodel.Float)}, `input "x" is not named after a feature`, `input "y" is not named after a feature`)
	var many []onnxmodel.Value
	for i := range 23 {
		many = append(many, column(fmt.Sprint("column", i), onnxmodel.Float))
	}
	f(numbers(2), many, `input "column2" is not named after a feature`, `nor are 20 other inputs, such as "column3"`)
	f(numbers(2), many[:4], `input "column2" is not named after a feature`, `nor is input "column3"`)
}

// choose finds the score of a model with these outputs, with the declared version.
func choose(t testing.TB, m onnxmodel.Model, declared schema.ModelVersion) (*scoring.Score, string, error) {
	t.Helper()
	sig, err := scoring.Inspect(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return scoring.ChooseScore(sig, &declared)
}

var matrix = []onnxmodel.Value{value("x", onnxmodel.Float, "N", int64(2))}

func TestChoosesTheScore(t *testing.T) {
	two := 2
	f := func(outputs []onnxmodel.Value, declared schema.ModelVersion, output string, column int, reason string) {
		t.Helper()
		s, why, err := choose(t, model(matrix, outputs), declared)
		if err != nil || s == nil {
			t.Fatalf("no score: %s, %v", why, err)
		}
		if s.Output != output || s.Column != column || s.Reason != reason {
			t.Errorf("got output %q column %d, %q; want output %q column %d, %q", s.Output, s.Column, s.Reason, output, column, reason)
		}
	}
	label := value("label", onnxmodel.Int64, "N")
	f(score, schema.ModelVersion{}, "score", 0, `output "score", the only output of floats, which has one column`)
	f([]onnxmodel.Value{label}, schema.ModelVersion{}, "label", 0, `output "label", the only output of numbers, which has one column`)
	probabilities := value("probabilities", onnxmodel.Float, "N", int64(2))
	f([]onnxmodel.Value{label, probabilities}, schema.ModelVersion{}, "probabilities", 1, `output "probabilities", the probabilities by class, column 1 of two`)
	f([]onnxmodel.Value{label, probabilities}, schema.ModelVersion{Output: "label"}, "label", 0, `output "label", as declared, which has one column`)
	unknown := value("probabilities", onnxmodel.Float, "N", nil)
	f([]onnxmodel.Value{label, unknown}, schema.ModelVersion{}, "probabilities", 1, `output "probabilities", the probabilities by class, column 1 of two`)
	three := value("y", onnxmodel.Double, "N", int64(3))
	f([]onnxmodel.Value{three}, schema.ModelVersion{Column: &two}, "y", 2, `output "y", the only output of floats, column 2 as declared`)
}

func TestScoreKnowsTheClasses(t *testing.T) {
	for _, zip := range []bool{false, true} {
		forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 2, Classifier: true, ZipMap: zip}).Model()
		s, why, err := choose(t, forest, schema.ModelVersion{})
		if err != nil || s == nil {
			t.Fatalf("zip %v: no score: %s, %v", zip, why, err)
		}
		if want := `output "probabilities", the probabilities by class, column 1 (class 1) of two`; s.Reason != want || s.Column != 1 {
			t.Errorf("zip %v: got column %d, %q; want column 1, %q", zip, s.Column, s.Reason, want)
		}
	}
}

// TestNoObviousScore: such models are served all the same, without a score.
func TestNoObviousScore(t *testing.T) {
	f := func(outputs []onnxmodel.Value, words ...string) {
		t.Helper()
		s, why, err := choose(t, model(matrix, outputs), schema.ModelVersion{})
		if s != nil || err != nil {
			t.Fatalf("got %+v, %v", s, err)
		}
		for _, w := range words {
			if !strings.Contains(why, w) {
				t.Errorf("got %q, without %q", why, w)
			}
		}
	}
	f([]onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(3))}, `output "y" has 3 columns; name the one that is the score, as in output: y, column: 2`)
	f([]onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(2))}, `output "y" has 2 columns`, "output: y, column: 1")
	f([]onnxmodel.Value{value("label", onnxmodel.Int64, "N", int64(2))}, `output "label" has 2 columns`)
	f([]onnxmodel.Value{value("name", onnxmodel.String, "N")}, "no output holds a score; the model has name string[N]")
	f([]onnxmodel.Value{value("a", onnxmodel.Float, "N"), value("b", onnxmodel.Float, "N")}, "the outputs a, b could each hold the score; name one, as in output: a")
	f([]onnxmodel.Value{{Name: "p", Elem: onnxmodel.Float, MapKey: onnxmodel.String}}, "no output holds a score", "sequence<map<string, float32>>")
}

func TestRefusesDeclaredScores(t *testing.T) {
	five := 5
	f := func(outputs []onnxmodel.Value, declared schema.ModelVersion, words ...string) {
		t.Helper()
		_, _, err := choose(t, model(matrix, outputs), declared)
		wantInvalid(t, err, words...)
	}
	f(score, schema.ModelVersion{Output: "scores"}, `the model has no output "scores"; did you mean "score"?`)
	f(score, schema.ModelVersion{Column: &five}, `output "score" has 1 columns and no column 5 (columns count from 0)`)
	three := []onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(3))}
	f(three, schema.ModelVersion{Output: "y"}, `output "y" has 3 columns; name the one that is the score, as in column: 2`)
	f([]onnxmodel.Value{value("name", onnxmodel.String, "N")}, schema.ModelVersion{Output: "name"}, `output "name" is string[N]; a score is a tensor [N] or [N, C] of numbers`)
	f([]onnxmodel.Value{value("name", onnxmodel.String, "N")}, schema.ModelVersion{Column: &five}, "column: 5 is declared, but no output holds a score")
	maps := onnxmodel.Value{Name: "p", Elem: onnxmodel.Float, MapKey: onnxmodel.String}
	f([]onnxmodel.Value{maps}, schema.ModelVersion{Output: "p"}, `output "p" is a sequence<map<string, float32>> that does not come from a ZipMap of the main graph`, "zipmap: False")
}
