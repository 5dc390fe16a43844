package onnxmodel

import (
	"fmt"
	"math/rand/v2"
)

// An Input is one named input of a linear model.
type Input struct {
	Name string
	Elem Elem // Float, Double, Int32, Int64, Bool or String
	Flat bool // [N] rather than [N, 1]
}

// Words are the strings that a linear model knows; others count as 0.
var Words = []string{"bakery", "fuel", "grocer", "hotel", ""}

// A Linear is a weighted sum of named inputs: strings by a label encoder, bools
// as 0 and 1.
type Linear struct {
	inputs  []Input
	weights []float32
}

// NewLinear returns a random linear model with one input per feature and an
// output "score" [N, 1].
func NewLinear(inputs []Input, seed uint64) *Linear {
	return &Linear{inputs: inputs, weights: randomFloats(rand.New(rand.NewPCG(seed, 3)), len(inputs), 1)}
}

// Score scores one row: a float32, float64, int32, int64, bool or string for
// each input.
func (l *Linear) Score(values []any) float32 {
	var sum float32
	for i, v := range values {
		sum += l.weights[i] * toFloat(v)
	}
	return sum
}

func toFloat(v any) float32 {
	switch v := v.(type) {
	case float32:
		return v
	case float64:
		return float32(v)
	case int32:
		return float32(v)
	case int64:
		return float32(v)
	case bool:
		if v {
			return 1
		}
		return 0
	case string:
		for i, word := range Words {
			if v == word {
				return wordValue(i)
			}
		}
		return 0
	}
	panic(fmt.Sprintf("onnxmodel: an input of Go type %T", v))
}

func wordValue(i int) float32 { return float32(i) + 0.5 }

// Model returns the linear model as ONNX.
func (l *Linear) Model() Model {
	g := Graph{
		Outputs:      []Value{{Name: "score", Elem: Float, Dims: []any{"N", int64(1)}}},
		Initializers: []Tensor{Ints("column", []int64{2}, -1, 1), Floats("weights", []int64{int64(len(l.weights)), 1}, l.weights)},
	}
	var columns []string
	for i, in := range l.inputs {
		dims := []any{"N", int64(1)}
		if in.Flat {
			dims = dims[:1]
		}
		g.Inputs = append(g.Inputs, Value{Name: in.Name, Elem: in.Elem, Dims: dims})
		float, column := fmt.Sprint("float", i), fmt.Sprint("column", i)
		g.Nodes = append(g.Nodes, l.convert(in, float), Node{Op: "Reshape", In: []string{float, "column"}, Out: []string{column}})
		columns = append(columns, column)
	}
	g.Nodes = append(
		g.Nodes,
		Node{Op: "Concat", In: columns, Out: []string{"all"}, Attrs: []Attr{{"axis", int64(1)}}},
		Node{Op: "MatMul", In: []string{"all", "weights"}, Out: []string{"score"}},
	)
	return Model{Graph: g}
}

func (l *Linear) convert(in Input, out string) Node {
	if in.Elem != String {
		return Node{Op: "Cast", In: []string{in.Name}, Out: []string{out}, Attrs: []Attr{{"to", int64(Float)}}}
	}
	values := make([]float32, len(Words))
	for i := range values {
		values[i] = wordValue(i)
	}
	return Node{
		Op: "LabelEncoder", Domain: mlDomain, In: []string{in.Name}, Out: []string{out},
		Attrs: []Attr{{"keys_strings", Words}, {"values_floats", values}, {"default_float", float32(0)}},
	}
}
