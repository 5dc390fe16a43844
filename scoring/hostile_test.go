package scoring_test

import (
	"larder/internal/onnxmodel"
)

// How a hostile model works.
const (
	loops   = iota // turns as often as its feature says
	expands        // makes a tensor of as many floats
)

// hostile returns a model of one feature that scores it, and works as hard as the
// feature of a row is large. In a warm-up it is small.
func hostile(how int) []byte {
	nodes := []onnxmodel.Node{
		{Op: "ReduceMax", In: []string{"x"}, Out: []string{"most"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		{Op: "Cast", In: []string{"most"}, Out: []string{"n"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Int64)}}},
	}
	if how == loops {
		body := onnxmodel.Graph{
			Nodes: []onnxmodel.Node{
				{Op: "Identity", In: []string{"go"}, Out: []string{"on"}},
				{Op: "Sin", In: []string{"before"}, Out: []string{"after"}},
			},
			Inputs: []onnxmodel.Value{
				{Name: "turn", Elem: onnxmodel.Int64, Dims: []any{}}, {Name: "go", Elem: onnxmodel.Bool, Dims: []any{}}, {Name: "before", Elem: onnxmodel.Float, Dims: []any{}},
			},
			Outputs: []onnxmodel.Value{{Name: "on", Elem: onnxmodel.Bool, Dims: []any{}}, {Name: "after", Elem: onnxmodel.Float, Dims: []any{}}},
		}
		nodes = append(nodes, onnxmodel.Node{Op: "Loop", In: []string{"n", "", "zero"}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "body", Value: body}}})
	} else {
		nodes = append(nodes,
			onnxmodel.Node{Op: "Unsqueeze", In: []string{"n", "first"}, Out: []string{"shape"}},
			onnxmodel.Node{Op: "Expand", In: []string{"zero", "shape"}, Out: []string{"many"}},
			onnxmodel.Node{Op: "ReduceSum", In: []string{"many"}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		)
	}
	nodes = append(nodes, onnxmodel.Node{Op: "Add", In: []string{"x", "sum"}, Out: []string{"score"}})
	return scoresX(nodes)
}

// scoresX returns a model of one feature, x, that scores it.
func scoresX(nodes []onnxmodel.Node, more ...onnxmodel.Tensor) []byte {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Nodes: nodes,
		Initializers: append(more,
			onnxmodel.Floats("zero", []int64{}, []float32{0}), onnxmodel.Ints("first", []int64{1}, 0)),
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
	}}
	return m.Encode()
}
