package offline

import (
	"encoding/base64"
	"encoding/json"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// isNested reports whether values of a type have parts, other than plain lists, which
// Postgres has arrays for. A table keeps them as JSON.
func isNested(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StructType, *arrow.MapType:
		return true
	case arrow.ListLikeType:
		_, list := t.Elem().(arrow.ListLikeType)
		return list || isNested(t.Elem())
	}
	return false
}

// checkLeaves returns an error that names a column of nested values where some part is of a
// type that can't be loaded.
func checkLeaves(name string, t arrow.DataType) error {
	var parts []arrow.Field
	switch is := t.(type) {
	case arrow.NestedType:
		parts = is.Fields()
	case *arrow.DictionaryType:
		parts = []arrow.Field{{Type: is.ValueType}}
	default:
		if valueType(t, false) == "" {
			return noColumn(name, t)
		}
	}
	for _, part := range parts {
		if err := checkLeaves(name, part.Type); err != nil {
			return err
		}
	}
	return nil
}

// jsonCell returns the cell of values as JSON: a struct and a map of texts are objects, any
// other map is a list of pairs. Bytes are base64; a float that is no number is a text.
func jsonCell(a arrow.Array) (cell, error) {
	switch a := a.(type) {
	case *array.Struct:
		return structCell(a)
	case *array.Map:
		return mapCell(a)
	case array.ListLike:
		element, err := jsonElement(a.ListValues())
		return func(dst []byte, row int) ([]byte, error) {
			from, to := a.ValueOffsets(row)
			return appendParts(dst, '[', ']', int(from), int(to), element)
		}, err
	case *array.Dictionary:
		value, err := jsonElement(a.Dictionary())
		return func(dst []byte, row int) ([]byte, error) { return value(dst, a.GetValueIndex(row)) }, err
	case array.ExtensionArray:
		return jsonCell(a.Storage())
	}
	return jsonLeaf(a)
}

// jsonElement is jsonCell for values that may be null.
func jsonElement(a arrow.Array) (cell, error) {
	value, err := jsonCell(a)
	null := nulls(a)
	return func(dst []byte, row int) ([]byte, error) {
		if null(row) {
			return append(dst, "null"...), nil
		}
		return value(dst, row)
	}, err
}

func appendParts(dst []byte, open, end byte, from, to int, part cell) (_ []byte, err error) {
	dst = append(dst, open)
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		if dst, err = part(dst, i); err != nil {
			return dst, err
		}
	}
	return append(dst, end), nil
}

func structCell(a *array.Struct) (cell, error) {
	fields := make([]cell, a.NumField())
	for i := range fields {
		name, err := json.Marshal(a.DataType().(*arrow.StructType).Field(i).Name)
		if err != nil {
			return nil, err
		}
		value, err := jsonElement(a.Field(i))
		if err != nil {
			return nil, err
		}
		fields[i] = func(dst []byte, row int) ([]byte, error) { return value(append(append(dst, name...), ':'), row) }
	}
	return func(dst []byte, row int) ([]byte, error) {
		return appendParts(dst, '{', '}', 0, len(fields), func(dst []byte, i int) ([]byte, error) { return fields[i](dst, row) })
	}, nil
}

func mapCell(a *array.Map) (cell, error) {
	key, err := jsonElement(a.Keys())
	if err != nil {
		return nil, err
	}
	value, err := jsonElement(a.Items())
	if err != nil {
		return nil, err
	}
	open, between, end := "[", byte(','), "]"
	outer := [2]byte{'[', ']'}
	if _, texts := a.Keys().(array.StringLike); texts {
		open, between, end, outer = "", ':', "", [2]byte{'{', '}'}
	}
	pair := func(dst []byte, i int) (_ []byte, err error) {
		if dst, err = key(append(dst, open...), i); err != nil {
			return dst, err
		}
		dst, err = value(append(dst, between), i)
		return append(dst, end...), err
	}
	return func(dst []byte, row int) ([]byte, error) {
		from, to := a.ValueOffsets(row)
		return appendParts(dst, outer[0], outer[1], int(from), int(to), pair)
	}, nil
}

// jsonLeaf returns the cell of values without parts.
func jsonLeaf(a arrow.Array) (cell, error) {
	var float func(int) float64
	switch a := a.(type) {
	case array.StringLike:
		return func(dst []byte, row int) ([]byte, error) {
			text, err := json.Marshal(a.Value(row))
			return append(dst, text...), err
		}, nil
	case *array.Binary:
		return base64Cell(a.Value), nil
	case *array.LargeBinary:
		return base64Cell(a.Value), nil
	case *array.BinaryView:
		return base64Cell(a.Value), nil
	case *array.FixedSizeBinary:
		return base64Cell(a.Value), nil
	case *array.Float16:
		float = func(row int) float64 { return float64(a.Value(row).Float32()) }
	case *array.Float32:
		float = func(row int) float64 { return float64(a.Value(row)) }
	case *array.Float64:
		float = a.Value
	}
	plain, err := valueCell(a, text)
	quoted := isText(a)
	switch a.DataType().ID() {
	case arrow.TIME32, arrow.TIME64:
		quoted = true
	}
	return func(dst []byte, row int) (_ []byte, err error) {
		quotes := quoted || float != nil && (math.IsNaN(float(row)) || math.IsInf(float(row), 0))
		if quotes {
			dst = append(dst, '"')
		}
		if dst, err = plain(dst, row); quotes {
			dst = append(dst, '"')
		}
		return dst, err
	}, err
}

func base64Cell(value func(int) []byte) cell {
	return func(dst []byte, row int) ([]byte, error) {
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), value(row)), '"'), nil
	}
}
