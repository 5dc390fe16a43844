package scoring

import (
	"fmt"
	"strings"
)

// A Signature is what a model file declares: its inputs and its outputs. It is
// immutable.
type Signature struct {
	Inputs  []Value // the inputs that must be fed: those without an initializer
	Outputs []Value

	classes   map[string]classes // by output, where its columns are classes
	nested    bool               // some nodes contain graphs
	mixing    bool               // some nodes read all rows
	widths    map[string]int     // by input that trees read: 1 + the last column they read
	operators []string           // all that it uses
	locales   []string           // that it needs to compare and change strings
	outside   string             // why the model is not on the list of allow.go; "" when it is
}

// Outside says why the model is not on the list of those that may run in the server's
// process, and returns "" when it is.
func (s *Signature) Outside() string { return s.outside }

// A Value is an input or an output of a model.
type Value struct {
	Name string
	Kind Kind
	Elem Elem  // the elements of a tensor, or of the values of a map
	Key  Elem  // of the keys of a map
	Dims []Dim // of a tensor; nil when the file doesn't say
}

// A Kind is the structure of a value.
type Kind uint8

// The kinds.
const (
	OtherKind      Kind = iota // optional values, sparse tensors, sequences of tensors
	Tensor                     // an array
	SequenceOfMaps             // one map from class to probability per row
)

// A Dim is one dimension of a tensor: a fixed size, or any.
type Dim struct {
	Size int64  // AnySize when it isn't fixed
	Name string // of a size that isn't fixed; may be empty
}

// AnySize is the size of a dimension that each run may choose.
const AnySize = -1

func (d Dim) String() string {
	switch {
	case d.Size != AnySize:
		return fmt.Sprint(d.Size)
	case d.Name != "":
		return d.Name
	}
	return "?"
}

// String returns the value as a person reads it: score float32[N, 1].
func (v Value) String() string { return v.Name + " " + v.typeString() }

func (v Value) typeString() string {
	switch v.Kind {
	case SequenceOfMaps:
		return fmt.Sprintf("sequence<map<%s, %s>>", v.Key, v.Elem)
	case OtherKind:
		return "neither a tensor nor a sequence of maps"
	}
	if v.Dims == nil {
		return v.Elem.String() + "[...]"
	}
	dims := make([]string, len(v.Dims))
	for i, d := range v.Dims {
		dims[i] = d.String()
	}
	return v.Elem.String() + "[" + strings.Join(dims, ", ") + "]"
}

// classes says what the columns of a tensor of probabilities are of.
type classes struct {
	labels []string
	source string // of a sequence of maps: the tensor that a ZipMap makes it from
}

func names(values []Value) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.Name
	}
	return all
}
