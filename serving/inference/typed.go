package inference

import (
	"encoding/binary"
	"math"

	inferencev2 "larder/api/inference"
	"larder/scoring"
)

// setTyped takes the elements of an array from typed contents.
func setTyped(a *scoring.Array, c *inferencev2.InferTensorContents) error {
	n, err := checkShape(a.Name, a.Dims)
	if err != nil {
		return err
	}
	var had int
	le := binary.LittleEndian
	switch a.Elem {
	case scoring.Bool:
		had = len(c.GetBoolContents())
		for _, v := range c.GetBoolContents() {
			a.Data = append(a.Data, boolByte(v))
		}
	case scoring.Int64:
		had = len(c.GetInt64Contents())
		for _, v := range c.GetInt64Contents() {
			a.Data = le.AppendUint64(a.Data, uint64(v))
		}
	case scoring.Float32:
		had = len(c.GetFp32Contents())
		for _, v := range c.GetFp32Contents() {
			a.Data = le.AppendUint32(a.Data, math.Float32bits(v))
		}
	case scoring.Float64:
		had = len(c.GetFp64Contents())
		for _, v := range c.GetFp64Contents() {
			a.Data = le.AppendUint64(a.Data, math.Float64bits(v))
		}
	case uint64Elem:
		had = len(c.GetUint64Contents())
		for _, v := range c.GetUint64Contents() {
			a.Data = le.AppendUint64(a.Data, v)
		}
	case scoring.String:
		had = len(c.GetBytesContents())
		for _, v := range c.GetBytesContents() {
			a.Strings = append(a.Strings, string(v))
		}
	default:
		if had, err = setNarrow(a, c); err != nil {
			return err
		}
	}
	if had != n {
		return badInput("input %q has %d elements in the contents of its datatype; the shape %v takes %d", clip(a.Name), had, a.Dims, n)
	}
	return nil
}

const uint64Elem scoring.Elem = 13

// setNarrow takes integers of at most 32 bits, which share a list each.
func setNarrow(a *scoring.Array, c *inferencev2.InferTensorContents) (had int, err error) {
	size := a.Elem.Size()
	switch a.Elem {
	case 3, 5, scoring.Int32: // INT8, INT16
		for i, v := range c.GetIntContents() {
			if shift := 32 - 8*size; v<<shift>>shift != v {
				return 0, badInput("input %q: element %d is %d, which %s can't hold", clip(a.Name), i, v, a.Elem)
			}
			a.Data = appendLow(a.Data, uint64(v), size)
		}
		return len(c.GetIntContents()), nil
	case 2, 4, 12: // UINT8, UINT16, UINT32
		for i, v := range c.GetUintContents() {
			if shift := 32 - 8*size; v<<shift>>shift != v {
				return 0, badInput("input %q: element %d is %d, which %s can't hold", clip(a.Name), i, v, a.Elem)
			}
			a.Data = appendLow(a.Data, uint64(v), size)
		}
		return len(c.GetUintContents()), nil
	}
	return 0, badInput("input %q is %s, which has no typed contents; send raw_input_contents", clip(a.Name), a.Elem)
}

// appendLow appends the lowest bytes of v, little-endian.
func appendLow(dst []byte, v uint64, size int) []byte {
	for range size {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// hasTyped reports whether typed contents can hold an array.
func hasTyped(a *scoring.Array) bool { return a.Elem != 10 && a.Elem != 16 } // FP16, BF16

// typedOf returns an array as typed contents, which can hold it.
func typedOf(a *scoring.Array) *inferencev2.InferTensorContents {
	c := &inferencev2.InferTensorContents{}
	size := a.Elem.Size()
	for b := a.Data; len(b) > 0; b = b[size:] {
		switch a.Elem {
		case scoring.Bool:
			c.BoolContents = append(c.BoolContents, b[0] != 0)
		case 3, 5, scoring.Int32:
			c.IntContents = append(c.IntContents, int32(signed(b, size)))
		case 2, 4, 12:
			c.UintContents = append(c.UintContents, uint32(low(b, size)))
		case scoring.Int64:
			c.Int64Contents = append(c.Int64Contents, signed(b, size))
		case uint64Elem:
			c.Uint64Contents = append(c.Uint64Contents, low(b, size))
		case scoring.Float32:
			c.Fp32Contents = append(c.Fp32Contents, math.Float32frombits(uint32(low(b, size))))
		case scoring.Float64:
			c.Fp64Contents = append(c.Fp64Contents, math.Float64frombits(low(b, size)))
		}
	}
	for _, s := range a.Strings {
		c.BytesContents = append(c.BytesContents, []byte(s))
	}
	return c
}

// low returns the first bytes of b, little-endian.
func low(b []byte, size int) uint64 {
	var v uint64
	for i := range size {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func signed(b []byte, size int) int64 {
	shift := 64 - 8*size
	return int64(low(b, size)<<shift) >> shift
}
