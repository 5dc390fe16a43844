package parquetfile

import (
	"encoding/binary"
	"errors"
)

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxNesting bounds the depth of structs and lists that are skipped.
const maxNesting = 32

var (
	errShort     = errors.New("it ends early")
	errMalformed = errors.New("it is malformed")
)

// A thriftReader reads the compact protocol from memory. After the first error it
// returns zeros.
type thriftReader struct {
	data []byte
	at   int
	err  error
}

func (r *thriftReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *thriftReader) byte() byte {
	if r.err != nil || r.at >= len(r.data) {
		r.fail(errShort)
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *thriftReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.data[r.at:])
	switch {
	case n == 0:
		r.fail(errShort)
	case n < 0:
		r.fail(errMalformed)
	default:
		r.at += n
	}
	return v
}

func (r *thriftReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// i32 reads a field of a 32-bit integer.
func (r *thriftReader) i32(typ byte) int32 {
	v := r.varint()
	if typ != thriftI32 || int64(int32(v)) != v {
		r.fail(errMalformed)
		return 0
	}
	return int32(v)
}

// fields calls visit with the id and the type of each field of a struct. What visit
// doesn't read it must skip.
func (r *thriftReader) fields(visit func(id int16, typ byte)) {
	for id := int16(0); r.err == nil; {
		head := r.byte()
		if head == 0 {
			return
		}
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(r.varint())
		}
		visit(id, head&0xf)
	}
}

// skip skips a value of a type.
func (r *thriftReader) skip(typ byte, depth int) {
	if depth > maxNesting {
		r.fail(errMalformed)
	}
	if r.err != nil {
		return
	}
	switch typ {
	case thriftTrue, thriftFalse: // the value of a field is its type
	case thriftByte:
		r.advance(1)
	case thriftI16, thriftI32, thriftI64:
		r.uvarint()
	case thriftDouble:
		r.advance(8)
	case thriftBinary:
		r.advance(r.uvarint())
	case thriftList, thriftSet:
		r.skipList(depth)
	case thriftMap:
		r.skipMap(depth)
	case thriftStruct:
		r.fields(func(_ int16, typ byte) { r.skip(typ, depth+1) })
	default:
		r.fail(errMalformed)
	}
}

func (r *thriftReader) advance(n uint64) {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.fail(errShort)
	}
	if r.err == nil {
		r.at += int(n)
	}
}

func (r *thriftReader) skipList(depth int) {
	head := r.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = r.uvarint()
	}
	for ; n > 0 && r.err == nil; n-- {
		r.skipElement(head&0xf, depth)
	}
}

func (r *thriftReader) skipMap(depth int) {
	n := r.uvarint()
	if n == 0 {
		return
	}
	types := r.byte()
	for ; n > 0 && r.err == nil; n-- {
		r.skipElement(types>>4, depth)
		r.skipElement(types&0xf, depth)
	}
}

// skipElement skips an element of a list or map, in which a bool is a byte.
func (r *thriftReader) skipElement(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		typ = thriftByte
	}
	r.skip(typ, depth+1)
}
