package schema

import (
	"fmt"
	"strings"
)

// A Type is the type of a join key, a feature or a request value: a scalar, a list of
// scalars, or a vector, which is a list of a fixed number of numbers. The zero Type is
// not a type.
//
// The low byte of a scalar or a list is written into catalogs and snapshots; its numbers
// are never reused. Above it is the length of a vector, and 0 for all other types.
type Type uint32

// The scalar types. List makes the list type of each, and Vector the vectors of numbers.
const (
	Bool Type = iota + 1
	Int32
	Int64
	Float32
	Float64
	String
	Bytes
	Timestamp // UTC, microseconds
)

const (
	listBit     Type = 0x20
	elemMask    Type = 0x0f
	lastType         = Timestamp
	lengthShift      = 8
)

var typeNames = [...]string{
	Bool: "bool", Int32: "int32", Int64: "int64", Float32: "float32", Float64: "float64",
	String: "string", Bytes: "bytes", Timestamp: "timestamp",
}

// List returns the type of lists of t, which must be a scalar.
func List(t Type) Type { return t | listBit }

// IsList reports whether t is a list. A vector is one.
func (t Type) IsList() bool { return t&listBit != 0 }

// Elem returns the element type of a list; for a scalar, the scalar itself.
func (t Type) Elem() Type { return t & (1<<lengthShift - 1) &^ listBit }

// Valid reports whether t is one of the types that exist.
func (t Type) Valid() bool {
	e := t.Elem()
	if t.AsList()&^(listBit|elemMask) != 0 || e < Bool || e > lastType {
		return false
	}
	return !t.IsVector() || t.IsList() && (e.IsInteger() || e.IsFloat()) && t.Len() <= MaxVectorLen
}

// IsInteger reports whether t is int32 or int64.
func (t Type) IsInteger() bool { return t == Int32 || t == Int64 }

// IsFloat reports whether t is float32 or float64.
func (t Type) IsFloat() bool { return t == Float32 || t == Float64 }

// IsKey reports whether a join key may have type t. Floats have several notions of
// equality and lists have no size limit, so neither can be a key.
func (t Type) IsKey() bool { return t.Valid() && !t.IsList() && !t.IsFloat() }

// String returns the name used in definitions: int64, list<int64>, vector<int64, 3>.
func (t Type) String() string {
	switch {
	case !t.Valid():
		return fmt.Sprintf("type(%d)", uint32(t))
	case t.IsVector():
		return fmt.Sprintf("vector<%s, %d>", typeNames[t.Elem()], t.Len())
	case t.IsList():
		return "list<" + typeNames[t.Elem()] + ">"
	}
	return typeNames[t]
}

// TypeNames returns the names of all types but vectors, scalars first.
func TypeNames() []string {
	var names []string
	for _, bit := range []Type{0, listBit} {
		for t := Bool; t <= lastType; t++ {
			names = append(names, (t | bit).String())
		}
	}
	return names
}

// ParseType returns the type of a name used in definitions.
func ParseType(name string) (Type, error) {
	if rest, isVector := strings.CutPrefix(name, "vector"); isVector {
		return parseVector(name, rest)
	}
	elem, isList := strings.CutPrefix(name, "list<")
	if isList {
		elem = strings.TrimSuffix(elem, ">")
	}
	for t := Bool; t <= lastType; t++ {
		full := t
		if isList {
			full = List(t)
		}
		if typeNames[t] == elem && full.String() == name {
			return full, nil
		}
	}
	meant := foreignNames[strings.ToLower(elem)]
	switch {
	case meant == 0:
		return 0, fmt.Errorf("no type %q; %s", name, Nearest(name, TypeNames()))
	case isList:
		meant = List(meant)
	}
	return 0, fmt.Errorf("no type %q; did you mean %q?", name, meant)
}

// foreignNames maps type names of other systems, which people try first.
var foreignNames = map[string]Type{
	"boolean": Bool, "integer": Int64, "int": Int64, "bigint": Int64, "long": Int64, "int8": Int64, "smallint": Int32, "int16": Int32, "int4": Int32,
	"float": Float64, "double": Float64, "double precision": Float64, "float8": Float64, "numeric": Float64, "decimal": Float64, "number": Float64,
	"real": Float32, "float4": Float32, "text": String, "varchar": String, "str": String, "bytea": Bytes, "blob": Bytes,
	"timestamptz": Timestamp, "datetime": Timestamp, "date": Timestamp, "unix_timestamp": Timestamp,
}

// MarshalText writes the name of t; [encoding/json] uses it.
func (t Type) MarshalText() ([]byte, error) {
	if !t.Valid() {
		return nil, fmt.Errorf("%s does not exist", t)
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads the name of a type.
func (t *Type) UnmarshalText(text []byte) error {
	parsed, err := ParseType(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// A Status says how one value was found. The numbers are those of Feast's
// FieldStatus, and of larder.v1.Status.
type Status uint8

// The statuses. A value with any status except StatusPresent is the feature's default,
// or null.
const (
	StatusPresent       Status = iota + 1
	StatusNullValue            // the newest row has null there
	StatusNotFound             // no row of that key
	StatusOutsideMaxAge        // the newest row is older than its view's TTL
	StatusWithheld             // the feature is sensitive, and the caller may not read its value
)

var statusNames = [...]string{"INVALID", "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "WITHHELD"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}
