package scoring

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Two-byte floats are fed and read as float32, which holds all their values. Nodes
// added to the graph convert between the two. ONNX Runtime takes a conversion to two
// bytes and back for one without effect and removes it, so a run rounds what it feeds
// and what it reads itself.

// wideSuffix makes the name of the float32 of an input or output.
const wideSuffix = "/larder_float32"

// widened returns the signature with float32 in the place of inputs of two bytes, and
// the inputs that had two bytes.
func (s *Signature) widened() (*Signature, map[string]Elem) {
	narrow := map[string]Elem{}
	w := *s
	w.Inputs = slices.Clone(s.Inputs)
	for i := range w.Inputs {
		if v := &w.Inputs[i]; v.Kind == Tensor && (v.Elem == float16 || v.Elem == bfloat16) {
			narrow[v.Name] = v.Elem
			v.Elem = Float32
		}
	}
	return &w, narrow
}

// wideName returns the name of an input in the widened graph.
func (b *Binding) wideName(name string) string {
	if _, narrow := b.narrow[name]; narrow {
		return name + wideSuffix
	}
	return name
}

// widen returns a copy of a model with float32 inputs in the place of two-byte floats. The model must have passed Inspect.
func (b *Binding) widen(model []byte) []byte {
	if len(b.narrow) == 0 {
		return model
	}
	var out []byte
	eachRaw(model, func(number protowire.Number, raw, graph []byte) {
		if number == 7 {
			raw = appendMessage(nil, 7, b.widenGraph(graph))
		}
		out = append(out, raw...)
	})
	return out
}

func (b *Binding) widenGraph(graph []byte) []byte {
	// A file lists nodes in the order that they run: those of the inputs come first.
	var first, rest []byte
	eachRaw(graph, func(number protowire.Number, raw, value []byte) {
		name := ""
		if number == 11 {
			name = valueName(value)
		}
		if elem, narrow := b.narrow[name]; narrow {
			first = appendMessage(first, 1, makeNode("Cast", []string{name + wideSuffix}, name, attrInt("to", int64(elem))))
			raw = appendMessage(nil, 11, tensorValue(name+wideSuffix, Float32))
		}
		rest = append(rest, raw...)
	})
	return slices.Concat(first, rest)
}

// roundInputs rounds the inputs of two-byte floats.
func (r *Run) roundInputs() {
	b := r.model.binding
	if len(b.narrow) == 0 {
		return
	}
	for i := range b.Inputs {
		if elem, narrow := b.narrow[b.Inputs[i].Name]; narrow {
			roundAll(view[float32](&r.inputs[i], r.rows), elem)
		}
	}
}

func roundAll(all []float32, elem Elem) {
	for i, v := range all {
		all[i] = rounded(v, elem)
	}
}

// rounded rounds a number to the nearest float16 or bfloat16, the even one of two that
// are equally near: IEEE 754, roundTiesToEven.
func rounded(v float32, elem Elem) float32 {
	if v != v {
		return v
	}
	if elem == bfloat16 {
		b := math.Float32bits(v)
		return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
	}
	const least, tooLarge = -24, 65520 // the power of two of the least float16; half a unit over the largest
	switch size := math.Abs(float64(v)); {
	case size >= tooLarge:
		return float32(math.Inf(1 - 2*int(math.Float32bits(v)>>31)))
	case size == 0:
		return v
	default:
		unit := math.Ldexp(1, max(math.Ilogb(size)-10, least))
		return float32(math.Copysign(math.RoundToEven(size/unit)*unit, float64(v)))
	}
}
