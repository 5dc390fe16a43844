package onnxmodel

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Model is an ONNX ModelProto.
type Model struct {
	Graph     Graph
	Functions []Function
	Opset     int64 // of ai.onnx; 0 means 17
}

// A Graph is a GraphProto.
type Graph struct {
	Nodes        []Node
	Initializers []Tensor
	Inputs       []Value
	Outputs      []Value
}

// A Function is a FunctionProto: an operator that the model itself defines.
type Function struct {
	Domain, Name    string
	Inputs, Outputs []string
	Nodes           []Node
}

// A Node is a NodeProto.
type Node struct {
	Op, Domain, Name string
	In, Out          []string
	Attrs            []Attr
}

// An Attr is an attribute of a node. Its value is an int64, a float32, a string,
// a slice of one of these, a Tensor or a Graph.
type Attr struct {
	Name  string
	Value any
}

// A Value is an input or an output of a graph.
type Value struct {
	Name string
	Elem Elem
	Dims []any // int64 for a fixed size, string for a named one, nil for neither; nil says nothing
	// MapKey, when set, makes this a sequence of maps from MapKey to Elem.
	MapKey Elem
}

// A Tensor is a TensorProto.
type Tensor struct {
	Name     string
	Elem     Elem
	Dims     []int64
	Raw      []byte // little endian
	Strings  []string
	External string // the file that holds the data; none is written here
	// Offset and Length say where in that file; a Length of 0 says nothing.
	Offset, Length int
}

// An Elem is the type of a tensor's elements, as TensorProto.DataType counts.
type Elem int32

// The element types that models of tabular data have.
const (
	Float   Elem = 1
	Int32   Elem = 6
	Int64   Elem = 7
	String  Elem = 8
	Bool    Elem = 9
	Float16 Elem = 10
	Double  Elem = 11
)

// mlDomain is the domain of trees, encoders and label maps.
const mlDomain = "ai.onnx.ml"

const (
	irVersion    = 8
	defaultOpset = 17
	mlOpset      = 3
)

// Encode returns the bytes of the model's file.
func (m *Model) Encode() []byte {
	opset := m.Opset
	if opset == 0 {
		opset = defaultOpset
	}
	b := appendVarint(nil, 1, irVersion)
	b = appendString(b, 2, "larder")
	b = appendBytes(b, 7, m.Graph.encode())
	b = appendOpset(b, 8, "", opset)
	b = appendOpset(b, 8, mlDomain, mlOpset)
	domains := map[string]bool{}
	for _, f := range m.Functions {
		b = appendBytes(b, 25, f.encode(opset))
		if !domains[f.Domain] {
			domains[f.Domain] = true
			b = appendOpset(b, 8, f.Domain, 1)
		}
	}
	return b
}

func (f *Function) encode(opset int64) []byte {
	b := appendString(nil, 1, f.Name)
	b = appendStrings(b, 4, f.Inputs)
	b = appendStrings(b, 5, f.Outputs)
	for i := range f.Nodes {
		b = appendBytes(b, 7, f.Nodes[i].encode())
	}
	b = appendOpset(b, 9, "", opset)
	b = appendOpset(b, 9, f.Domain, 1)
	return appendString(b, 10, f.Domain)
}

func (g *Graph) encode() []byte {
	var b []byte
	for i := range g.Nodes {
		b = appendBytes(b, 1, g.Nodes[i].encode())
	}
	b = appendString(b, 2, "graph")
	for i := range g.Initializers {
		b = appendBytes(b, 5, g.Initializers[i].encode())
	}
	for i := range g.Inputs {
		b = appendBytes(b, 11, g.Inputs[i].encode())
	}
	for i := range g.Outputs {
		b = appendBytes(b, 12, g.Outputs[i].encode())
	}
	return b
}

func (n *Node) encode() []byte {
	b := appendStrings(nil, 1, n.In)
	b = appendStrings(b, 2, n.Out)
	b = appendString(b, 3, n.Name)
	b = appendString(b, 4, n.Op)
	for _, a := range n.Attrs {
		b = appendBytes(b, 5, a.encode())
	}
	return appendString(b, 7, n.Domain)
}

func (a *Attr) encode() []byte {
	b := appendString(nil, 1, a.Name)
	switch v := a.Value.(type) {
	case float32:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		return appendVarint(protowire.AppendFixed32(b, math.Float32bits(v)), 20, 1)
	case int64:
		return appendVarint(appendVarint(b, 3, v), 20, 2)
	case string:
		return appendVarint(appendBytes(b, 4, []byte(v)), 20, 3)
	case Tensor:
		return appendVarint(appendBytes(b, 5, v.encode()), 20, 4)
	case Graph:
		return appendVarint(appendBytes(b, 6, v.encode()), 20, 5)
	case []float32:
		var packed []byte
		for _, x := range v {
			packed = protowire.AppendFixed32(packed, math.Float32bits(x))
		}
		return appendVarint(appendBytes(b, 7, packed), 20, 6)
	case []int64:
		return appendVarint(appendBytes(b, 8, packInts(v)), 20, 7)
	case []string:
		return appendVarint(appendStrings(b, 9, v), 20, 8)
	}
	panic(fmt.Sprintf("onnxmodel: attribute %q of Go type %T", a.Name, a.Value))
}

func (t *Tensor) encode() []byte {
	b := appendBytes(nil, 1, packInts(t.Dims))
	b = appendVarint(b, 2, int64(t.Elem))
	b = appendString(b, 8, t.Name)
	if t.External != "" {
		entry := func(key, value string) { b = appendBytes(b, 13, appendString(appendString(nil, 1, key), 2, value)) }
		entry("location", t.External)
		if t.Length != 0 {
			entry("offset", strconv.Itoa(t.Offset))
			entry("length", strconv.Itoa(t.Length))
		}
		return appendVarint(b, 14, 1)
	}
	if t.Elem == String {
		return appendStrings(b, 6, t.Strings)
	}
	return appendBytes(b, 9, t.Raw)
}

func (v *Value) encode() []byte {
	return appendBytes(appendString(nil, 1, v.Name), 2, v.typeProto())
}

func (v *Value) typeProto() []byte {
	var shape []byte
	for _, dim := range v.Dims {
		var d []byte
		switch dim := dim.(type) {
		case int64:
			d = appendVarint(nil, 1, dim)
		case string:
			d = appendString(nil, 2, dim)
		}
		shape = appendBytes(shape, 1, d)
	}
	tensor := appendVarint(nil, 1, int64(v.Elem))
	if v.Dims != nil {
		tensor = appendBytes(tensor, 2, shape)
	}
	tensor = appendBytes(nil, 1, tensor)
	if v.MapKey == 0 {
		return tensor
	}
	entry := appendBytes(appendVarint(nil, 1, int64(v.MapKey)), 2, tensor)
	return appendBytes(nil, 4, appendBytes(nil, 1, appendBytes(nil, 5, entry)))
}

// Floats returns a float tensor.
func Floats(name string, dims []int64, values []float32) Tensor {
	t := Tensor{Name: name, Elem: Float, Dims: dims}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint32(t.Raw, math.Float32bits(v))
	}
	return t
}

// Ints returns an int64 tensor.
func Ints(name string, dims []int64, values ...int64) Tensor {
	t := Tensor{Name: name, Elem: Int64, Dims: dims}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint64(t.Raw, uint64(v))
	}
	return t
}

func appendVarint(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendString(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendStrings(b []byte, field protowire.Number, all []string) []byte {
	for _, v := range all {
		b = appendString(b, field, v)
	}
	return b
}

func appendOpset(b []byte, field protowire.Number, domain string, version int64) []byte {
	return appendBytes(b, field, appendVarint(appendString(nil, 1, domain), 2, version))
}

func packInts(all []int64) []byte {
	var packed []byte
	for _, v := range all {
		packed = protowire.AppendVarint(packed, uint64(v))
	}
	return packed
}

// AppendMetadata adds an entry to the metadata of a model's file.
func AppendMetadata(file []byte, key, value string) []byte {
	return appendBytes(file, 14, appendString(appendString(nil, 1, key), 2, value))
}
