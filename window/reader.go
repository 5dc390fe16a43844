package window

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

func appendUint(dst []byte, x int64) []byte {
	if uint64(x) < 0x80 {
		return append(dst, byte(x))
	}
	return binary.AppendUvarint(dst, uint64(x))
}

func appendBytes(dst, b []byte) []byte {
	return append(appendUint(dst, int64(len(b))), b...)
}

// appendValue writes a value that isn't null.
func appendValue(dst []byte, t FieldType, v Value) []byte {
	switch t {
	case Bool:
		return append(dst, byte(v.bits))
	case Int:
		return binary.AppendVarint(dst, int64(v.bits))
	case Float:
		return binary.BigEndian.AppendUint64(dst, v.bits)
	}
	return append(appendUint(dst, int64(len(v.text))), v.text...)
}

// appendRank writes the number of a rank.
func appendRank(dst []byte, t FieldType, rank int64) []byte {
	if t == Float {
		return binary.BigEndian.AppendUint64(dst, uint64(floatRank(uint64(rank))))
	}
	return binary.AppendVarint(dst, rank)
}

// A reader reads what the append functions write, and refuses what they wouldn't. After
// the first fault it reads zeros. The texts that it returns lie in b. The short forms are
// small enough for Go to inline.
type reader struct {
	b   []byte
	at  int // of b
	err error
}

func (r *reader) failed() bool { return r.err != nil }

func (r *reader) bad(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("state: byte %d: %s is not as this program writes it", r.at, what)
	}
	r.b, r.at = nil, 0
}

// left returns how many bytes are left.
func (r *reader) left() int { return len(r.b) - r.at }

func (r *reader) byte() byte {
	if r.at == len(r.b) {
		r.bad("the end")
		return 0
	}
	x := r.b[r.at]
	r.at++
	return x
}

func (r *reader) uint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	return r.longUint()
}

func (r *reader) longUint() uint64 {
	if b := r.b[r.at:]; len(b) > 2 { // most of the rest have two or three bytes
		if b[1]-1 < 0x7f {
			r.at += 2
			return uint64(b[0]&0x7f) | uint64(b[1])<<7
		}
		if b[1] != 0 && b[2]-1 < 0x7f {
			r.at += 3
			return uint64(b[0]&0x7f) | uint64(b[1]&0x7f)<<7 | uint64(b[2])<<14
		}
	}
	x, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 || r.b[r.at+n-1] == 0 {
		r.bad("a number")
		return 0
	}
	r.at += n
	return x
}

func (r *reader) varint() int64 {
	x := r.uint()
	return int64(x>>1) ^ -int64(x&1)
}

// count reads a number from 0 to limit.
func (r *reader) count(limit int64) int64 {
	x := r.uint()
	if limit < 0 || x > uint64(limit) {
		r.bad("a number")
		return 0
	}
	return int64(x)
}

// length reads how many things follow, of which each takes size bytes or more.
func (r *reader) length(limit, size int) int {
	return int(r.count(int64(max(0, min(limit, r.left()/size)))))
}

func (r *reader) take(n int) []byte {
	if n > len(r.b)-r.at {
		r.bad("the end")
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) bytes(limit int) []byte { return r.take(int(r.count(int64(limit)))) }

func (r *reader) uint64() uint64 {
	if len(r.b)-r.at < 8 {
		r.bad("the end")
		return 0
	}
	r.at += 8
	return binary.BigEndian.Uint64(r.b[r.at-8:])
}

func (r *reader) value(t FieldType) Value {
	switch t {
	case Bool:
		x := r.byte()
		if x > 1 {
			r.bad("a bool")
		}
		return OfBool(x == 1)
	case Int:
		return OfInt(r.varint())
	case Float:
		bits := r.uint64()
		v := OfFloat(math.Float64frombits(bits))
		if v.bits != bits {
			r.bad("a NaN")
		}
		return v
	}
	b := r.bytes(MaxText)
	return OfText(unsafe.String(unsafe.SliceData(b), len(b)))
}

func (r *reader) rank(t FieldType) int64 {
	v := r.value(t)
	if isNaN(v) {
		r.bad("a NaN")
	}
	return v.rank()
}
