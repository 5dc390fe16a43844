package scoring_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// wantInvalid checks that err is a refusal with all of these words.
func wantInvalid(t testing.TB, err error, words ...string) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || said.Kind != schema.Invalid {
		t.Fatalf("got error %v, want one of kind invalid", err)
	}
	for _, w := range words {
		if !strings.Contains(said.Message, w) {
			t.Errorf("got message %q, want it to say %q", said.Message, w)
		}
	}
}

func TestInspectReadsWhatModelsDeclare(t *testing.T) {
	f := func(file []byte, wantInputs, wantOutputs string) {
		t.Helper()
		sig, err := scoring.Inspect(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := values(sig.Inputs); got != wantInputs {
			t.Errorf("inputs: got %s, want %s", got, wantInputs)
		}
		if got := values(sig.Outputs); got != wantOutputs {
			t.Errorf("outputs: got %s, want %s", got, wantOutputs)
		}
	}
	f(onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 7}), "input float32[N, 7]", "variable float32[N, 1]")
	f(onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 7, Classifier: true, ZipMap: true}),
		"input float32[N, 7]", "label int64[N]; probabilities sequence<map<int64, float32>>")
	f(onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{2}}), "input float32[N, 3]", "score float32[N, 1]")
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "a", Elem: onnxmodel.String}, {Name: "b", Elem: onnxmodel.Bool, Flat: true}}, 1).Model()
	f(linear.Encode(), "a string[N, 1]; b bool[N]", "score float32[N, 1]")
}

func values(all []scoring.Value) string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = v.String()
	}
	return strings.Join(names, "; ")
}

// identity is a model that hands its input on, to be spoiled.
func identity() onnxmodel.Model {
	return onnxmodel.Model{Graph: onnxmodel.Graph{
		Nodes:   []onnxmodel.Node{{Op: "Identity", Name: "copy", In: []string{"x"}, Out: []string{"y"}}},
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(2)}}},
		Outputs: []onnxmodel.Value{{Name: "y", Elem: onnxmodel.Float, Dims: []any{"N", int64(2)}}},
	}}
}

func TestInspectRefuses(t *testing.T) {
	f := func(spoil func(*onnxmodel.Model), words ...string) {
		t.Helper()
		m := identity()
		spoil(&m)
		_, err := scoring.Inspect(m.Encode())
		wantInvalid(t, err, words...)
	}
	initializer := func(tensor onnxmodel.Tensor) func(*onnxmodel.Model) {
		return func(m *onnxmodel.Model) { m.Graph.Initializers = append(m.Graph.Initializers, tensor) }
	}
	external := onnxmodel.Tensor{Name: "w", Elem: onnxmodel.Float, Dims: []int64{4}, External: "../../etc/passwd"}
	f(initializer(external), `tensor "w" keeps its data in another file`, "save_as_external_data=False")
	f(func(m *onnxmodel.Model) {
		m.Graph.Nodes[0].Attrs = []onnxmodel.Attr{{Name: "value", Value: external}}
	}, `tensor "w" keeps its data in another file`)
	f(func(m *onnxmodel.Model) {
		inner := onnxmodel.Graph{Initializers: []onnxmodel.Tensor{external}}
		m.Graph.Nodes[0].Attrs = []onnxmodel.Attr{{Name: "body", Value: inner}}
	}, `tensor "w" keeps its data in another file`)
	f(func(m *onnxmodel.Model) { m.Graph.Nodes[0].Domain = "com.acme" },
		`node "copy": operator "Identity" is of domain "com.acme"`, "custom-operator library")
	f(func(m *onnxmodel.Model) { m.Graph.Nodes[0].Domain, m.Graph.Nodes[0].Name = "com.acme", "" }, `the node that makes "y"`)
	f(initializer(onnxmodel.Floats("w", []int64{1 << 40, 1 << 40}, nil)), `tensor "w" has the dimensions`)
	f(initializer(onnxmodel.Floats("w", []int64{-2, 2}, nil)), `tensor "w" has the dimensions [-2 2]`)
	f(initializer(onnxmodel.Floats("w", []int64{3}, []float32{1, 2})), "take 12 bytes, but 8 bytes of data")
	f(initializer(onnxmodel.Tensor{Name: "w", Elem: onnxmodel.String, Dims: []int64{1 << 27}}), `tensor "w" has the dimensions [134217728], but only`)
	f(initializer(onnxmodel.Floats("w", make([]int64, 17), nil)), "more than 16 dimensions")
	f(initializer(onnxmodel.Floats("x", []int64{1, 2}, []float32{1, 2})), "the model has no input")
	f(func(m *onnxmodel.Model) { m.Graph.Outputs = nil }, "the model has no output")
	f(func(m *onnxmodel.Model) { m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0]) }, `two inputs are named "x"`)
	f(func(m *onnxmodel.Model) { m.Graph.Nodes[0].Name = strings.Repeat("n", 5000) }, "a name longer than 4096 bytes")
	f(func(m *onnxmodel.Model) { m.Graph.Nodes = make([]onnxmodel.Node, 100_001) }, "more than 100000 nodes")
}

func TestInspectRefusesDeepNesting(t *testing.T) {
	g := onnxmodel.Graph{}
	for range 20 {
		g = onnxmodel.Graph{Nodes: []onnxmodel.Node{{Op: "If", Attrs: []onnxmodel.Attr{{Name: "then_branch", Value: g}}}}}
	}
	m := identity()
	m.Graph.Nodes = append(m.Graph.Nodes, g.Nodes...)
	_, err := scoring.Inspect(m.Encode())
	wantInvalid(t, err, "nested more than 16 deep")
}

func TestInspectCountsWhatFunctionsExpandTo(t *testing.T) {
	call := func(name string) onnxmodel.Node {
		return onnxmodel.Node{Op: name, Domain: "own", In: []string{"x"}, Out: []string{"y"}}
	}
	function := func(name string, nodes ...onnxmodel.Node) onnxmodel.Function {
		return onnxmodel.Function{Domain: "own", Name: name, Inputs: []string{"x"}, Outputs: []string{"y"}, Nodes: nodes}
	}
	ten := func(n onnxmodel.Node) (all []onnxmodel.Node) {
		for range 10 {
			all = append(all, n)
		}
		return all
	}
	copied := onnxmodel.Node{Op: "Identity", In: []string{"x"}, Out: []string{"y"}}
	m := identity()
	m.Graph.Nodes = []onnxmodel.Node{call("a")}
	m.Functions = []onnxmodel.Function{function("a", copied)}
	if _, err := scoring.Inspect(m.Encode()); err != nil {
		t.Errorf("a model with a function of its own: %v", err)
	}
	m.Functions = []onnxmodel.Function{function("a", call("b")), function("b", call("a"))}
	_, err := scoring.Inspect(m.Encode())
	wantInvalid(t, err, `function "own:a" calls itself`)

	m.Functions = []onnxmodel.Function{
		function("a", ten(call("b"))...), function("b", ten(call("c"))...), function("c", ten(call("d"))...),
		function("d", ten(call("e"))...), function("e", ten(copied)...),
	}
	_, err = scoring.Inspect(m.Encode())
	wantInvalid(t, err, "more than 100000 nodes when its functions are expanded")

	m.Functions = []onnxmodel.Function{function("a", onnxmodel.Node{Op: "Run", Domain: "com.acme", Name: "inside"})}
	_, err = scoring.Inspect(m.Encode())
	wantInvalid(t, err, `node "inside": operator "Run" is of domain "com.acme"`)
}

func TestInspectRefusesWhatIsNoONNX(t *testing.T) {
	whole := identity()
	file := whole.Encode()
	f := func(file []byte, words ...string) {
		t.Helper()
		_, err := scoring.Inspect(file)
		wantInvalid(t, err, words...)
	}
	f(nil, "the file is empty")
	f([]byte("hello, world"), "not an ONNX model")
	f(file[:len(file)/2], "not an ONNX model, or only a part of one")
	f(append(append([]byte{}, file...), file...), "it has 2 graphs")
	f(make([]byte, scoring.MaxModelBytes+1), "limit 268435456")

	// A file that is an ONNX model to a reader of protobuf, and yet in the format
	// that ONNX Runtime would read instead.
	disguised := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "..ORTM")
	f(append(disguised, file...), "ONNX Runtime's own format")
}

// FuzzInspect holds that no file makes Inspect or Bind panic, and that what they
// refuse is the fault of the file.
func FuzzInspect(f *testing.F) {
	whole := identity()
	f.Add(whole.Encode())
	f.Add(onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 3, Classifier: true, ZipMap: true}))
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "a", Elem: onnxmodel.String}}, 1).Model()
	f.Add(linear.Encode())
	cat := catalog(f, numbers(3), whole.Encode())
	p := plan(f, cat, 1)
	f.Fuzz(func(t *testing.T, file []byte) {
		sig, err := scoring.Inspect(file)
		if err != nil {
			wantInvalid(t, err)
			return
		}
		if len(sig.Inputs) == 0 || len(sig.Outputs) == 0 {
			t.Errorf("a signature with %d inputs and %d outputs", len(sig.Inputs), len(sig.Outputs))
		}
		if _, err := scoring.Bind(sig, p); err != nil {
			wantInvalid(t, err)
		}
	})
}
