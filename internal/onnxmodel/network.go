package onnxmodel

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// MLPOptions describe a random network.
type MLPOptions struct {
	Features int
	Hidden   []int // the widths of the hidden layers
	Seed     uint64
}

// MLP returns the file of a random network: a float input "input" [N, Features],
// layers of Gemm and Relu, and an output "score" [N, 1] between 0 and 1.
func MLP(opts MLPOptions) []byte {
	m := NewNetwork(opts).Model()
	return m.Encode()
}

// A Network is a multi-layer perceptron with one output.
type Network struct {
	widths  []int       // of the input, the hidden layers and the output
	weights [][]float32 // of each layer: inputs × outputs, row by row
	biases  [][]float32
}

// NewNetwork returns a random network.
func NewNetwork(opts MLPOptions) *Network {
	rng := rand.New(rand.NewPCG(opts.Seed, 2))
	n := &Network{widths: append(append([]int{opts.Features}, opts.Hidden...), 1)}
	for i := range len(n.widths) - 1 {
		in, out := n.widths[i], n.widths[i+1]
		n.weights = append(n.weights, randomFloats(rng, in*out, 1/math.Sqrt(float64(in))))
		n.biases = append(n.biases, randomFloats(rng, out, 1))
	}
	return n
}

// Score scores one row.
func (n *Network) Score(x []float32) float32 {
	for layer, weights := range n.weights {
		out := make([]float32, n.widths[layer+1])
		for j := range out {
			sum := n.biases[layer][j]
			for i, v := range x {
				sum += v * weights[i*len(out)+j]
			}
			if layer < len(n.weights)-1 && sum < 0 {
				sum = 0
			}
			out[j] = sum
		}
		x = out
	}
	return sigmoid(x[0])
}

// Model returns the network as ONNX.
func (n *Network) Model() Model {
	g := Graph{
		Inputs:  []Value{{Name: "input", Elem: Float, Dims: []any{"N", int64(n.widths[0])}}},
		Outputs: []Value{{Name: "score", Elem: Float, Dims: []any{"N", int64(1)}}},
	}
	at := "input"
	for i := range n.weights {
		in, out := int64(n.widths[i]), int64(n.widths[i+1])
		w, b, y := fmt.Sprint("w", i), fmt.Sprint("b", i), fmt.Sprint("y", i)
		g.Initializers = append(g.Initializers, Floats(w, []int64{in, out}, n.weights[i]), Floats(b, []int64{out}, n.biases[i]))
		g.Nodes = append(g.Nodes, Node{Op: "Gemm", In: []string{at, w, b}, Out: []string{y}})
		at = y
		if i < len(n.weights)-1 {
			at = fmt.Sprint("h", i)
			g.Nodes = append(g.Nodes, Node{Op: "Relu", In: []string{y}, Out: []string{at}})
		}
	}
	g.Nodes = append(g.Nodes, Node{Op: "Sigmoid", In: []string{at}, Out: []string{"score"}})
	return Model{Graph: g}
}

func randomFloats(rng *rand.Rand, n int, scale float64) []float32 {
	all := make([]float32, n)
	for i := range all {
		all[i] = float32(rng.NormFloat64() * scale)
	}
	return all
}
