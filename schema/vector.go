package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxVectorLen is the most elements that a vector has.
const MaxVectorLen = 1 << 16

// MaxVectorBytes bounds the vectors of one view, of the request values of one service or
// on-demand view, and of the results of one on-demand view: what they take in one row.
const MaxVectorBytes = MaxValueBytes - 64<<10

// Vector returns the type of vectors of n elements of type t. It is valid for numbers
// and from 1 to [MaxVectorLen] elements.
func Vector(t Type, n int) Type { return List(t) | Type(n)<<lengthShift }

// IsVector reports whether t is a list of a fixed number of elements.
func (t Type) IsVector() bool { return t>>lengthShift != 0 }

// Len returns the number of elements of a vector; 0 for any other type.
func (t Type) Len() int { return int(t >> lengthShift) }

// VectorBytes returns how many bytes the elements of a vector take; 0 for any other type.
func (t Type) VectorBytes() int {
	if e := t.Elem(); e == Int32 || e == Float32 {
		return 4 * t.Len()
	}
	return 8 * t.Len()
}

// AsList returns the list type that a vector's values also have; any other type as it is.
func (t Type) AsList() Type { return t & (1<<lengthShift - 1) }

// CheckLen returns why a vector can't have n elements; nil for any other type.
func (t Type) CheckLen(n int) error {
	if !t.IsVector() || n == t.Len() {
		return nil
	}
	return fmt.Errorf("the length is %d; %s has length %d", n, t, t.Len())
}

// VectorPattern is a regular expression for the names of vectors.
const VectorPattern = `^vector< *(float32|float64|int32|int64) *, *([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-6]) *>$`

// parseVector reads what follows the word vector in a name.
func parseVector(name, rest string) (Type, error) {
	inside, opened := strings.CutPrefix(rest, "<")
	inside, closed := strings.CutSuffix(inside, ">")
	elem, length, hasLength := strings.Cut(inside, ",")
	elem, length = strings.Trim(elem, " "), strings.Trim(length, " ")
	switch {
	case opened && !closed && !hasLength: // a flow mapping ends at the comma
		return 0, fmt.Errorf(`no type %q; write vector<%s, 64>, in quotes where it is between { and }`, name, vectorElem(elem))
	case !opened || !closed || !hasLength:
		return 0, fmt.Errorf("no type %q; write the elements and how many there are, as in vector<float32, 64>", name)
	}
	t := vectorElem(elem)
	if typeNames[t] != elem {
		return 0, fmt.Errorf("no type %q; the elements of a vector are float32, float64, int32 or int64", name)
	}
	n, err := strconv.ParseUint(length, 10, 32)
	if err != nil || n < 1 || n > MaxVectorLen || length[0] == '0' {
		return 0, fmt.Errorf("no type %q; a vector has 1 to %d elements, as in vector<%s, 64>", name, MaxVectorLen, t)
	}
	return Vector(t, int(n)), nil
}

// vectorElem returns the type of a vector's elements that has a name, or else the
// commonest.
func vectorElem(name string) Type {
	for t := Bool; t <= lastType; t++ {
		if typeNames[t] == name && (t.IsInteger() || t.IsFloat()) {
			return t
		}
	}
	return Float32
}

// vectorBytes returns what the vectors among features take in one row.
func vectorBytes(features []Feature) int {
	n := 0
	for _, f := range features {
		if f.Type.Valid() {
			n += f.Type.VectorBytes()
		}
	}
	return n
}
