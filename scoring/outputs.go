package scoring

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"larder/column"
	"larder/schema"
)

// An Output is one output of a model, as it answers rows. It is immutable.
type Output struct {
	Name    string
	Type    schema.Type // of its values: bool, int32, int64, float32, float64 or string
	Shape   []int64     // of the values of one row; empty: one value
	Classes []string    // what the last dimension of the shape stands for, where the model says

	At int // its index in the candidates of its model

	adds bool // its floats added up to 1 in the rows that the trial looked at
}

// Width returns how many values a row has.
func (o *Output) Width() int {
	n, _ := product(o.Shape, math.MaxInt64)
	return int(n)
}

// A candidate is an output of a file in the form that sessions return it.
type candidate struct {
	Value
	source string // its name in the graph
	elem   Elem   // the elements of the session's output
}

// The binding can return neither two-byte floats nor a tensor without dimensions. So
// nodes are added to the graph that convert them.
func (o *candidate) narrow() bool { return o.Elem == float16 || o.Elem == bfloat16 }
func (o *candidate) scalar() bool { return o.Dims != nil && len(o.Dims) == 0 }

const (
	float16  Elem = 10
	bfloat16 Elem = 16

	// The binding has no type for these.
	complex64s  Elem = 14
	complex128s Elem = 15
)

// candidates returns the outputs of a file that sessions can return. Where the file makes
// a map of class probabilities for each row, the output is the tensor that the maps are
// made from.
func candidates(sig *Signature) []candidate {
	var all []candidate
	for _, v := range sig.Outputs {
		o := candidate{Value: v, source: v.Name}
		if c := sig.classes[v.Name]; v.Kind == SequenceOfMaps && c.source != "" {
			o.source = c.source
			o.Value = Value{Name: v.Name, Kind: Tensor, Elem: v.Elem, Dims: []Dim{{Size: AnySize}, {Size: int64(len(c.labels))}}}
		}
		if o.Kind != Tensor || o.Elem != String && o.Elem.size() == 0 || o.Elem == complex64s || o.Elem == complex128s {
			continue
		}
		if o.elem = o.Elem; o.narrow() {
			o.elem = Float32
		}
		all = append(all, o)
	}
	return all
}

// answerTypes maps the elements of an output to the type of its values in answers. A
// uint64 has none: not all of its values fit.
var answerTypes = map[Elem]schema.Type{
	Float32: schema.Float32, float16: schema.Float32, bfloat16: schema.Float32, Float64: schema.Float64,
	Int32: schema.Int32, Int64: schema.Int64, Bool: schema.Bool, String: schema.String,
	int8s: schema.Int32, uint8s: schema.Int32, int16s: schema.Int32, uint16s: schema.Int32, uint32s: schema.Int64,
}

const (
	uint16s Elem = 4
	int16s  Elem = 5
	uint32s Elem = 12
)

// returning returns a copy of a model whose outputs sessions can return, their names, and
// which of them is each output. No output keeps the shape that the file declares:
// exporters write wrong ones.
func returning(file []byte, outputs []candidate) (rewritten []byte, made []string, at []int) {
	var nodes, values []byte
	for i := range outputs {
		o := &outputs[i]
		if o.source != o.Name {
			file = unzip(file, o.Name, o.source, o.Elem)
		}
		name := o.source
		if o.narrow() {
			nodes = appendMessage(nodes, 1, makeNode("Cast", []string{name}, name+wideSuffix, attrInt("to", int64(Float32))))
			name += wideSuffix
		}
		if o.scalar() {
			shape := name + "/larder_shape"
			nodes = appendMessage(nodes, 1, makeNode("Constant", nil, shape, attrTensor("value", oneDimension())))
			nodes = appendMessage(nodes, 1, makeNode("Reshape", []string{name, shape}, name+"/larder_flat", nil))
			name += "/larder_flat"
		}
		if name != o.source {
			values = appendMessage(values, 12, tensorValue(name, o.elem))
		}
		index := slices.Index(made, name)
		if index < 0 {
			index = len(made)
			made = append(made, name)
		}
		at = append(at, index)
	}
	eachRaw(file, func(number protowire.Number, raw, graph []byte) {
		if number == 7 {
			raw = appendMessage(nil, 7, slices.Concat(shapeless(graph), nodes, values))
		}
		rewritten = append(rewritten, raw...)
	})
	return rewritten, made, at
}

// shapeless returns a copy of a graph without the shapes of its outputs.
func shapeless(graph []byte) []byte {
	out := make([]byte, 0, len(graph))
	eachRaw(graph, func(number protowire.Number, raw, value []byte) {
		if number == 12 {
			if v, err := readValue(value); err == nil && v.Kind == Tensor {
				raw = appendMessage(nil, 12, tensorValue(v.Name, v.Elem))
			}
		}
		out = append(out, raw...)
	})
	return out
}

// makeNode returns a NodeProto of one output.
func makeNode(op string, in []string, out string, attr []byte) []byte {
	var n []byte
	for _, name := range in {
		n = protowire.AppendString(protowire.AppendTag(n, 1, protowire.BytesType), name)
	}
	n = protowire.AppendString(protowire.AppendTag(n, 2, protowire.BytesType), out)
	n = protowire.AppendString(protowire.AppendTag(n, 4, protowire.BytesType), op)
	if attr != nil {
		n = appendMessage(n, 5, attr)
	}
	return n
}

func attrInt(name string, v int64) []byte {
	const typeInt = 2
	a := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	a = protowire.AppendVarint(protowire.AppendTag(a, 3, protowire.VarintType), uint64(v))
	return protowire.AppendVarint(protowire.AppendTag(a, 20, protowire.VarintType), typeInt)
}

func attrTensor(name string, tensor []byte) []byte {
	const typeTensor = 4
	a := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	a = appendMessage(a, 5, tensor)
	return protowire.AppendVarint(protowire.AppendTag(a, 20, protowire.VarintType), typeTensor)
}

// oneDimension returns the TensorProto of the shape [1].
func oneDimension() []byte {
	t := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	t = protowire.AppendVarint(protowire.AppendTag(t, 2, protowire.VarintType), uint64(Int64))
	return protowire.AppendBytes(protowire.AppendTag(t, 9, protowire.BytesType), binary.LittleEndian.AppendUint64(nil, 1))
}

// column returns the values of an output. data holds the elements as the session returned
// them, of two-byte floats the float32s.
func (o *candidate) column(data []byte, texts []string) column.Column {
	c := column.Column{Type: answerTypes[o.Elem]}
	switch o.Elem {
	case String:
		c.Strings = texts
	case Bool:
		c.Bools = decoded(data, 1, func(b []byte) bool { return b[0] != 0 })
	case Int32:
		c.Int32s = decoded(data, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	case int8s:
		c.Int32s = decoded(data, 1, func(b []byte) int32 { return int32(int8(b[0])) })
	case uint8s:
		c.Int32s = decoded(data, 1, func(b []byte) int32 { return int32(b[0]) })
	case int16s:
		c.Int32s = decoded(data, 2, func(b []byte) int32 { return int32(int16(binary.LittleEndian.Uint16(b))) })
	case uint16s:
		c.Int32s = decoded(data, 2, func(b []byte) int32 { return int32(binary.LittleEndian.Uint16(b)) })
	case uint32s:
		c.Int64s = decoded(data, 4, func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) })
	case Int64:
		c.Int64s = decoded(data, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case Float64:
		c.Float64s = decoded(data, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case Float32:
		c.Float32s = decoded(data, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case float16, bfloat16:
		c.Float32s = decoded(data, 4, func(b []byte) float32 {
			return rounded(math.Float32frombits(binary.LittleEndian.Uint32(b)), o.Elem)
		})
	}
	return c
}

func decoded[T any](data []byte, size int, value func([]byte) T) []T {
	all := make([]T, len(data)/size)
	for i := range all {
		all[i] = value(data[i*size:])
	}
	return all
}

// FindOutputs returns the indexes of outputs by their names; of all of them when the only
// name is "*".
func (m *Model) FindOutputs(wanted []string) ([]int, error) {
	var found []int
	if len(wanted) == 1 && wanted[0] == AllOutputs {
		for i := range m.Outputs() {
			found = append(found, i)
		}
		return found, nil
	}
	for _, name := range wanted {
		at := slices.IndexFunc(m.Outputs(), func(o Output) bool { return o.Name == name })
		if at < 0 {
			return nil, m.noOutput(name)
		}
		if slices.Contains(found, at) {
			return nil, schema.UnknownOutput.Errorf("output %q of %s is requested twice", name, m)
		}
		found = append(found, at)
	}
	return found, nil
}

// AllOutputs asks for every output of a model.
const AllOutputs = "*"

func (m *Model) noOutput(name string) error {
	var known []string
	for _, o := range m.Outputs() {
		known = append(known, o.Name)
	}
	for _, why := range m.facts.LeftOut {
		if strings.HasPrefix(why, fmt.Sprintf("output %q ", name)) {
			return schema.UnknownOutput.Errorf("%s can't answer: %s", m, why)
		}
	}
	return schema.UnknownOutput.Errorf("%s has no output %q; %s", m, printable(name), schema.Nearest(printable(name), known))
}
