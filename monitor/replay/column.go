package replay

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
)

// inputTypes are the elements that models take.
var inputTypes = []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.String}

// columnOf returns the values of a feature in a log.
func columnOf(feature string, values arrow.Array) (column.Column, error) {
	c, err := arrows.Read(values, 0)
	if err == nil && !slices.Contains(inputTypes, c.Type.Elem()) {
		err = fmt.Errorf("models don't take that type")
	}
	if err != nil {
		return c, fmt.Errorf("the vector of %s has type %s: %w", feature, values.DataType(), err)
	}
	return c, nil
}

// appendRows appends all rows of a column; false when it has another type.
func appendRows(to, from *column.Column) bool {
	if to.Type == 0 {
		to.Type = from.Type
	}
	if to.Type != from.Type {
		return false
	}
	if from.Valid != nil && to.Valid == nil {
		to.Valid = slices.Repeat([]bool{true}, to.Len())
	}
	for i := range from.Len() {
		to.AppendRow(from, i)
		if to.Valid != nil && from.Valid == nil {
			to.Valid = append(to.Valid, true)
		}
	}
	return true
}
