package scoring_test

import (
	"errors"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
)

// TestRowsThatLean: a model whose row 0 doesn't depend on its company, but whose other
// rows do, is refused; so is one that shows it only for some values or for integers.
func TestRowsThatLean(t *testing.T) {
	f := func(name string, features []schema.Feature, g onnxmodel.Graph) {
		t.Helper()
		m := onnxmodel.Model{Graph: g}
		file := m.Encode()
		cat := catalog(t, features, file)
		_, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
		var refusal *schema.Error
		if !errors.As(err, &refusal) || refusal.Reason != schema.RowsMix {
			t.Errorf("%s: %v; want it to be refused because rows depend on each other", name, err)
		}
	}
	in, out := []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}}, []onnxmodel.Value{{Name: "y", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}}
	mean := onnxmodel.Node{Op: "ReduceMean", In: []string{"x"}, Out: []string{"mean"}, Attrs: []onnxmodel.Attr{{Name: "axes", Value: []int64{0}}}}
	f("a value times the mean of all", numbers(1), onnxmodel.Graph{Inputs: in, Outputs: out, Nodes: []onnxmodel.Node{
		mean, {Op: "Mul", In: []string{"x", "mean"}, Out: []string{"y"}},
	}})
	f("a running sum", numbers(1), onnxmodel.Graph{
		Inputs: in, Outputs: out, Nodes: []onnxmodel.Node{{Op: "CumSum", In: []string{"x", "axis"}, Out: []string{"y"}}},
		Initializers: []onnxmodel.Tensor{onnxmodel.Ints("axis", []int64{1}, 0)},
	})
	f("a recurrent layer along the rows", numbers(1), onnxmodel.Graph{
		Inputs: in, Outputs: out,
		Nodes: []onnxmodel.Node{
			{Op: "Reshape", In: []string{"x", "cube"}, Out: []string{"steps"}},
			{Op: "GRU", In: []string{"steps", "w", "r"}, Out: []string{"states"}, Attrs: []onnxmodel.Attr{{Name: "hidden_size", Value: int64(1)}}},
			{Op: "Reshape", In: []string{"states", "column"}, Out: []string{"y"}},
		},
		Initializers: []onnxmodel.Tensor{
			onnxmodel.Ints("cube", []int64{3}, -1, 1, 1), onnxmodel.Ints("column", []int64{2}, -1, 1),
			onnxmodel.Floats("w", []int64{1, 3, 1}, []float32{0.2, -0.3, 0.4}), onnxmodel.Floats("r", []int64{1, 3, 1}, []float32{0.1, 0.3, -0.2}),
		},
	})
	f("the least of all, of negative values only", numbers(1), onnxmodel.Graph{
		Inputs: in, Outputs: out,
		Nodes: []onnxmodel.Node{
			{Op: "ReduceMin", In: []string{"x"}, Out: []string{"least"}, Attrs: []onnxmodel.Attr{{Name: "axes", Value: []int64{0}}}},
			{Op: "Min", In: []string{"least", "zero"}, Out: []string{"below"}},
			{Op: "Add", In: []string{"x", "below"}, Out: []string{"y"}},
		},
		Initializers: []onnxmodel.Tensor{onnxmodel.Floats("zero", []int64{1}, []float32{0})},
	})
	whole := []onnxmodel.Value{{Name: "n", Elem: onnxmodel.Int64, Dims: []any{"N", int64(1)}}}
	f("the mean of integers", []schema.Feature{{Name: "n", Type: schema.Int64, Default: int64(0)}}, onnxmodel.Graph{
		Inputs: whole, Outputs: out,
		Nodes: []onnxmodel.Node{
			{Op: "Cast", In: []string{"n"}, Out: []string{"x"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float)}}},
			mean,
			{Op: "Sub", In: []string{"x", "mean"}, Out: []string{"y"}},
		},
	})
}
