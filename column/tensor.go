package column

import "larder/schema"

// A Tensor is where the values of one feature lie in an input of a model. The slice of
// its Column is that of the whole input, with the values of all its features, row by row.
type Tensor struct {
	Column
	First int // index of the feature's first value in row 0
	Step  int // values of the input in each row
	Width int // values of the feature in each row: 1, or more for a list

	// Of a feature that is a list.
	Stride int // from one value to the next
	Fit    schema.ListFit
	Mask   *Tensor // gets 1 for each value of the list and 0 for padding; nil: no input asks for it
}

// At returns the index of value k of row r.
func (t *Tensor) At(r, k int) int { return t.First + r*t.Step + k*t.Stride }

// Rows returns the number of rows.
func (t *Tensor) Rows() int {
	if t.Step == 0 {
		return 0
	}
	return t.Elements() / t.Step
}
