package scoring

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// An outputSession computes several outputs of a model. It is made on first use, because
// it holds the weights a second time and most models are only asked for their score.
type outputSession struct {
	runtime  *Runtime
	provider schema.Provider
	outputs  []candidate
	spec     func(ctx context.Context) (sessionSpec, error) // without outputs; its file is not rewritten yet

	lock  sync.Mutex // held while the session is made
	ready atomic.Pointer[readySession]
}

type readySession struct {
	*ort.DynamicAdvancedSession
	made int   // the number of its outputs
	at   []int // which of them is each output of the outputSession
}

// open returns the session. The first caller makes it.
func (s *outputSession) open(ctx context.Context) (*readySession, error) {
	if ready := s.ready.Load(); ready != nil {
		return ready, nil
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if ready := s.ready.Load(); ready != nil {
		return ready, nil
	}
	spec, err := s.spec(ctx)
	if err != nil {
		return nil, err
	}
	ready := new(readySession)
	spec.file, spec.outputs, ready.at = returning(spec.file, s.outputs)
	ready.made = len(spec.outputs)
	if ready.DynamicAdvancedSession, err = s.runtime.newSession(spec, s.provider); err != nil {
		return nil, fmt.Errorf("make a session of several outputs: %w", err)
	}
	s.ready.Store(ready)
	return ready, nil
}

// close ends the session. Nothing may use it any more.
func (s *outputSession) close() {
	if ready := s.ready.Load(); ready != nil {
		_ = ready.Destroy() // it can't fail
		trimMemory()
	}
}

// array converts an output of the session, for callers who want it as the file has it.
func (o *candidate) array(v ort.Value) (Array, error) {
	a := Array{Name: o.Name, Elem: o.Elem, Dims: v.GetShape()}
	data, texts, err := o.read(v)
	if err != nil {
		return a, err
	}
	if o.scalar() {
		a.Dims = []int64{}
	}
	a.Data, a.Strings = data, texts
	if o.narrow() {
		a.Data = narrowed(data, o.Elem)
	}
	return a, nil
}

// read returns a copy of the elements of an output of the session.
func (o *candidate) read(v ort.Value) (data []byte, texts []string, err error) {
	if elem := Elem(v.DataType()); elem != o.elem {
		return nil, nil, fmt.Errorf("output %q is declared as %s, but is %s", o.Name, o.elem, elem)
	}
	switch t := v.(type) {
	case *ort.StringTensor:
		texts, err = t.GetContents()
		return nil, texts, err
	case *ort.Tensor[float32]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[float64]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[bool]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[int8]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[int16]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[int32]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[int64]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[uint8]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[uint16]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[uint32]:
		data = bytesOf(t.GetData())
	case *ort.Tensor[uint64]:
		data = bytesOf(t.GetData())
	default:
		return nil, nil, fmt.Errorf("output %q is %s, which can't be returned", o.Name, o.elem)
	}
	return bytes.Clone(data), nil, nil // the tensor goes
}

// narrowed converts the bytes of float32s that were widened from two bytes back to two
// bytes. It rounds those that ONNX Runtime never narrowed: see narrow.go.
func narrowed(data []byte, elem Elem) []byte {
	out := make([]byte, 0, len(data)/2)
	for ; len(data) > 0; data = data[4:] {
		v := rounded(math.Float32frombits(binary.LittleEndian.Uint32(data)), elem)
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
