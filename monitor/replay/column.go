package replay

import (
	"fmt"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	larderv1 "larder/api/larder/v1"
)

// columnOf returns the column that a feature was fed as. It may alias the values.
func columnOf(feature string, values arrow.Array) (*larderv1.Column, error) {
	c := &larderv1.Column{Name: feature}
	switch a := values.(type) {
	case *array.Float32:
		c.Values = &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: a.Float32Values()}}
	case *array.Float64:
		c.Values = &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: a.Float64Values()}}
	case *array.Int32:
		c.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: a.Int32Values()}}
	case *array.Int64:
		c.Values = &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: a.Int64Values()}}
	case *array.Boolean:
		values := make([]bool, a.Len())
		for i := range values {
			values[i] = a.Value(i)
		}
		c.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: values}}
	case *array.String:
		values := make([]string, a.Len())
		for i := range values {
			values[i] = a.Value(i)
		}
		c.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}
	default:
		return nil, fmt.Errorf("the vector of %s has type %s, and models don't take that type", feature, values.DataType())
	}
	return c, nil
}

// appendColumn appends a copy of the values of one column to another, which is
// empty or has the same type. It reports whether it could.
func appendColumn(to, from *larderv1.Column) bool {
	if to.Values != nil && reflect.TypeOf(to.Values) != reflect.TypeOf(from.Values) {
		return false
	}
	switch v := from.GetValues().(type) {
	case *larderv1.Column_Floats:
		to.Values = &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: append(to.GetFloats().GetValues(), v.Floats.GetValues()...)}}
	case *larderv1.Column_Doubles:
		to.Values = &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: append(to.GetDoubles().GetValues(), v.Doubles.GetValues()...)}}
	case *larderv1.Column_Int32S:
		to.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: append(to.GetInt32S().GetValues(), v.Int32S.GetValues()...)}}
	case *larderv1.Column_Int64S:
		to.Values = &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: append(to.GetInt64S().GetValues(), v.Int64S.GetValues()...)}}
	case *larderv1.Column_Bools:
		to.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: append(to.GetBools().GetValues(), v.Bools.GetValues()...)}}
	case *larderv1.Column_Strings:
		to.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: append(to.GetStrings().GetValues(), v.Strings.GetValues()...)}}
	default:
		return false
	}
	return true
}
