package scoring

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
	"google.golang.org/protobuf/encoding/protowire"

	"larder/schema"
)

// An inferSession computes all outputs of a model. It is made on first use, because it
// holds the weights a second time and most models are only asked for their score.
type inferSession struct {
	runtime  *Runtime
	spec     sessionSpec // without the names; its file is not rewritten yet
	provider schema.Provider

	lock  sync.Mutex // held while the session is made
	ready *ort.DynamicAdvancedSession
	made  int // the number of outputs
}

func (s *Set) inferSession(m *Model, sig *Signature, plan *schema.Plan, file []byte) inferSession {
	return inferSession{
		runtime: s.runtime, provider: providerOf(m, plan),
		// The file is not optimized: precomputing constants was never tried for these outputs.
		spec: sessionSpec{file: file, threads: s.opts.IntraOpThreads, memory: plan.Model.RunMemory(), nested: sig.nested},
	}
}

// An inferOutput is one output of Infer.
type inferOutput struct {
	Value
	source string // its name in the graph
	elem   Elem   // the elements of the session's output
	at     int    // its index in the outputs of the session
}

// The binding can return neither two-byte floats nor a tensor without dimensions. So
// nodes are added to the graph that convert them.
func (o *inferOutput) narrow() bool { return o.Elem == float16 || o.Elem == bfloat16 }
func (o *inferOutput) scalar() bool { return o.Dims != nil && len(o.Dims) == 0 }

const (
	float16  Elem = 10
	bfloat16 Elem = 16

	// The binding has no type for these.
	complex64s  Elem = 14
	complex128s Elem = 15
)

func inferOutputs(sig *Signature) []inferOutput {
	var all []inferOutput
	for _, v := range sig.Outputs {
		o := inferOutput{Value: v, source: v.Name}
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

// open returns the session of a model. The first caller makes it.
func (s *inferSession) open(m *InferModel) (*ort.DynamicAdvancedSession, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.ready != nil {
		return s.ready, nil
	}
	spec := s.spec
	spec.file, spec.outputs = m.rewrite(spec.file)
	spec.inputs = names(m.inputs)
	session, err := s.runtime.newSession(spec, s.provider)
	if err != nil {
		return nil, fmt.Errorf("make a session of all outputs: %w", err)
	}
	s.made, s.ready = len(spec.outputs), session
	return session, nil
}

// rewrite returns the file with outputs that the binding can return, and their names.
func (m *InferModel) rewrite(file []byte) (rewritten []byte, made []string) {
	var nodes, values []byte
	for i := range m.outputs {
		o := &m.outputs[i]
		if o.source != o.Name {
			file = unzip(file, o.Name, o.source, o.Elem)
		}
		name := o.source
		if o.narrow() {
			nodes = appendMessage(nodes, 1, makeNode("Cast", []string{name}, name+"/larder_float32", attrInt("to", int64(Float32))))
			name += "/larder_float32"
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
		if o.at = slices.Index(made, name); o.at < 0 {
			o.at = len(made)
			made = append(made, name)
		}
	}
	if nodes == nil {
		return file, made
	}
	eachRaw(file, func(number protowire.Number, raw, value []byte) {
		if number == 7 {
			raw = appendMessage(nil, 7, slices.Concat(value, nodes, values))
		}
		rewritten = append(rewritten, raw...)
	})
	return rewritten, made
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

// array converts an output of the session.
func (o *inferOutput) array(made []ort.Value) (Array, error) {
	v := made[o.at]
	a := Array{Name: o.Name, Elem: o.Elem, Dims: v.GetShape()}
	if elem := Elem(v.DataType()); elem != o.elem {
		return a, fmt.Errorf("output %q is declared as %s, but is %s", o.Name, o.elem, elem)
	}
	if o.scalar() {
		a.Dims = []int64{}
	}
	switch t := v.(type) {
	case *ort.StringTensor:
		var err error
		a.Strings, err = t.GetContents()
		return a, err
	case *ort.Tensor[float32]:
		if o.narrow() {
			a.Data = narrowed(t.GetData(), o.Elem)
			return a, nil
		}
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[float64]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[bool]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[int8]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[int16]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[int32]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[int64]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[uint8]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[uint16]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[uint32]:
		a.Data = bytesOf(t.GetData())
	case *ort.Tensor[uint64]:
		a.Data = bytesOf(t.GetData())
	default:
		return a, fmt.Errorf("output %q is %s, which can't be returned", o.Name, o.elem)
	}
	a.Data = bytes.Clone(a.Data) // the tensor goes
	return a, nil
}

// narrowed converts floats that were widened from two bytes back to two bytes. It rounds
// those that ONNX Runtime never narrowed: see narrow.go.
func narrowed(all []float32, elem Elem) []byte {
	out := make([]byte, 0, 2*len(all))
	for _, v := range all {
		v = rounded(v, elem)
		half := uint16(math.Float32bits(v) >> 16) // bfloat16 is the upper half
		if elem == float16 {
			half = float16Bits(v)
		}
		out = binary.LittleEndian.AppendUint16(out, half)
	}
	return out
}

// float16Bits returns the bits of a float32 that a float16 holds exactly.
func float16Bits(v float32) uint16 {
	const fraction, bias = 10, 127 - 15
	b := math.Float32bits(v)
	sign, exponent, mantissa := uint16(b>>16)&0x8000, int(b>>23&0xff), b&(1<<23-1)
	switch {
	case exponent == 0xff && mantissa != 0: // the first bit keeps a NaN from becoming infinite
		return sign | 0x7e00 | uint16(mantissa>>(23-fraction))
	case exponent == 0xff:
		return sign | 0x7c00
	case exponent > bias:
		return sign | uint16(exponent-bias)<<fraction | uint16(mantissa>>(23-fraction))
	case exponent == 0:
		return sign
	}
	return sign | uint16((mantissa|1<<23)>>(23-fraction+1+bias-exponent)) // a denormal number
}
