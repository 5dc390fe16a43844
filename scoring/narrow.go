package scoring

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Two-byte floats are fed and read as float32, which holds all their values. Nodes
// added to the graph convert between the two. Runs are not aware of it.

// wideSuffix makes the name of the float32 of an input or output.
const wideSuffix = "/larder_float32"

// widened returns the signature with float32 in the place of floats of two bytes, and
// the inputs and outputs that had two bytes.
func (s *Signature) widened() (*Signature, map[string]Elem) {
	narrow := map[string]Elem{}
	wide := func(values []Value) []Value {
		values = slices.Clone(values)
		for i := range values {
			if v := &values[i]; v.Kind == Tensor && (v.Elem == float16 || v.Elem == bfloat16) {
				narrow[v.Name] = v.Elem
				v.Elem = Float32
			}
		}
		return values
	}
	w := *s
	w.Inputs, w.Outputs = wide(s.Inputs), wide(s.Outputs)
	return &w, narrow
}

// wideName returns the name of an input or output in the widened graph.
func (b *Binding) wideName(name string) string {
	if _, narrow := b.narrow[name]; narrow {
		return name + wideSuffix
	}
	return name
}

// widen returns a copy of a model with float32 inputs and outputs in the place of
// two-byte floats. The model must have passed Inspect.
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
	var first, rest, last []byte
	eachRaw(graph, func(number protowire.Number, raw, value []byte) {
		name := ""
		if number == 11 || number == 12 {
			name = valueName(value)
		}
		elem, narrow := b.narrow[name]
		switch {
		case narrow && number == 11:
			first = appendMessage(first, 1, makeNode("Cast", []string{name + wideSuffix}, name, attrInt("to", int64(elem))))
			raw = appendMessage(nil, 11, tensorValue(name+wideSuffix, Float32))
		case narrow && number == 12:
			last = appendMessage(last, 1, makeNode("Cast", []string{name}, name+wideSuffix, attrInt("to", int64(Float32))))
			last = appendMessage(last, 12, tensorValue(name+wideSuffix, Float32))
		}
		rest = append(rest, raw...)
	})
	return slices.Concat(first, rest, last)
}
