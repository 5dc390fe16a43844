package featurelog

import (
	"fmt"
	"math"
	"strconv"

	"larder/column"
	"larder/schema"
)

// An object is a JSON object written member by member.
type object []byte

func (o *object) name(name string) {
	separator := byte(',')
	if len(*o) == 0 {
		separator = '{'
	}
	*o = append(column.AppendText(append(*o, separator), name), ':')
}

func (o object) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}

func columnsJSON(c *column.Columns, row int) []byte {
	var o object
	for i, name := range c.Names {
		o.name(name)
		o = appendJSON(o, &c.Values[i], row)
	}
	return o.end()
}

func (e *entry) inputsJSON(row int) []byte {
	var o object
	for i, f := range e.Plan.Features {
		if e.Tensors[i].Type == 0 {
			continue // the model has no such input
		}
		o.name(f.Name)
		o = appendJSON(o, &e.Tensors[i], row)
	}
	return o.end()
}

// outputsJSON returns the outputs of a row that were computed; nil when none was.
func (e *entry) outputsJSON(row int) []byte {
	var o object
	for i := range e.outputs {
		if e.Outputs[i].Values.Type == 0 {
			continue
		}
		o.name(e.Outputs[i].Name)
		o = appendJSON(o, &e.outputs[i], row)
	}
	if o == nil {
		return nil
	}
	return o.end()
}

// foundJSON returns what was found of each view, and nil positions where none has one.
func (e *entry) foundJSON(row int) (statuses, ages, positions []byte) {
	var s, a, p object
	for i := range e.Plan.Views {
		at := i*e.Rows + row
		s.name(e.Plan.Views[i].Name)
		s = column.AppendText(s, e.Statuses[at].String())
		a.name(e.Plan.Views[i].Name)
		a = strconv.AppendInt(a, e.Ages[at], 10)
		if e.Plan.Views[i].Aggregates != nil {
			p.name(e.Plan.Views[i].Name)
			p = strconv.AppendInt(p, e.Positions[at], 10)
		}
	}
	if p != nil {
		p = p.end()
	}
	return s.end(), a.end(), p
}

// appendJSON appends the value of a row. Numbers are written so that every bit can be
// read back. Numbers that JSON lacks are texts: "NaN" for the usual NaN, "NaN:" and
// the bits for any other, "Infinity" and "-Infinity". Bytes are in base64, and times
// in RFC 3339.
func appendJSON(dst []byte, c *column.Column, row int) []byte {
	if !c.Type.Elem().IsFloat() || c.IsNull(row) {
		return c.AppendJSON(dst, row)
	}
	if !c.Type.IsList() {
		return appendFloat(dst, c, uint32(row))
	}
	dst = append(dst, '[')
	start, end := c.List(row)
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, ',')
		}
		dst = appendFloat(dst, c, i)
	}
	return append(dst, ']')
}

// The bits of the usual NaN.
const (
	usualNaN32 = 0x7fc00000
	usualNaN64 = 0x7ff8000000000000
)

func appendFloat(dst []byte, c *column.Column, i uint32) []byte {
	if c.Type.Elem() == schema.Float32 {
		v := c.Float32s[i]
		if v != v && math.Float32bits(v) != usualNaN32 {
			return fmt.Appendf(dst, `"NaN:%08x"`, math.Float32bits(v))
		}
		return schema.AppendFloat(dst, float64(v), 32)
	}
	v := c.Float64s[i]
	if v != v && math.Float64bits(v) != usualNaN64 {
		return fmt.Appendf(dst, `"NaN:%016x"`, math.Float64bits(v))
	}
	return schema.AppendFloat(dst, v, 64)
}
