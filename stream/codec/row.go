package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"larder/column"
	"larder/schema"
)

// A row is the values of one message, before they are known to be whole.
type row struct {
	fields []field
	values []value
}

// A field is what decoding needs to know of a field of the stream.
type field struct {
	name     string
	kind     schema.Type
	nullable bool
	path     []string
	clock    clock // of timestamps
}

// The states of a value.
const (
	absent uint8 = iota
	null
	present
)

// A value is the value of one field. Its type is the field's.
type value struct {
	state uint8
	num   int64   // bool (0 or 1), int32, int64, timestamp
	float float64 // float32, float64
	text  []byte  // string, bytes
	owned bool    // text belongs to the value, and not to the message
}

func (v *value) isTrue() bool { return v.state == present && v.num != 0 }

func newRow(fields []schema.StreamField) (row, error) {
	r := row{fields: make([]field, len(fields)), values: make([]value, len(fields))}
	var faults []error
	for i := range fields {
		var err error
		if r.fields[i], err = newField(&fields[i]); err != nil {
			faults = append(faults, fmt.Errorf("field %q: %w", fields[i].Name, err))
		}
	}
	return r, errors.Join(faults...)
}

func newField(f *schema.StreamField) (field, error) {
	if !f.Type.Valid() || f.Type.IsList() {
		return field{}, fmt.Errorf("type %s; a field of a stream is a scalar", f.Type)
	}
	path := []string{f.Name}
	var err error
	if f.Path != "" {
		if path, err = splitPath(f.Path); err != nil {
			return field{}, err
		}
	}
	out := field{name: f.Name, kind: f.Type, nullable: f.Nullable, path: path}
	if f.Type == schema.Timestamp {
		out.clock, err = newClock(f.Format, f.TimeZone)
	}
	return out, err
}

// bad returns a *BadMessage about the field.
func (f *field) bad(reason Defect, format string, args ...any) error {
	return bad(reason, "field %q: "+format, append([]any{schema.Cut(f.name, 100)}, args...)...)
}

func (f *field) missing(state uint8) string {
	if state == null {
		return fmt.Sprintf("field %q is null", f.name)
	}
	return fmt.Sprintf("field %q is missing", f.name)
}

func (r *row) reset() { clear(r.values) }

// appendTo appends the values to columns.
func (r *row) appendTo(into []column.Column) {
	for i := range r.fields {
		v, c := &r.values[i], &into[i]
		c.Valid = append(c.Valid, v.state == present)
		switch r.fields[i].kind {
		case schema.Bool:
			c.Bools = append(c.Bools, v.num != 0)
		case schema.Int32:
			c.Int32s = append(c.Int32s, int32(v.num))
		case schema.Int64, schema.Timestamp:
			c.Int64s = append(c.Int64s, v.num)
		case schema.Float32:
			c.Float32s = append(c.Float32s, float32(v.float))
		case schema.Float64:
			c.Float64s = append(c.Float64s, v.float)
		case schema.String:
			c.Strings = append(c.Strings, string(v.text))
		case schema.Bytes:
			if !v.owned {
				v.text = bytes.Clone(v.text)
			}
			c.Bytes = append(c.Bytes, v.text)
		}
	}
}

func (v *value) setBool(b bool) {
	v.state, v.num = present, 0
	if b {
		v.num = 1
	}
}

func (v *value) setNum(n int64) { v.state, v.num = present, n }

func (v *value) setFloat(x float64) { v.state, v.float = present, x }

func (v *value) setBytes(b []byte) { v.state, v.text = present, b }

// setText sets a text of any bytes.
func (f *field) setText(v *value, text []byte) error {
	if !utf8.Valid(text) {
		return f.bad(Undecodable, "the text is not UTF-8; use type bytes")
	}
	return f.setString(v, text)
}

// setString sets a text, which must be UTF-8.
func (f *field) setString(v *value, text []byte) error {
	if bytes.IndexByte(text, 0) >= 0 {
		return f.bad(OutOfRange, "the text has the character U+0000, which Postgres can't keep; use type bytes")
	}
	v.setBytes(text)
	return nil
}

// setInteger sets an int32 or int64.
func (f *field) setInteger(v *value, n int64) error {
	if f.kind == schema.Int32 && (n < math.MinInt32 || n > math.MaxInt32) {
		return f.bad(OutOfRange, "%d doesn't fit in int32; use int64", n)
	}
	v.setNum(n)
	return nil
}

// setNumber sets a number of an integer, exactly.
func (f *field) setNumber(v *value, n int64) error {
	const exact = 1 << 53 // up to it float64 has all integers
	switch {
	case f.kind.IsInteger():
		return f.setInteger(v, n)
	case n > -exact && n < exact && (f.kind == schema.Float64 || int64(float32(n)) == n):
		v.setFloat(float64(n))
		return nil
	}
	return f.bad(OutOfRange, "%d doesn't fit in %s exactly; use int64", n, f.kind)
}

// setRounded sets the float that is nearest to x.
func (f *field) setRounded(v *value, x float64) error {
	if f.kind == schema.Float32 && math.IsInf(float64(float32(x)), 0) && !math.IsInf(x, 0) {
		return f.bad(OutOfRange, "%g doesn't fit in float32; use float64", x)
	}
	v.setFloat(x)
	return nil
}
