package inference

import (
	"slices"
	"strings"

	inferencev2 "larder/api/inference"
	"larder/schema"
	"larder/scoring"
)

// A datatype is a type of elements, as the protocol and as ONNX call it.
type datatype struct {
	name   string
	elem   scoring.Elem
	config inferencev2.DataType
}

var datatypes = [...]datatype{
	{"BOOL", scoring.Bool, inferencev2.DataType_TYPE_BOOL},
	{"UINT8", 2, inferencev2.DataType_TYPE_UINT8},
	{"UINT16", 4, inferencev2.DataType_TYPE_UINT16},
	{"UINT32", 12, inferencev2.DataType_TYPE_UINT32},
	{"UINT64", 13, inferencev2.DataType_TYPE_UINT64},
	{"INT8", 3, inferencev2.DataType_TYPE_INT8},
	{"INT16", 5, inferencev2.DataType_TYPE_INT16},
	{"INT32", scoring.Int32, inferencev2.DataType_TYPE_INT32},
	{"INT64", scoring.Int64, inferencev2.DataType_TYPE_INT64},
	{"FP16", 10, inferencev2.DataType_TYPE_FP16},
	{"FP32", scoring.Float32, inferencev2.DataType_TYPE_FP32},
	{"FP64", scoring.Float64, inferencev2.DataType_TYPE_FP64},
	{"BYTES", scoring.String, inferencev2.DataType_TYPE_STRING},
	{"BF16", 16, inferencev2.DataType_TYPE_BF16},
}

func datatypeNames() []string {
	all := make([]string, len(datatypes))
	for i, d := range datatypes {
		all[i] = d.name
	}
	return all
}

// elemOf returns the element type of a datatype.
func elemOf(input, name string) (scoring.Elem, error) {
	at := slices.IndexFunc(datatypes[:], func(d datatype) bool { return d.name == name })
	if at < 0 {
		return 0, badInput("input %q has the datatype %q; use %s", clip(input), clip(name), strings.Join(datatypeNames(), ", "))
	}
	return datatypes[at].elem, nil
}

// datatypeOf returns the datatype of an element type, and none for those that the
// protocol can't carry.
func datatypeOf(e scoring.Elem) (datatype, bool) {
	at := slices.IndexFunc(datatypes[:], func(d datatype) bool { return d.elem == e })
	if at < 0 {
		return datatype{}, false
	}
	return datatypes[at], true
}

// elemOfType returns how a tensor carries a type of Larder's; 0 for lists, since their
// rows differ in length.
func elemOfType(t schema.Type) scoring.Elem {
	switch t {
	case schema.Bool:
		return scoring.Bool
	case schema.Int32:
		return scoring.Int32
	case schema.Int64, schema.Timestamp:
		return scoring.Int64
	case schema.Float32:
		return scoring.Float32
	case schema.Float64:
		return scoring.Float64
	case schema.String, schema.Bytes:
		return scoring.String
	}
	return 0
}

func badInput(format string, args ...any) *schema.Error {
	return schema.BadInput.Errorf(format, args...)
}

// clip shortens what a caller calls something, for a message.
func clip(name string) string {
	const most = 80
	if len(name) > most {
		name = name[:most] + "..."
	}
	return strings.ToValidUTF8(name, "?")
}
