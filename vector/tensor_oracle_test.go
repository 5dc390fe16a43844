package vector_test

import (
	"slices"

	"pgregory.net/rapid"

	"larder/column"
	"larder/schema"
)

// drawTensor draws a place for a feature: alone in an input, or among other columns of it.
func (q *question) drawTensor(t *rapid.T, of, elem schema.Type) column.Tensor {
	x := column.Tensor{Width: 1, Stride: rapid.IntRange(1, 3).Draw(t, "stride")}
	if of.IsList() {
		ends := rapid.SampledFrom([]schema.ListEnd{schema.ListStart, schema.ListTail})
		x.Width = rapid.IntRange(1, 4).Draw(t, "width")
		x.Fit = schema.ListFit{Pad: ends.Draw(t, "pad"), Truncate: ends.Draw(t, "truncate"), PadValue: float64(rapid.IntRange(-1, 1).Draw(t, "pad value"))}
		x.Mask = new(column.Tensor)
	}
	x.First = rapid.IntRange(0, 2).Draw(t, "first")
	x.Step = x.First + x.Width*x.Stride
	x.Type = elem
	return q.garbageFor(&x)
}

// garbageFor returns a tensor like another that holds garbage.
func (q *question) garbageFor(like *column.Tensor) column.Tensor {
	x := *like
	x.Column = garbage(like.Type, q.rows*like.Step)
	if like.Mask != nil {
		x.Mask = &column.Tensor{Column: garbage(schema.Int32, q.rows*like.Step), First: like.First, Step: like.Step, Width: like.Width, Stride: like.Stride}
	}
	return x
}

// asElements returns what a tensor holds of a value: the value, or the elements of a list
// that is cut off or filled up, and which of these are the list's.
func asElements(x *column.Tensor, of schema.Type, v any) (elements []any, own []bool) {
	if !of.IsList() {
		return []any{v}, nil
	}
	list, _ := v.([]any)
	elements = slices.Clone(list)
	for len(elements) > x.Width {
		if x.Fit.Truncate == schema.ListStart {
			elements = elements[1:]
		} else {
			elements = elements[:len(elements)-1]
		}
	}
	own = slices.Repeat([]bool{true}, len(elements))
	for len(elements) < x.Width {
		if x.Fit.Pad == schema.ListStart {
			elements, own = slices.Insert(elements, 0, padding(x)), slices.Insert(own, 0, false)
		} else {
			elements, own = append(elements, padding(x)), append(own, false)
		}
	}
	return elements, own
}

// padding is what fills up a list in a tensor, in the tensor's own type.
func padding(x *column.Tensor) any {
	filled := column.New(x.Type, 0)
	switch v := x.Fit.PadValue; x.Type {
	case schema.Bool:
		filled.AppendValue(v != 0)
	case schema.Int32:
		filled.AppendValue(int32(v))
	case schema.Int64:
		filled.AppendValue(int64(v))
	case schema.Float32:
		filled.AppendValue(float32(v))
	case schema.Float64:
		filled.AppendValue(v)
	default:
		filled.AppendValue("")
	}
	return cell(&filled, 0)
}
