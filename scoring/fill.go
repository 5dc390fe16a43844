package scoring

import (
	"math"
	"time"

	"larder/column"
	"larder/schema"
)

// A filling makes up the rows of a run that begins at row first of a longer table.
type filling func(r *Run, first int)

// fillTenths makes up values. In float inputs row n of ten holds n tenths. In other inputs
// a number may be an index and a string a word, so every row holds the default.
func fillTenths(r *Run, first int) {
	fillFloats(r, func(row, _, _ int) float64 { return float64((first+row)%10) / 10 })
}

// fillVaried makes up values whose sums must be rounded, in rows of different
// magnitudes.
func fillVaried(r *Run, first int) {
	magnitudes := [...]float64{1, 10, 0.1, 100, 3}
	fillFloats(r, func(row, i, width int) float64 {
		return math.Sin(float64(first*width+i)) * magnitudes[(first+row)%len(magnitudes)]
	})
}

// fillPositive is fillVaried without negative values.
func fillPositive(r *Run, first int) {
	fillVaried(r, first)
	for i := range r.inputs {
		switch in := r.Input(i); in.Type {
		case schema.Float32:
			positive(in.Float32s)
		case schema.Float64:
			positive(in.Float64s)
		}
	}
}

// fillIntegers is fillVaried with another integer or bool than the default in every
// other row.
func fillIntegers(r *Run, first int) {
	fillVaried(r, first)
	for f := range r.model.binding.feeds {
		t := r.Tensor(f)
		for row := range r.rows {
			if (first+row+r.model.binding.feeds[f].input)%2 == 1 {
				addOne(&t, row)
			}
		}
	}
}

// addOne changes the integers and bools of a feature in a row.
func addOne(t *column.Tensor, row int) {
	for k := range t.Width {
		switch at := t.At(row, k); t.Type {
		case schema.Int32:
			t.Int32s[at]++
		case schema.Int64:
			t.Int64s[at]++
		case schema.Bool:
			t.Bools[at] = !t.Bools[at]
		}
	}
}

// fillFloats sets the floats of all inputs to a function of their row, their index and the
// elements of a row, and all else to defaults.
func fillFloats(r *Run, value func(row, i, width int) float64) {
	for i := range r.inputs {
		width := r.inputs[i].width
		switch in := r.Input(i); in.Type {
		case schema.Float32:
			for i := range in.Float32s {
				in.Float32s[i] = float32(value(i/width, i, width))
			}
		case schema.Float64:
			for i := range in.Float64s {
				in.Float64s[i] = value(i/width, i, width)
			}
		}
	}
	for f := range r.model.binding.feeds {
		t := r.Tensor(f)
		for row := range r.rows {
			fillDefault(&t, row, r.model.binding.feeds[f].fallback)
		}
	}
}

// fillDefault sets what is not a float of a feature in a row to its default, and the mask
// to ones.
func fillDefault(t *column.Tensor, row int, fallback any) {
	list, _ := fallback.([]any)
	for k := range t.Width {
		v := fallback
		if k < len(list) {
			v = list[k]
		}
		switch at := t.At(row, k); t.Type {
		case schema.Int32:
			t.Int32s[at] = int32(number64(v))
		case schema.Int64:
			t.Int64s[at] = number64(v)
		case schema.Bool:
			t.Bools[at] = v == true
		case schema.String:
			t.Strings[at], _ = v.(string)
		}
	}
	if t.Mask != nil {
		for k := range t.Mask.Width {
			setOne(&t.Mask.Column, t.Mask.At(row, k))
		}
	}
}

func setOne(c *column.Column, at int) {
	switch c.Type {
	case schema.Int32:
		c.Int32s[at] = 1
	case schema.Int64:
		c.Int64s[at] = 1
	case schema.Bool:
		c.Bools[at] = true
	case schema.Float32:
		c.Float32s[at] = 1
	case schema.Float64:
		c.Float64s[at] = 1
	}
}

// number64 returns a default as an integer.
func number64(v any) int64 {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case int64:
		return v
	case time.Time:
		return v.UnixMicro()
	case bool:
		return int64(boolScore(v))
	}
	return 0
}

func positive[T float32 | float64](all []T) {
	for i, v := range all {
		all[i] = max(v, -v)
	}
}
