package scoring

import (
	"fmt"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// A buffer holds the values of one input or output for as many rows as fit.
type buffer struct {
	elem    Elem
	shape   []int64 // of one row: empty for [N]
	width   int     // values per row
	start   unsafe.Pointer
	strings []string // for strings, instead of start
}

func elemOf(t schema.Type) Elem {
	for e, of := range schemaTypes {
		if of == t {
			return e
		}
	}
	panic(fmt.Sprintf("scoring: an input of type %s", t))
}

func (b *buffer) bytes(rows int) int { return rows * b.width * b.elem.size() }

// clear sets rows rows that begin at row first to zero.
func (b *buffer) clear(first, rows int) {
	clear(unsafe.Slice((*byte)(unsafe.Add(b.start, b.bytes(first))), b.bytes(rows)))
}

// rowStrings returns the strings of rows rows that begin at row first.
func (b *buffer) rowStrings(first, rows int) []string {
	return b.strings[first*b.width : (first+rows)*b.width]
}

// view returns the values of the first rows rows.
func view[T any](b *buffer, rows int) []T { return unsafe.Slice((*T)(b.start), rows*b.width) }

// tensor returns a tensor of rows rows that begin at row first.
func (b *buffer) tensor(first, rows int) (ort.Value, error) {
	shape := append(ort.NewShape(int64(rows)), b.shape...)
	v, err := b.newTensor(shape, first)
	if err != nil {
		return nil, fmt.Errorf("make a tensor %v: %w", shape, err)
	}
	return &value{Value: v, internals: v.GetInternals()}, nil
}

func (b *buffer) newTensor(shape ort.Shape, first int) (ort.Value, error) {
	switch b.elem {
	case Float32:
		return tensorOver[float32](b, shape, first)
	case Float64:
		return tensorOver[float64](b, shape, first)
	case Int32:
		return tensorOver[int32](b, shape, first)
	case Int64:
		return tensorOver[int64](b, shape, first)
	case Bool:
		return tensorOver[bool](b, shape, first)
	}
	return ort.NewStringTensor(shape)
}

func tensorOver[T ort.TensorData](b *buffer, shape ort.Shape, first int) (ort.Value, error) {
	rows := first + int(shape[0])
	return ort.NewTensor(shape, view[T](b, rows)[first*b.width:])
}

// A value looks up the handle of its tensor once. The binding's own types allocate a
// new object for it at each run.
type value struct {
	ort.Value
	internals *ort.ValueInternalData
}

func (v *value) GetInternals() *ort.ValueInternalData { return v.internals }

// column copies one column, from row first on, to dst.
func (b *buffer) column(dst []float64, first, column int) {
	switch b.elem {
	case Float32:
		copyColumn[float32](dst, b, first, column)
	case Float64:
		copyColumn[float64](dst, b, first, column)
	case Int32:
		copyColumn[int32](dst, b, first, column)
	case Int64:
		copyColumn[int64](dst, b, first, column)
	case Bool:
		for i, v := range view[bool](b, first+len(dst))[first*b.width:] {
			if i%b.width == column {
				dst[i/b.width] = boolScore(v)
			}
		}
	}
}

func copyColumn[T float32 | float64 | int32 | int64](dst []float64, b *buffer, first, column int) {
	all := view[T](b, first+len(dst))[first*b.width:]
	for i := range dst {
		dst[i] = float64(all[i*b.width+column])
	}
}

func boolScore(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
