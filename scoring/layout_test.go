package scoring_test

import (
	"fmt"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// copying returns a model that returns its inputs, each as an output of the same name with
// a y before it.
func copying(inputs ...onnxmodel.Value) []byte {
	var m onnxmodel.Model
	m.Graph.Inputs = inputs
	for _, in := range inputs {
		m.Graph.Nodes = append(m.Graph.Nodes, onnxmodel.Node{Op: "Identity", In: []string{in.Name}, Out: []string{"y" + in.Name}})
		m.Graph.Outputs = append(m.Graph.Outputs, onnxmodel.Value{Name: "y" + in.Name, Elem: in.Elem, Dims: in.Dims})
	}
	return m.Encode()
}

// TestInputsOfAnyShape: features lie in inputs as the shapes say, and every output has the
// shape of its input.
func TestInputsOfAnyShape(t *testing.T) {
	number := func(name string) schema.Feature { return schema.Feature{Name: name, Type: schema.Float32} }
	list := func(name string, of schema.Type) schema.Feature {
		return schema.Feature{Name: name, Type: schema.List(of), Default: []any{}}
	}
	vector := func(name string, n int) schema.Feature {
		return schema.Feature{Name: name, Type: schema.Vector(schema.Float32, n)}
	}
	word := schema.Feature{Name: "word", Type: schema.String, Default: ""}
	f := func(features []schema.Feature, inputs []schema.ModelInput, file []byte, want ...string) {
		t.Helper()
		cat := compileModel(t, features, schema.Model{Inputs: inputs}, file)
		models, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
		if err != nil {
			t.Fatal(err)
		}
		defer models.Release()
		m := models.Model(plan(t, cat, 1))
		for i, o := range m.Outputs() {
			if got := fmt.Sprintf("%s%v", o.Type, o.Shape); i >= len(want) || got != want[i] {
				t.Errorf("output %s is %s of each row; want %v", o.Name, got, want)
			}
		}
	}
	f([]schema.Feature{number("a"), number("b")}, nil, copying(value("x", onnxmodel.Double, "N", int64(2))), "float64[2]")
	f([]schema.Feature{number("a"), number("b"), number("c")}, nil, copying(value("x", onnxmodel.Float, "N", int64(1), int64(3))), "float32[1 3]")
	f([]schema.Feature{number("a"), number("b")}, nil, copying(value("x", onnxmodel.Float, int64(1), int64(2))), "float32[2]")
	f([]schema.Feature{word}, nil, copying(value("x", onnxmodel.String, "N")), "string[]")
	f([]schema.Feature{vector("v", 4)}, nil, copying(value("x", onnxmodel.Float, "N", int64(4))), "float32[4]")
	f([]schema.Feature{number("a"), vector("v", 4), number("b")}, nil, copying(value("x", onnxmodel.Float, "N", nil)), "float32[6]")
	f([]schema.Feature{list("a", schema.Float32), list("b", schema.Float32)}, nil, copying(value("x", onnxmodel.Float, "N", int64(5), int64(2))), "float32[5 2]")
	f([]schema.Feature{number("a"), number("b"), word}, []schema.ModelInput{{Name: "num", Features: []string{"b", "a"}}, {Name: "cat", Features: []string{"word"}}},
		copying(value("num", onnxmodel.Float, "N", int64(2)), value("cat", onnxmodel.String, "N", int64(1))), "float32[2]", "string[1]")
	f([]schema.Feature{list("ids", schema.Int64)}, []schema.ModelInput{{Name: "x", Features: []string{"v:ids"}, Length: 3, Pad: schema.ListTail, Truncate: schema.ListTail, Mask: "m"}},
		copying(value("x", onnxmodel.Int64, "N", "L"), value("m", onnxmodel.Bool, "N", "L")), "int64[3]", "bool[3]")
}

func TestInputsThatDoNotFit(t *testing.T) {
	list := []schema.Feature{{Name: "l", Type: schema.List(schema.Float32)}, {Name: "a", Type: schema.Float32}}
	f := func(features []schema.Feature, inputs []schema.ModelInput, file []byte, words ...string) {
		t.Helper()
		sig, err := scoring.Inspect(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = scoring.Bind(sig, plan(t, compileModel(t, features, schema.Model{Inputs: inputs}, file), 1))
		wantInvalid(t, err, words...)
	}
	x, y := value("x", onnxmodel.Float, "N", int64(3)), value("y", onnxmodel.Float, "N", int64(1))
	f(list, []schema.ModelInput{{Name: "z", Features: []string{"l"}}}, copying(x, y), `the definitions name an input "z", which the model doesn't have`)
	f(list, []schema.ModelInput{{Name: "x", Features: []string{"l"}, Length: 4}}, copying(x, y), `input "x" is float32[N, 3]; float32[N, 4] would fit`)
	f(list, []schema.ModelInput{{Name: "x", Features: []string{"l", "a"}, Length: 2}, {Name: "y", Features: []string{"a"}}}, copying(x, y), `inputs "x" and "y" both name the feature v:a`)
	f(list, nil, copying(x, y), `input "x" is not named after a feature`, "inputs: [{name: x, features: [...]}]")
	f([]schema.Feature{{Name: "v", Type: schema.Vector(schema.Float32, 3)}}, nil, copying(value("x", onnxmodel.Float, "N", int64(4))), "float32[N, 3] would fit")
}
