package featurelog

import (
	"github.com/apache/arrow/go/v17/arrow"

	"larder/column/arrows"
	"larder/schema"
)

// arrowType returns the type of a column of values. The type allows null elements in
// lists, but there are none.
func arrowType(t schema.Type) arrow.DataType {
	if t.IsList() {
		return arrow.ListOf(arrows.Type(t.Elem()))
	}
	return arrows.Type(t)
}
