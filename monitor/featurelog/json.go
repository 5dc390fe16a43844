package featurelog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"larder/schema"
	"larder/vector"
)

// An object is a JSON object that is written member by member.
type object []byte

func (o *object) name(name string) {
	separator := byte(',')
	if len(*o) == 0 {
		separator = '{'
	}
	*o = append(appendText(append(*o, separator), name), ':')
}

func (o object) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}

func columnsJSON(c *vector.Columns, row int) []byte {
	var o object
	for i, name := range c.Names {
		o.name(name)
		o = appendJSON(o, &c.Values[i], row)
	}
	return o.end()
}

func (e *Entry) inputsJSON(row int) []byte {
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

func (e *Entry) foundJSON(row int) (statuses, ages []byte) {
	var s, a object
	for i := range e.Plan.Views {
		at := i*e.Rows + row
		s.name(e.Plan.Views[i].Name)
		s = appendText(s, e.Statuses[at].String())
		a.name(e.Plan.Views[i].Name)
		a = strconv.AppendInt(a, e.Ages[at], 10)
	}
	return s.end(), a.end()
}

// appendJSON appends the value of a row. Numbers are written so that they come back
// in every bit, those that JSON has not as texts: "NaN", "NaN:" and the bits of one
// that is not the usual, "Infinity" and "-Infinity". Bytes are in base64, and times
// in RFC 3339.
func appendJSON(dst []byte, c *vector.Column, row int) []byte {
	if c.IsNull(row) {
		return append(dst, "null"...)
	}
	if !c.Type.IsList() {
		return appendElementJSON(dst, c, row)
	}
	dst = append(dst, '[')
	start, end := c.List(row)
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, ',')
		}
		dst = appendElementJSON(dst, c, int(i))
	}
	return append(dst, ']')
}

func appendElementJSON(dst []byte, c *vector.Column, i int) []byte {
	switch c.Type.Elem() {
	case schema.Bool:
		return strconv.AppendBool(dst, c.Bools[i])
	case schema.Int32:
		return strconv.AppendInt(dst, int64(c.Int32s[i]), 10)
	case schema.Int64:
		return strconv.AppendInt(dst, c.Int64s[i], 10)
	case schema.Float32:
		v := c.Float32s[i]
		if v != v && math.Float32bits(v) != 0x7fc00000 {
			return fmt.Appendf(dst, `"NaN:%08x"`, math.Float32bits(v))
		}
		return appendFloat(dst, float64(v), 32)
	case schema.Float64:
		v := c.Float64s[i]
		if v != v && math.Float64bits(v) != 0x7ff8000000000000 {
			return fmt.Appendf(dst, `"NaN:%016x"`, math.Float64bits(v))
		}
		return appendFloat(dst, v, 64)
	case schema.String:
		return appendText(dst, c.Strings[i])
	case schema.Bytes:
		dst = append(dst, '"')
		return append(base64.StdEncoding.AppendEncode(dst, c.Bytes[i]), '"')
	case schema.Timestamp:
		return append(time.UnixMicro(c.Int64s[i]).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	return append(dst, "null"...)
}

// appendFloat appends a number that has so many bits.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

func appendText(dst []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always has JSON
	return append(dst, quoted...)
}
