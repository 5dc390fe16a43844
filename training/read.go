package training

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/vector"
)

// readColumn reads a column of a spine as a column of a request. Its type is the
// nearest that there is to the column's own; package vector converts it on to
// what is wanted, or refuses it.
func readColumn(a arrow.Array, want schema.Type) (vector.Column, error) {
	if a, encoded := a.(*array.Dictionary); encoded {
		return readDictionary(a, want)
	}
	if a.DataType().ID() == arrow.NULL {
		return nullColumn(want, a.Len()), nil
	}
	out, err := readValues(a)
	if err != nil {
		return out, err
	}
	if a.NullN() > 0 {
		out.Valid = make([]bool, a.Len())
		for i := range out.Valid {
			out.Valid[i] = a.IsValid(i)
		}
	}
	return out, nil
}

func readValues(a arrow.Array) (vector.Column, error) {
	switch a := a.(type) {
	case *array.Boolean:
		return vector.Column{Type: schema.Bool, Bools: collect(a.Len(), a.Value)}, nil
	case *array.Int8:
		return int32s(a.Int8Values()), nil
	case *array.Int16:
		return int32s(a.Int16Values()), nil
	case *array.Uint8:
		return int32s(a.Uint8Values()), nil
	case *array.Uint16:
		return int32s(a.Uint16Values()), nil
	case *array.Int32:
		return vector.Column{Type: schema.Int32, Int32s: a.Int32Values()}, nil
	case *array.Uint32:
		return int64s(a.Uint32Values()), nil
	case *array.Int64:
		return vector.Column{Type: schema.Int64, Int64s: a.Int64Values()}, nil
	case *array.Uint64:
		return readUint64(a)
	case *array.Float32:
		return vector.Column{Type: schema.Float32, Float32s: a.Float32Values()}, nil
	case *array.Float64:
		return vector.Column{Type: schema.Float64, Float64s: a.Float64Values()}, nil
	case *array.Timestamp:
		return readTimestamp(a)
	}
	return readTexts(a)
}

func readTexts(a arrow.Array) (vector.Column, error) {
	switch a := a.(type) {
	case *array.String:
		return vector.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.LargeString:
		return vector.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.StringView:
		return vector.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.Binary:
		return vector.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.LargeBinary:
		return vector.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.BinaryView:
		return vector.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.FixedSizeBinary:
		return vector.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case array.ListLike:
		return readList(a)
	}
	return vector.Column{}, fmt.Errorf("%s is of no use here", a.DataType())
}

func collect[T any](n int, value func(int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func int32s[T int8 | int16 | uint8 | uint16](values []T) vector.Column {
	return vector.Column{Type: schema.Int32, Int32s: collect(len(values), func(i int) int32 { return int32(values[i]) })}
}

func int64s[T uint32](values []T) vector.Column {
	return vector.Column{Type: schema.Int64, Int64s: collect(len(values), func(i int) int64 { return int64(values[i]) })}
}

func readUint64(a *array.Uint64) (vector.Column, error) {
	out := vector.Column{Type: schema.Int64, Int64s: make([]int64, a.Len())}
	for i, v := range a.Uint64Values() {
		if int64(v) < 0 && a.IsValid(i) {
			return out, fmt.Errorf("%d is more than an int64 holds", v)
		}
		out.Int64s[i] = int64(v)
	}
	return out, nil
}

func readTimestamp(a *array.Timestamp) (vector.Column, error) {
	out := vector.Column{Type: schema.Timestamp, Int64s: make([]int64, a.Len())}
	t := a.DataType().(*arrow.TimestampType)
	if t.TimeZone == "" {
		return out, fmt.Errorf("a timestamp without a time zone names no moment; give it one, as tz_localize(\"UTC\") does in pandas")
	}
	for i, v := range a.TimestampValues() {
		micros, fits := toMicros(int64(v), t.Unit)
		if !fits && a.IsValid(i) {
			return out, fmt.Errorf("a time past the year 9999")
		}
		out.Int64s[i] = micros
	}
	return out, nil
}

// readList reads lists, whose elements of all rows are to lie end to end.
func readList(a array.ListLike) (vector.Column, error) {
	starts, ends := make([]int, a.Len()), make([]uint32, a.Len())
	total := uint32(0)
	for i := range ends {
		if a.IsValid(i) {
			start, end := a.ValueOffsets(i)
			starts[i] = int(start)
			total += uint32(end - start)
		}
		ends[i] = total
	}
	all, err := readColumn(a.ListValues(), 0)
	if err != nil {
		return all, fmt.Errorf("its elements: %w", err)
	}
	if all.Type.IsList() {
		return all, fmt.Errorf("lists of lists are of no use here")
	}
	out := vector.Column{Type: schema.List(all.Type), Ends: ends}
	at := uint32(0)
	for i, end := range ends {
		for k := range int(end - at) {
			if all.IsNull(starts[i] + k) {
				return out, fmt.Errorf("a null in the list of row %d", i)
			}
			appendValue(&out, &all, starts[i]+k)
		}
		at = end
	}
	return out, nil
}

// appendValue appends value i of a column to another whose elements are of its type.
func appendValue(to, from *vector.Column, i int) {
	switch from.Type {
	case schema.Bool:
		to.Bools = append(to.Bools, from.Bools[i])
	case schema.Int32:
		to.Int32s = append(to.Int32s, from.Int32s[i])
	case schema.Int64, schema.Timestamp:
		to.Int64s = append(to.Int64s, from.Int64s[i])
	case schema.Float32:
		to.Float32s = append(to.Float32s, from.Float32s[i])
	case schema.Float64:
		to.Float64s = append(to.Float64s, from.Float64s[i])
	case schema.String:
		to.Strings = append(to.Strings, from.Strings[i])
	case schema.Bytes:
		to.Bytes = append(to.Bytes, from.Bytes[i])
	}
}

// readDictionary reads a column that names its values by number, as categories
// of pandas and polars do.
func readDictionary(a *array.Dictionary, want schema.Type) (vector.Column, error) {
	values, err := readColumn(a.Dictionary(), want)
	if err != nil || values.Type.IsList() {
		return values, err
	}
	zero := nullColumn(values.Type, 1)
	out := vector.Column{Type: values.Type, Valid: make([]bool, a.Len())}
	for i := range out.Valid {
		if a.IsNull(i) || values.IsNull(a.GetValueIndex(i)) {
			appendValue(&out, &zero, 0)
			continue
		}
		out.Valid[i] = true
		appendValue(&out, &values, a.GetValueIndex(i))
	}
	return out, nil
}

// nullColumn returns n nulls of a type; of no type, as elements of lists that
// have none, they are bools.
func nullColumn(t schema.Type, n int) vector.Column {
	if t == 0 {
		t = schema.Bool
	}
	out := vector.Column{Type: t, Valid: make([]bool, n)}
	switch t.Elem() {
	case schema.Bool:
		out.Bools = make([]bool, n)
	case schema.Int32:
		out.Int32s = make([]int32, n)
	case schema.Int64, schema.Timestamp:
		out.Int64s = make([]int64, n)
	case schema.Float32:
		out.Float32s = make([]float32, n)
	case schema.Float64:
		out.Float64s = make([]float64, n)
	case schema.String:
		out.Strings = make([]string, n)
	case schema.Bytes:
		out.Bytes = make([][]byte, n)
	}
	if t.IsList() {
		out.Ends = make([]uint32, n)
		out.Bools, out.Int32s, out.Int64s, out.Float32s, out.Float64s, out.Strings, out.Bytes = nil, nil, nil, nil, nil, nil, nil
	}
	return out
}
