package arrows

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// SameDictionaries reports whether the columns of two records with one schema have
// equal dictionaries, so that Arrow can join them: it can't merge dictionaries of
// every type.
func SameDictionaries(a, b arrow.Record) bool {
	for i, column := range a.Columns() {
		if !sameDictionaries(column.Data(), b.Column(i).Data()) {
			return false
		}
	}
	return true
}

func sameDictionaries(a, b arrow.ArrayData) bool {
	if _, encoded := a.DataType().(*arrow.DictionaryType); encoded {
		x, y := a.Dictionary(), b.Dictionary()
		if x == y {
			return true
		}
		left, right := array.MakeFromData(x), array.MakeFromData(y)
		defer left.Release()
		defer right.Release()
		return array.Equal(left, right)
	}
	for i, child := range a.Children() {
		if !sameDictionaries(child, b.Children()[i]) {
			return false
		}
	}
	return true
}
