package vector

import (
	"math"
	"slices"
	"unicode/utf8"

	"larder/column"
	"larder/schema"
)

// A value is one that a request must bring: a join key or a request value.
type value struct {
	noun, name string
	want       schema.Type
}

// check reports whether c is a column of rows values.
func (v value) check(c *column.Column, rows int) error {
	if !c.Type.Valid() {
		return schema.NoValues.Errorf("%s %q comes without values; it is %s", v.noun, v.name, v.want)
	}
	if n := c.Len(); n != rows {
		return schema.RowCount.Errorf("%s %q has %d values; the request has %d rows", v.noun, v.name, n, rows)
	}
	if c.Valid != nil && len(c.Valid) != rows {
		return schema.RowCount.Errorf("%s %q says of %d values whether they are null; the request has %d rows", v.noun, v.name, len(c.Valid), rows)
	}
	if !c.EndsFit() {
		return schema.BadListEnds.Errorf("%s %q: the ends of its lists must not go down, and the last must be the number of elements, %d", v.noun, v.name, c.Elements())
	}
	return v.checkLengths(c)
}

// checkLengths reports whether every list of a vector has its length. A null has none.
func (v value) checkLengths(c *column.Column) error {
	if !v.want.IsVector() || !c.Type.IsList() {
		return nil
	}
	for r := range c.Ends {
		start, end := c.List(r)
		if n := int(end - start); n != v.want.Len() && !c.IsNull(r) {
			return schema.VectorLength.Errorf("%s %q is %s; row %d has a list of length %d, not %d", v.noun, v.name, v.want, r, n, v.want.Len())
		}
	}
	return nil
}

func (v value) wrongType(c *column.Column) error {
	return schema.ValueType.Errorf("%s %q is %s; the request sends %s", v.noun, v.name, v.want, c.Type)
}

// convert returns c as a column of the type wanted: itself, or with each number
// converted if it fits. A vector may stay a list, whose lengths check has compared. An
// integer becomes a float when it stays exact; a float64 becomes the nearest float32.
func (v value) convert(c *column.Column) (*column.Column, error) {
	from, to := c.Type.Elem(), v.want.Elem()
	switch {
	case c.Type.AsList() == v.want.AsList():
		return c, v.checkTexts(c)
	case c.Type.IsList() != v.want.IsList(), !isNumber(from), !isNumber(to), from == schema.Bool, to == schema.Bool, from.IsFloat() && to.IsInteger():
		return nil, v.wrongType(c)
	}
	out := &column.Column{Type: v.want, Ends: c.Ends, Valid: c.Valid}
	out.Reserve(c.Elements())
	out.Resize(c.Elements())
	for i := range c.Elements() {
		if !convertNumber(out, c, i) {
			return nil, schema.ValueRange.Errorf("%s %q is %s; %s in row %d does not fit", v.noun, v.name, v.want, number(c, i), rowOf(c, i))
		}
	}
	return out, nil
}

// number returns value i of a column of numbers as text.
func number(c *column.Column, i int) []byte {
	switch c.Type.Elem() {
	case schema.Int32:
		return schema.AppendValue(nil, c.Int32s[i])
	case schema.Int64:
		return schema.AppendValue(nil, c.Int64s[i])
	case schema.Float32:
		return schema.AppendValue(nil, c.Float32s[i])
	}
	return schema.AppendValue(nil, c.Float64s[i])
}

// rowOf returns the row that value i is in.
func rowOf(c *column.Column, i int) int {
	if !c.Type.IsList() {
		return i
	}
	return slices.IndexFunc(c.Ends, func(end uint32) bool { return i < int(end) })
}

// convertNumber converts value i and reports whether it fits.
func convertNumber(out, c *column.Column, i int) bool {
	switch c.Type.Elem() {
	case schema.Int32:
		return convertInt(out, i, int64(c.Int32s[i]))
	case schema.Int64:
		return convertInt(out, i, c.Int64s[i])
	case schema.Float32:
		out.Float64s[i] = float64(c.Float32s[i])
		return true
	}
	v := c.Float64s[i]
	out.Float32s[i] = float32(v)
	return !math.IsInf(float64(out.Float32s[i]), 0) || math.IsInf(v, 0)
}

func convertInt(c *column.Column, i int, v int64) bool {
	switch c.Type.Elem() {
	case schema.Int32:
		c.Int32s[i] = int32(v)
		return int64(c.Int32s[i]) == v
	case schema.Int64:
		c.Int64s[i] = v
		return true
	case schema.Float32:
		c.Float32s[i] = float32(v)
		return isExact(float64(c.Float32s[i]), v)
	}
	c.Float64s[i] = float64(v)
	return isExact(c.Float64s[i], v)
}

// isExact reports whether f is v. The nearest float of an int64 may be 2^63, which
// no int64 is.
func isExact(f float64, v int64) bool { return f < 1<<63 && int64(f) == v }

// checkTexts reports whether every string is UTF-8 and nothing is too large to be
// stored.
func (v value) checkTexts(c *column.Column) error {
	for i, s := range c.Strings {
		if !utf8.ValidString(s) {
			return schema.BadUTF8.Errorf("%s %q is not UTF-8 in row %d; bytes are type bytes", v.noun, v.name, rowOf(c, i))
		}
		if len(s) > schema.MaxValueBytes {
			return v.tooLarge(c, i, len(s))
		}
	}
	for i, b := range c.Bytes {
		if len(b) > schema.MaxValueBytes {
			return v.tooLarge(c, i, len(b))
		}
	}
	return nil
}

func (v value) tooLarge(c *column.Column, i, n int) error {
	return schema.ValueTooLarge.Errorf("%s %q has %d bytes in row %d; at most %d fit", v.noun, v.name, n, rowOf(c, i), schema.MaxValueBytes)
}

// ConvertColumn returns c, which must have rows values, as a column of the type wanted:
// each number is converted if it fits. noun and name say what it is in errors.
func ConvertColumn(noun, name string, want schema.Type, c *column.Column, rows int) (*column.Column, error) {
	v := value{noun: noun, name: name, want: want}
	if err := v.check(c, rows); err != nil {
		return nil, err
	}
	return v.convert(c)
}
