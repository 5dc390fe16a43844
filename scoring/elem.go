package scoring

import (
	"fmt"

	"larder/schema"
)

// An Elem is the type of a tensor's elements, numbered as ONNX's
// TensorProto.DataType.
type Elem int32

// The element types that a feature can feed, or that a score can be read from.
const (
	Float32 Elem = 1
	Int32   Elem = 6
	Int64   Elem = 7
	String  Elem = 8
	Bool    Elem = 9
	Float64 Elem = 11
)

var elemNames = [...]string{
	"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
	"uint32", "uint64", "complex64", "complex128", "bfloat16",
}

// String returns the name as definitions write it: float32 for ONNX's FLOAT.
func (e Elem) String() string {
	if e >= 0 && int(e) < len(elemNames) {
		return elemNames[e]
	}
	return fmt.Sprintf("element type %d", int32(e))
}

// schemaTypes maps the elements of a tensor to Larder's type.
var schemaTypes = map[Elem]schema.Type{
	Float32: schema.Float32, Float64: schema.Float64, Int32: schema.Int32, Int64: schema.Int64, Bool: schema.Bool, String: schema.String,
}

// reachable lists, for each type of feature, the elements that it can feed
// without loss of meaning, the best first. The table is explained in doc.go.
var reachable = map[schema.Type][]Elem{
	schema.Bool:      {Bool, Float32, Float64, Int32, Int64},
	schema.Int32:     {Int32, Int64, Float64, Float32},
	schema.Int64:     {Int64, Float64, Float32},
	schema.Float32:   {Float32, Float64},
	schema.Float64:   {Float64, Float32},
	schema.String:    {String},
	schema.Timestamp: {Int64},
}

// size returns the bytes that one element takes in a tensor, and 0 for strings
// and for types that this package doesn't know.
func (e Elem) size() int {
	switch e {
	case 2, 3, Bool:
		return 1
	case 4, 5, 10, 16:
		return 2
	case Float32, Int32, 12:
		return 4
	case Float64, Int64, 13, 14:
		return 8
	case 15:
		return 16
	}
	return 0
}

func (e Elem) isFloat() bool { return e == Float32 || e == Float64 }
