package vector

import (
	"math"

	"larder/column"
)

// FillDense writes the vectors that Columns returned into a float tensor, rows ×
// features, as SetDense would have had them.
func FillDense(tensor []float32, columns []column.Column) {
	width := len(columns)
	for feature := range columns {
		c := &columns[feature]
		for r := range len(tensor) / width {
			if c.IsNull(r) {
				tensor[r*width+feature] = float32(math.NaN())
			} else {
				tensor[r*width+feature] = float32At(c, r)
			}
		}
	}
}
