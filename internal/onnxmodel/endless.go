package onnxmodel

// Endless returns the file of a model whose score is its one feature x, and which first
// finds the largest of x*x numbers in windows of 4096*4096: for 5000 that takes hours, in
// one operator, which ONNX Runtime can't interrupt.
func Endless() []byte {
	const window = 4096
	node := func(op string, in []string, out string, attrs ...Attr) Node {
		return Node{Op: op, In: in, Out: []string{out}, Attrs: attrs}
	}
	column := []any{"N", int64(1)}
	m := Model{Graph: Graph{
		Initializers: []Tensor{
			Floats("least", nil, []float32{window}),
			Ints("two", []int64{1}, 2),
			Ints("ones", []int64{2}, 1, 1),
			Floats("zero", nil, []float32{0}),
			Floats("number", []int64{1}, []float32{1}),
		},
		Nodes: []Node{
			node("ReduceMax", []string{"x"}, "most", Attr{Name: "keepdims", Value: int64(0)}),
			node("Max", []string{"most", "least"}, "side"),
			node("Expand", []string{"side", "two"}, "sides"),
			node("Cast", []string{"sides"}, "plane", Attr{Name: "to", Value: int64(Int64)}),
			node("Concat", []string{"ones", "plane"}, "shape", Attr{Name: "axis", Value: int64(0)}),
			node("Expand", []string{"number", "shape"}, "image"),
			node("MaxPool", []string{"image"}, "pooled", Attr{Name: "kernel_shape", Value: []int64{window, window}}),
			node("ReduceMax", []string{"pooled"}, "one", Attr{Name: "keepdims", Value: int64(0)}),
			node("Mul", []string{"one", "zero"}, "nothing"),
			node("Add", []string{"x", "nothing"}, "y"),
		},
		Inputs:  []Value{{Name: "x", Elem: Float, Dims: column}},
		Outputs: []Value{{Name: "y", Elem: Float, Dims: column}},
	}}
	return m.Encode()
}
