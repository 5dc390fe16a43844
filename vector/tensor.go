package vector

import (
	"fmt"

	"larder/column"
	"larder/schema"
)

// putOne sets row r of a tensor from row j of a column, which may be null. Lists come
// later, when all of them are known.
func putOne(t *column.Tensor, r int, from *column.Column, j int) {
	switch {
	case t.Type == 0 || from.Type.IsList():
	case from.IsNull(j):
		putNull(&t.Column, t.At(r, 0))
	default:
		putRow(&t.Column, t.At(r, 0), from, j)
	}
}

// putLists puts the lists of all rows into their tensors.
func (b *Batch) putLists() error {
	for _, feature := range b.program.lists {
		t := &b.tensors[feature]
		if t.Type == 0 {
			continue
		}
		c := &b.columns[feature]
		for r := range b.rows {
			if err := putList(t, r, c, r); err != nil {
				kind := schema.FailedPrecondition
				if b.given[feature] != nil {
					kind = schema.Invalid
				}
				return schema.ListLength.ErrorfAs(kind, "%s in row %d %s", b.program.features[feature].Name, r, err)
			}
		}
	}
	return nil
}

// A misfit says that a list doesn't fit an input.
type misfit struct{ has, takes int }

func (m misfit) Error() string {
	if m.has < m.takes {
		return fmt.Sprintf("has %d elements, and the model takes %d; send as many, or name an end in the model's inputs: with pad:", m.has, m.takes)
	}
	return fmt.Sprintf("has %d elements, and the model takes %d; send as many, or name an end in the model's inputs: with truncate:", m.has, m.takes)
}

// putList sets row r of a tensor from the list in row j of a column. A null is NaN in
// every element of a float tensor; where lists are padded, it is a list without elements.
func putList(t *column.Tensor, r int, from *column.Column, j int) error {
	start, end := from.List(j)
	null := from.IsNull(j)
	if null {
		end = start
	}
	n := int(end - start)
	switch {
	case null && t.Fit.Pad == schema.NoEnd:
		for k := range t.Width {
			putNull(&t.Column, t.At(r, k))
		}
		return nil
	case n < t.Width && t.Fit.Pad == schema.NoEnd, n > t.Width && t.Fit.Truncate == schema.NoEnd:
		return misfit{n, t.Width}
	}
	if n > t.Width {
		if t.Fit.Truncate == schema.ListStart {
			start += uint32(n - t.Width)
		}
		n = t.Width
	}
	first := 0 // of the elements, in the tensor
	if t.Fit.Pad == schema.ListStart {
		first = t.Width - n
	}
	putElements(t, r, first, from, int(start), n)
	for k := range t.Width {
		own := k >= first && k < first+n
		if !own {
			putPadding(&t.Column, t.At(r, k), t.Fit.PadValue)
		}
		if m := t.Mask; m != nil {
			putInt(&m.Column, m.At(r, k), int64(boolBit(own)))
		}
	}
	return nil
}

// putElements sets n elements of row r of a tensor, from its element first on, from the
// elements of a column of lists, from start on.
func putElements(t *column.Tensor, r, first int, from *column.Column, start, n int) {
	if t.Type == schema.Float32 && from.Type.Elem() == schema.Float32 && t.Stride == 1 { // as of most embeddings
		copy(t.Float32s[t.At(r, first):], from.Float32s[start:start+n])
		return
	}
	elements := *from
	elements.Type = from.Type.Elem()
	for k := range n {
		putRow(&t.Column, t.At(r, first+k), &elements, start+k)
	}
}

func putPadding(to *column.Column, i int, v float64) {
	switch to.Type {
	case schema.String:
		to.Strings[i] = ""
	case schema.Float32, schema.Float64:
		putFloat(to, i, v)
	default:
		putInt(to, i, int64(v))
	}
}

// FillTensor writes one column that Columns returned into the tensor of its feature, as
// SetTensors would have had it. It returns an error if a list in the column doesn't fit.
func FillTensor(t *column.Tensor, from *column.Column) error {
	for r := range t.Rows() {
		if !from.Type.IsList() {
			putOne(t, r, from, r)
			continue
		}
		if err := putList(t, r, from, r); err != nil {
			return schema.ListLength.Errorf("a list in row %d %s", r, err)
		}
	}
	return nil
}
