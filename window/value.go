package window

import (
	"cmp"
	"math"
	"strings"
)

// A FieldType is the type of a field of events.
type FieldType uint8

// The types of fields.
const (
	Bool  FieldType = iota
	Int             // int32, int64, and timestamps in microseconds
	Float           // float64, and float32 widened
	Text            // strings and bytes
)

func (t FieldType) String() string {
	switch t {
	case Bool:
		return "bool"
	case Int:
		return "int"
	case Float:
		return "float"
	case Text:
		return "text"
	}
	return "unknown"
}

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindFloat
	kindText
	kindList    // of an answer: bits are the first item and the number of items
	kindHash    // a text of which only the hash is kept
	kindPresent // a text of which nothing is kept
)

// A Value is one value of a field or of an answer. The zero Value is null.
type Value struct {
	kind kind
	bits uint64
	text string
}

// Null returns the null value.
func Null() Value { return Value{} }

// OfBool returns the value of a Bool field.
func OfBool(b bool) Value {
	if b {
		return Value{kind: kindBool, bits: 1}
	}
	return Value{kind: kindBool}
}

// OfInt returns the value of an Int field.
func OfInt(x int64) Value { return Value{kind: kindInt, bits: uint64(x)} }

// OfFloat returns the value of a Float field. All NaNs become one.
func OfFloat(x float64) Value {
	if x != x {
		x = math.NaN()
	}
	return Value{kind: kindFloat, bits: math.Float64bits(x)}
}

// OfText returns the value of a Text field.
func OfText(s string) Value { return Value{kind: kindText, text: s} }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == kindNull }

// Bool returns the value of a bool.
func (v Value) Bool() bool { return v.bits != 0 }

// Int returns the value of an int.
func (v Value) Int() int64 { return int64(v.bits) }

// Float returns the value of a float.
func (v Value) Float() float64 { return math.Float64frombits(v.bits) }

// Text returns the value of a text.
func (v Value) Text() string { return v.text }

// number returns an int or a float as a float.
func (v Value) number() float64 {
	if v.kind == kindInt {
		return float64(int64(v.bits))
	}
	return v.Float()
}

// rank returns an integer that sorts as numbers and bools do: -0 before +0, NaN last.
func (v Value) rank() int64 {
	if v.kind == kindFloat {
		return floatRank(v.bits)
	}
	return int64(v.bits)
}

// floatRank maps the bits of a float to an integer that sorts as floats do. It is its
// own inverse.
func floatRank(bits uint64) int64 {
	x := int64(bits)
	return x ^ int64(uint64(x>>63)>>1)
}

func compareValues(a, b Value) int {
	if a.kind == kindText {
		return strings.Compare(a.text, b.text)
	}
	return cmp.Compare(a.rank(), b.rank())
}

// equalZero returns v with -0 as +0, as SQL compares.
func equalZero(v Value) Value {
	if v.kind == kindFloat && v.bits == 1<<63 {
		v.bits = 0
	}
	return v
}

// An Event is one event of a key.
type Event struct {
	Time    int64  // microseconds since 1970, from MinTime to MaxTime
	ID      string // breaks ties of time; one event stands for an id at a time
	Retract bool   // the event of this id, time and values is taken back
	Values  []Value
}

// Times are limited to the years 4713 BC to 9999; others count as the nearer limit.
const (
	MinTime = -210_866_803_200_000_000
	MaxTime = 253_402_300_799_999_999
)

func clampTime(t int64) int64 { return min(max(t, MinTime), MaxTime) }
