package arrows

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column"
	"larder/schema"
)

// Read returns an array as a column. Its type is the nearest that there is to the
// array's own; want is the type to give an array of nulls only, which has none, or 0.
// Numbers and times of the same width alias the array.
func Read(a arrow.Array, want schema.Type) (column.Column, error) {
	if a, encoded := a.(*array.Dictionary); encoded {
		return readDictionary(a, want)
	}
	if a.DataType().ID() == arrow.NULL {
		return nulls(want, a.Len()), nil
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

func readValues(a arrow.Array) (column.Column, error) {
	switch a := a.(type) {
	case *array.Boolean:
		return column.Column{Type: schema.Bool, Bools: collect(a.Len(), a.Value)}, nil
	case *array.Int8:
		return int32s(a.Int8Values()), nil
	case *array.Int16:
		return int32s(a.Int16Values()), nil
	case *array.Uint8:
		return int32s(a.Uint8Values()), nil
	case *array.Uint16:
		return int32s(a.Uint16Values()), nil
	case *array.Int32:
		return column.Column{Type: schema.Int32, Int32s: a.Int32Values()}, nil
	case *array.Uint32:
		return int64s(a.Uint32Values()), nil
	case *array.Int64:
		return column.Column{Type: schema.Int64, Int64s: a.Int64Values()}, nil
	case *array.Uint64:
		return readUint64(a)
	case *array.Float32:
		return column.Column{Type: schema.Float32, Float32s: a.Float32Values()}, nil
	case *array.Float64:
		return column.Column{Type: schema.Float64, Float64s: a.Float64Values()}, nil
	case *array.Timestamp:
		return readTimestamp(a)
	}
	return readTexts(a)
}

func readTexts(a arrow.Array) (column.Column, error) {
	switch a := a.(type) {
	case *array.String:
		return column.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.LargeString:
		return column.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.StringView:
		return column.Column{Type: schema.String, Strings: collect(a.Len(), a.Value)}, nil
	case *array.Binary:
		return column.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.LargeBinary:
		return column.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.BinaryView:
		return column.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case *array.FixedSizeBinary:
		return column.Column{Type: schema.Bytes, Bytes: collect(a.Len(), a.Value)}, nil
	case array.ListLike:
		return readList(a)
	}
	return column.Column{}, fmt.Errorf("%s is of no use here", a.DataType())
}

func collect[T any](n int, value func(int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func int32s[T int8 | int16 | uint8 | uint16](values []T) column.Column {
	return column.Column{Type: schema.Int32, Int32s: collect(len(values), func(i int) int32 { return int32(values[i]) })}
}

func int64s[T uint32](values []T) column.Column {
	return column.Column{Type: schema.Int64, Int64s: collect(len(values), func(i int) int64 { return int64(values[i]) })}
}

func readUint64(a *array.Uint64) (column.Column, error) {
	out := column.Column{Type: schema.Int64, Int64s: make([]int64, a.Len())}
	for i, v := range a.Uint64Values() {
		if int64(v) < 0 && a.IsValid(i) {
			return out, fmt.Errorf("%d is more than an int64 holds", v)
		}
		out.Int64s[i] = int64(v)
	}
	return out, nil
}

func readTimestamp(a *array.Timestamp) (column.Column, error) {
	out := column.Column{Type: schema.Timestamp, Int64s: make([]int64, a.Len())}
	t := a.DataType().(*arrow.TimestampType)
	if t.TimeZone == "" {
		return out, fmt.Errorf("a timestamp without a time zone names no moment; give it one, as tz_localize(\"UTC\") does in pandas")
	}
	for i, v := range a.TimestampValues() {
		micros, fits := Micros(int64(v), t.Unit)
		if !fits && a.IsValid(i) {
			return out, fmt.Errorf("a time past the year 9999")
		}
		out.Int64s[i] = micros
	}
	return out, nil
}

// readList reads lists. In a column the elements of all rows lie end to end.
func readList(a array.ListLike) (column.Column, error) {
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
	all, err := Read(a.ListValues(), 0)
	if err != nil {
		return all, fmt.Errorf("its elements: %w", err)
	}
	if all.Type.IsList() {
		return all, fmt.Errorf("lists of lists are of no use here")
	}
	out := column.Column{Type: schema.List(all.Type), Ends: ends}
	out.Reserve(int(total))
	for i := range ends {
		start, end := out.List(i)
		first := uint32(starts[i])
		for k := first; k < first+end-start; k++ {
			if all.IsNull(int(k)) {
				return out, fmt.Errorf("a null in the list of row %d", i)
			}
		}
		out.AppendElements(&all, first, first+end-start)
	}
	return out, nil
}

// readDictionary reads a column that names its values by number, as categories
// of pandas and polars do.
func readDictionary(a *array.Dictionary, want schema.Type) (column.Column, error) {
	values, err := Read(a.Dictionary(), want)
	if err != nil || values.Type.IsList() {
		return values, err
	}
	zero := nulls(values.Type, 1)
	out := column.Column{Type: values.Type, Valid: make([]bool, a.Len())}
	for i := range out.Valid {
		if a.IsNull(i) || values.IsNull(a.GetValueIndex(i)) {
			out.AppendElements(&zero, 0, 1)
			continue
		}
		out.Valid[i] = true
		at := uint32(a.GetValueIndex(i))
		out.AppendElements(&values, at, at+1)
	}
	return out, nil
}

// nulls returns a column of n nulls.
func nulls(t schema.Type, n int) column.Column {
	if t == 0 {
		t = schema.Bool
	}
	out := column.New(t, n)
	out.Valid = make([]bool, n)
	return out
}

// Micros converts a time to microseconds and reports whether it fits.
func Micros(t int64, unit arrow.TimeUnit) (int64, bool) {
	switch unit {
	case arrow.Second:
		return t * 1_000_000, t*1_000_000/1_000_000 == t
	case arrow.Millisecond:
		return t * 1000, t*1000/1000 == t
	case arrow.Nanosecond:
		micros := t / 1000
		if t%1000 < 0 {
			micros--
		}
		return micros, true
	}
	return t, true
}
