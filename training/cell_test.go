package training_test

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column"
	"larder/schema"
)

// cell returns the value of a row of a vector's column in the Go form of
// schema.ParseValue, except times, which are microseconds; nil is null.
func cell(c *column.Column, i int) any {
	if c.IsNull(i) {
		return nil
	}
	if !c.Type.IsList() {
		return element(c, i)
	}
	start, end := c.List(i)
	list := []any{}
	for k := start; k < end; k++ {
		list = append(list, element(c, int(k)))
	}
	return list
}

func element(c *column.Column, i int) any {
	switch c.Type.Elem() {
	case schema.Bool:
		return c.Bools[i]
	case schema.Int32:
		return c.Int32s[i]
	case schema.Int64, schema.Timestamp:
		return c.Int64s[i]
	case schema.Float32:
		return c.Float32s[i]
	case schema.Float64:
		return c.Float64s[i]
	case schema.String:
		return c.Strings[i]
	}
	return append([]byte{}, c.Bytes[i]...)
}

// arrowCell is cell of an Arrow array.
func arrowCell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int32:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Float32:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return append([]byte{}, a.Value(i)...)
	case *array.List:
		list := []any{}
		from, to := a.ValueOffsets(i)
		for at := from; at < to; at++ {
			list = append(list, arrowCell(a.ListValues(), int(at)))
		}
		return list
	}
	return fmt.Errorf("a column of %s", a.DataType())
}
