package offline

import (
	"encoding/binary"
	"math"

	"larder/schema"
)

// isList reports whether values of the type are lists: arrays, and the embeddings of the
// extension pgvector.
func (t pgType) isList() bool { return t.array || t.embedding() }

func (t pgType) embedding() bool { return t.kind == pgvector || t.kind == halfvec }

// decoder returns the decoder of values, or of the elements of lists, as a declared type;
// nil when the type doesn't convert to it.
func (t pgType) decoder(declared schema.Type, key bool) decoder {
	switch {
	case t.isList() != declared.IsList():
		return nil
	case t.kind == pgvector && declared.Elem().IsFloat():
		return decoderOf(float4, declared.Elem(), false)
	case t.kind == halfvec && declared.Elem().IsFloat():
		return halfDecoder(declared.Elem())
	}
	return decoderOf(t.kind, declared.Elem(), key)
}

// lists returns what appends the elements of a list; nil when values are no lists.
func (t pgType) lists() listDecoder {
	switch {
	case t.kind == pgvector:
		return func(c *column, raw []byte) schema.BadReason { return appendEmbedding(c, raw, 4) }
	case t.kind == halfvec:
		return func(c *column, raw []byte) schema.BadReason { return appendEmbedding(c, raw, 2) }
	case t.array:
		return appendArray
	}
	return nil
}

// appendEmbedding appends the elements of a value of pgvector. Its format: the number of
// elements and a field that is not used, 2 bytes each; then the elements, of some width.
func appendEmbedding(c *column, raw []byte, width int) schema.BadReason {
	const head = 4
	if len(raw) < head || len(raw) != head+width*int(binary.BigEndian.Uint16(raw)) {
		return malformed
	}
	for raw = raw[head:]; len(raw) > 0; raw = raw[width:] {
		if reason := c.append(c, raw[:width]); reason != "" {
			return reason
		}
	}
	return ""
}

// listLen returns the number of elements of a list that was decoded.
func (t pgType) listLen(raw []byte) int {
	const lengthAt = 12 // of an array of one dimension
	switch {
	case t.embedding():
		return int(binary.BigEndian.Uint16(raw))
	case len(raw) > lengthAt:
		return int(binary.BigEndian.Uint32(raw[lengthAt:]))
	}
	return 0
}

// halfDecoder reads floats of 16 bits, which every float32 and float64 holds.
func halfDecoder(elem schema.Type) decoder {
	if elem == schema.Float64 {
		return func(c *column, raw []byte) schema.BadReason {
			c.f64 = append(c.f64, float64(halfFloat(binary.BigEndian.Uint16(raw))))
			return ""
		}
	}
	return func(c *column, raw []byte) schema.BadReason {
		c.f32 = append(c.f32, halfFloat(binary.BigEndian.Uint16(raw)))
		return ""
	}
}

// halfFloat returns the float of IEEE 754's binary16: a sign, 5 bits of exponent and 10
// of fraction.
func halfFloat(half uint16) float32 {
	sign, exponent, fraction := uint32(half>>15)<<31, uint32(half>>10)&0x1f, uint32(half)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction × 2^-24
		return math.Float32frombits(math.Float32bits(float32(fraction)*0x1p-24) | sign)
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
