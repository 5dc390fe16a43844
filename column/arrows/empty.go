package arrows

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// EmptyRecord returns a record without rows. It uses no builders: Arrow's panic for
// several types of dictionaries.
func EmptyRecord(columns *arrow.Schema) arrow.Record {
	arrays := make([]arrow.Array, columns.NumFields())
	for i, f := range columns.Fields() {
		arrays[i] = array.MakeFromData(emptyData(f.Type))
	}
	return array.NewRecord(columns, arrays, 0)
}

func emptyData(t arrow.DataType) *array.Data {
	storage := t
	if extension, ok := t.(arrow.ExtensionType); ok {
		storage = extension.StorageType()
	}
	buffers := make([]*memory.Buffer, len(storage.Layout().Buffers))
	for i := 1; i < len(buffers); i++ { // the first is the validity
		buffers[i] = memory.NewBufferBytes([]byte{})
	}
	if d, ok := storage.(*arrow.DictionaryType); ok {
		return array.NewDataWithDictionary(t, 0, buffers, 0, 0, emptyData(d.ValueType))
	}
	var children []arrow.ArrayData
	if nested, ok := storage.(arrow.NestedType); ok {
		for _, f := range nested.Fields() {
			children = append(children, emptyData(f.Type))
		}
	}
	return array.NewData(t, 0, buffers, children, 0, 0)
}
