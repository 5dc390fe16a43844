package scoring

import (
	"context"
	"errors"
	"unsafe"

	"larder/schema"
)

// maxBlamed bounds the rows that are scored again to find the one that a model fails on.
const maxBlamed = 1000

// blame names the first row that a model fails on, given the error of the whole run.
func (r *Run) blame(ctx context.Context, err error) error {
	if !failed(err) || r.rows == 1 {
		return err
	}
	one, acquired := r.model.Acquire(1)
	if acquired != nil {
		return err
	}
	defer one.Release()
	for row := range min(r.rows, maxBlamed) {
		for i := range one.inputs {
			one.inputs[i].copyRow(&r.inputs[i], row)
		}
		said := one.scoreAlone(ctx)
		if failed(said) {
			return schema.ModelFailed.Errorf("row %d: %s; the other rows can be scored without it", row, said)
		}
		if said != nil {
			return err
		}
	}
	return err
}

// failed reports whether a model failed on its values.
func failed(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && said.Reason == schema.ModelFailed
}

// copyRow copies a row of another buffer to the first row.
func (b *buffer) copyRow(from *buffer, row int) {
	if b.elem == String {
		copy(b.strings, from.rowStrings(row, 1))
		return
	}
	copy(unsafe.Slice((*byte)(b.start), b.bytes(1)), unsafe.Slice((*byte)(unsafe.Add(from.start, b.bytes(row))), b.bytes(1)))
}
