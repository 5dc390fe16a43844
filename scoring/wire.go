package scoring

import (
	"iter"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one field of a protobuf message. Its bytes alias the message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64 // the value of a varint; the bits of a fixed number
	bytes  []byte // a string, a message or packed values
}

// fields yields the fields of a message in order. Where a byte can't be read, it
// yields an error and stops.
func fields(message []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for len(message) > 0 {
			number, kind, n := protowire.ConsumeTag(message)
			if n < 0 {
				yield(field{}, protowire.ParseError(n))
				return
			}
			message = message[n:]
			f := field{number: number, kind: kind}
			switch kind {
			case protowire.VarintType:
				f.varint, n = protowire.ConsumeVarint(message)
			case protowire.BytesType:
				f.bytes, n = protowire.ConsumeBytes(message)
			case protowire.Fixed32Type:
				var v uint32
				v, n = protowire.ConsumeFixed32(message)
				f.varint = uint64(v)
			default:
				n = protowire.ConsumeFieldValue(number, kind, message)
			}
			if n < 0 {
				yield(field{}, protowire.ParseError(n))
				return
			}
			message = message[n:]
			if !yield(f, nil) {
				return
			}
		}
	}
}

// ints yields the values of one field of a repeated integer, packed or not.
func (f field) ints() iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		if f.kind == protowire.VarintType {
			yield(int64(f.varint), nil)
			return
		}
		for b := f.bytes; len(b) > 0; {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				yield(0, protowire.ParseError(n))
				return
			}
			if !yield(int64(v), nil) {
				return
			}
			b = b[n:]
		}
	}
}

// varints returns how many values ints yields.
func (f field) varints() int {
	if f.kind == protowire.VarintType {
		return 1
	}
	n := 0
	for _, b := range f.bytes {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// product multiplies sizes; ok is false when one is negative or the result
// passes most.
func product(sizes []int64, most int64) (n int64, ok bool) {
	if slices.ContainsFunc(sizes, func(s int64) bool { return s < 0 }) {
		return 0, false
	}
	if slices.Contains(sizes, 0) {
		return 0, true
	}
	n = 1
	for _, s := range sizes {
		if n > most/s {
			return 0, false
		}
		n *= s
	}
	return n, true
}
