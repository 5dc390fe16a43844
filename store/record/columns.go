package record

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/store/row"
)

// keyAppender returns a function that appends row i of a join key's column to a key;
// nil when the column is not of type t.
func keyAppender(column arrow.Array, t schema.Type) func(dst []byte, i int) []byte {
	switch a := column.(type) {
	case *array.Boolean:
		if t == schema.Bool {
			return func(dst []byte, i int) []byte { return row.AppendBool(dst, a.Value(i)) }
		}
	case *array.Int32:
		if values := a.Int32Values(); t == schema.Int32 {
			return func(dst []byte, i int) []byte { return row.AppendInt32(dst, values[i]) }
		}
	case *array.Int64:
		if values := a.Int64Values(); t == schema.Int64 {
			return func(dst []byte, i int) []byte { return row.AppendInt64(dst, values[i]) }
		}
	case *array.Timestamp:
		if values := a.TimestampValues(); t == schema.Timestamp {
			return func(dst []byte, i int) []byte { return row.AppendTimestamp(dst, int64(values[i])) }
		}
	case *array.String:
		if t == schema.String {
			return func(dst []byte, i int) []byte { return row.AppendString(dst, a.Value(i)) }
		}
	case *array.Binary:
		if t == schema.Bytes {
			return func(dst []byte, i int) []byte { return row.AppendBytes(dst, a.Value(i)) }
		}
	}
	return nil
}

// setter returns a function that puts row i of a feature's column, which must not be
// null, into column c of the builder; nil when the column is not of type t.
func (e *Encoder) setter(c int, t schema.Type, column arrow.Array) func(i int) {
	b := e.builder
	switch a := column.(type) {
	case *array.Boolean:
		if t == schema.Bool {
			return func(i int) { b.SetBool(c, a.Value(i)) }
		}
	case *array.Int32:
		if values := a.Int32Values(); t == schema.Int32 {
			return func(i int) { b.SetInt32(c, values[i]) }
		}
	case *array.Int64:
		if values := a.Int64Values(); t == schema.Int64 {
			return func(i int) { b.SetInt64(c, values[i]) }
		}
	case *array.Float32:
		if values := a.Float32Values(); t == schema.Float32 {
			return func(i int) { b.SetFloat32(c, values[i]) }
		}
	case *array.Float64:
		if values := a.Float64Values(); t == schema.Float64 {
			return func(i int) { b.SetFloat64(c, values[i]) }
		}
	case *array.Timestamp:
		if values := a.TimestampValues(); t == schema.Timestamp {
			return func(i int) { b.SetTimestamp(c, int64(values[i])) }
		}
	case *array.String:
		if t == schema.String {
			return func(i int) { b.SetString(c, a.Value(i)) }
		}
	case *array.Binary:
		if t == schema.Bytes {
			return func(i int) { b.SetBytes(c, a.Value(i)) }
		}
	case *array.List:
		if t.IsList() {
			return e.listSetter(c, t.Elem(), a)
		}
	}
	return nil
}

// listSetter is setter for lists. The elements of all rows lie in one array.
func (e *Encoder) listSetter(c int, elem schema.Type, list *array.List) func(i int) {
	b := e.builder
	switch a := list.ListValues().(type) {
	case *array.Boolean:
		if elem == schema.Bool {
			var scratch []bool
			return func(i int) {
				from, to := list.ValueOffsets(i)
				scratch = scratch[:0]
				for k := from; k < to; k++ {
					scratch = append(scratch, a.Value(int(k)))
				}
				b.SetBools(c, scratch)
			}
		}
	case *array.Int32:
		if values := a.Int32Values(); elem == schema.Int32 {
			return func(i int) { b.SetInt32s(c, slice(list, values, i)) }
		}
	case *array.Int64:
		if values := a.Int64Values(); elem == schema.Int64 {
			return func(i int) { b.SetInt64s(c, slice(list, values, i)) }
		}
	case *array.Timestamp:
		if values := arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues())); elem == schema.Timestamp {
			return func(i int) { b.SetInt64s(c, slice(list, values, i)) }
		}
	case *array.Float32:
		if values := a.Float32Values(); elem == schema.Float32 {
			return func(i int) { b.SetFloat32s(c, slice(list, values, i)) }
		}
	case *array.Float64:
		if values := a.Float64Values(); elem == schema.Float64 {
			return func(i int) { b.SetFloat64s(c, slice(list, values, i)) }
		}
	case *array.String:
		if elem == schema.String {
			return e.textsSetter(c, list, func(k int) []byte { return []byte(a.Value(k)) })
		}
	case *array.Binary:
		if elem == schema.Bytes {
			return e.textsSetter(c, list, a.Value)
		}
	}
	return nil
}

func (e *Encoder) textsSetter(c int, list *array.List, element func(k int) []byte) func(i int) {
	return func(i int) {
		from, to := list.ValueOffsets(i)
		e.builder.SetTexts(c, int(to-from), func(k int) []byte { return element(int(from) + k) })
	}
}

// checkLengths reports whether every vector of a column has its length.
func checkLengths(t schema.Type, column arrow.Array) error {
	list, isList := column.(*array.List)
	if !t.IsVector() || !isList {
		return nil
	}
	for i := range list.Len() {
		if from, to := list.ValueOffsets(i); list.IsValid(i) && int(to-from) != t.Len() {
			return fmt.Errorf("row %d: %w", i, t.CheckLen(int(to-from)))
		}
	}
	return nil
}

// slice returns the elements of row i.
func slice[T any](list *array.List, values []T, i int) []T {
	from, to := list.ValueOffsets(i)
	return values[from:to]
}
