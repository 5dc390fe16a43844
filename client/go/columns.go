package larder

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	larderv1 "larder/api/larder/v1"
)

// Columns are values by name: for each name a slice with one value per row. A
// slice is one of []bool, []int32, []int64, []int, []float32, []float64,
// []string, [][]byte and []time.Time; a slice of pointers to such values, where
// nil is null; or a slice of such slices, for features that are lists.
type Columns map[string]any

// messages returns the columns as the server takes them, ordered by name.
func (c Columns) messages() ([]*larderv1.Column, error) {
	out := make([]*larderv1.Column, 0, len(c))
	for _, name := range slices.Sorted(maps.Keys(c)) {
		column, err := message(c[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		column.Name = name
		out = append(out, column)
	}
	return out, nil
}

// message returns values as a column without a name.
func message(values any) (*larderv1.Column, error) {
	switch v := values.(type) {
	case []bool:
		return &larderv1.Column{Values: &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: v}}}, nil
	case []int32:
		return &larderv1.Column{Values: &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: v}}}, nil
	case []int64:
		return &larderv1.Column{Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: v}}}, nil
	case []int:
		wide := make([]int64, len(v))
		for i, n := range v {
			wide[i] = int64(n)
		}
		return message(wide)
	case []float32:
		return &larderv1.Column{Values: &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: v}}}, nil
	case []float64:
		return &larderv1.Column{Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: v}}}, nil
	case []string:
		return &larderv1.Column{Values: &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: v}}}, nil
	case [][]byte:
		return &larderv1.Column{Values: &larderv1.Column_Blobs{Blobs: &larderv1.Blobs{Values: v}}}, nil
	case []time.Time:
		micros := make([]int64, len(v))
		for i, t := range v {
			if !t.IsZero() { // the value of a null
				micros[i] = t.UnixMicro()
			}
		}
		return &larderv1.Column{Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: micros}}}, nil
	}
	if v := reflect.ValueOf(values); v.Kind() == reflect.Slice {
		switch v.Type().Elem().Kind() {
		case reflect.Pointer:
			return nullable(v)
		case reflect.Slice:
			return lists(v)
		}
	}
	return nil, fmt.Errorf("%T is not a column; see larder.Columns for the types that are", values)
}

// nullable returns a column of pointers.
func nullable(v reflect.Value) (*larderv1.Column, error) {
	values := reflect.MakeSlice(reflect.SliceOf(v.Type().Elem().Elem()), v.Len(), v.Len())
	var nulls []uint32
	for i := range v.Len() {
		if v.Index(i).IsNil() {
			nulls = append(nulls, uint32(i))
			continue
		}
		values.Index(i).Set(v.Index(i).Elem())
	}
	column, err := message(values.Interface())
	if err == nil {
		column.Nulls = nulls
	}
	return column, err
}

// lists returns a column of slices.
func lists(v reflect.Value) (*larderv1.Column, error) {
	all := reflect.MakeSlice(v.Type().Elem(), 0, v.Len())
	ends := make([]uint32, v.Len())
	for i := range ends {
		all = reflect.AppendSlice(all, v.Index(i))
		ends[i] = uint32(all.Len())
	}
	elements, err := message(all.Interface())
	if err != nil {
		return nil, err
	}
	return &larderv1.Column{Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{Elements: elements, Ends: ends}}}, nil
}

// values returns the values of a column in one of the types of Columns.
func values(c *larderv1.Column) any {
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return v.Bools.GetValues()
	case *larderv1.Column_Int32S:
		return v.Int32S.GetValues()
	case *larderv1.Column_Int64S:
		return v.Int64S.GetValues()
	case *larderv1.Column_Floats:
		return v.Floats.GetValues()
	case *larderv1.Column_Doubles:
		return v.Doubles.GetValues()
	case *larderv1.Column_Strings:
		return v.Strings.GetValues()
	case *larderv1.Column_Blobs:
		return v.Blobs.GetValues()
	case *larderv1.Column_Timestamps:
		times := make([]time.Time, len(v.Timestamps.GetValues()))
		for i, micros := range v.Timestamps.GetValues() {
			times[i] = time.UnixMicro(micros).UTC()
		}
		return times
	case *larderv1.Column_Lists:
		return split(reflect.ValueOf(values(v.Lists.GetElements())), v.Lists.GetEnds())
	}
	return nil
}

// split returns the elements of lists as a slice of slices.
func split(elements reflect.Value, ends []uint32) any {
	if !elements.IsValid() {
		return nil
	}
	out := reflect.MakeSlice(reflect.SliceOf(elements.Type()), len(ends), len(ends))
	first := 0
	for i, end := range ends {
		out.Index(i).Set(elements.Slice(first, int(end)))
		first = int(end)
	}
	return out.Interface()
}
