package window

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A sum is an exact sum: an integer in balanced digits, the lowest first, which only
// one way writes, times a power of two that its user knows. Infinities and NaNs are
// counted beside it.
type sum struct {
	first        int     // the place of digits[0]
	digits       []int32 // base 2^32; neither end is 0
	pos, neg, na int64   // +Inf, -Inf, NaN
}

// The powers of two that sums count in, and the places that their digits may have.
const (
	floatUnit  = -1074
	squareUnit = -2148
	maxPlaces  = 140 // squares of floats, of 2^40 events
)

func (s *sum) reset() { *s = sum{digits: s.digits[:0]} }

func (s *sum) special() bool { return s.pos|s.neg|s.na != 0 }

// pieces are 128 bits that were shifted, as digits from place at.
type pieces struct {
	at, n int
	d     [6]uint32
}

func shifted(hi, lo uint64, shift int) (p pieces) {
	p.at = shift >> 5
	s := uint(shift & 31)
	a, b, c := lo<<s, lo>>(64-s)|hi<<s, hi>>(64-s)
	p.d = [6]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32), uint32(c), uint32(c >> 32)}
	for p.n = 6; p.n > 0 && p.d[p.n-1] == 0; p.n-- {
	}
	return p
}

// add adds the pieces, or subtracts them.
func (s *sum) add(p *pieces, minus bool) {
	if p.n == 0 {
		return
	}
	s.reach(p.at)
	j := p.at - s.first
	var carry int64
	for i := 0; i < p.n || carry != 0; i++ {
		if j == len(s.digits) {
			s.digits = append(s.digits, 0)
		}
		v := int64(s.digits[j]) + carry
		if i < p.n {
			if minus {
				v -= int64(p.d[i])
			} else {
				v += int64(p.d[i])
			}
		}
		s.digits[j] = int32(v)
		carry = (v - int64(int32(v))) >> 32
		j++
	}
	s.trim()
}

// reach makes place at one that digits has, or the next after them.
func (s *sum) reach(at int) {
	if len(s.digits) == 0 {
		s.first = at
	}
	if at < s.first {
		n, more := len(s.digits), s.first-at
		for range more {
			s.digits = append(s.digits, 0)
		}
		copy(s.digits[more:], s.digits[:n])
		clear(s.digits[:more])
		s.first = at
	}
	for s.first+len(s.digits) < at {
		s.digits = append(s.digits, 0)
	}
}

func (s *sum) trim() {
	d := s.digits
	for len(d) > 0 && d[len(d)-1] == 0 {
		d = d[:len(d)-1]
	}
	k := 0
	for k < len(d) && d[k] == 0 {
		k++
	}
	if k > 0 {
		d = d[:copy(d, d[k:])]
		s.first += k
	}
	if len(d) == 0 {
		s.first = 0
	}
	s.digits = d
}

// floatPieces returns a finite float as an integer times 2^floatUnit.
func floatPieces(x float64) (p pieces, minus bool) {
	m, shift, minus := floatParts(x)
	return shifted(0, m, shift), minus
}

// squarePieces returns the square of a finite float as an integer times 2^squareUnit.
func squarePieces(x float64) pieces {
	m, shift, _ := floatParts(x)
	hi, lo := bits.Mul64(m, m)
	return shifted(hi, lo, 2*shift)
}

// floatParts returns x as m * 2^(shift + floatUnit).
func floatParts(x float64) (m uint64, shift int, minus bool) {
	b := math.Float64bits(x)
	e := int(b >> 52 & 0x7ff)
	m = b & (1<<52 - 1)
	if e == 0 {
		e = 1
	} else {
		m |= 1 << 52
	}
	return m, e - 1, b>>63 != 0
}

func intPieces(x int64) (p pieces, minus bool) {
	return shifted(0, magnitude64(x), 0), x < 0
}

func intSquarePieces(x int64) pieces {
	m := magnitude64(x)
	hi, lo := bits.Mul64(m, m)
	return shifted(hi, lo, 0)
}

func magnitude64(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// addFloat adds x, or takes it back.
func (s *sum) addFloat(x float64, back bool) {
	if s.count(x, back) {
		return
	}
	p, minus := floatPieces(x)
	s.add(&p, minus != back)
}

// count counts x beside the sum if it isn't finite.
func (s *sum) count(x float64, back bool) bool {
	d := int64(1)
	if back {
		d = -1
	}
	switch {
	case x != x:
		s.na += d
	case x > math.MaxFloat64:
		s.pos += d
	case x < -math.MaxFloat64:
		s.neg += d
	default:
		return false
	}
	return true
}

// append writes twice the number of digits, one more if something isn't finite; the place
// of the lowest digit; the digits, the highest as a varint; and what isn't finite.
func (s *sum) append(dst []byte) []byte {
	n := len(s.digits)
	head := int64(2 * n)
	if s.special() {
		head++
	}
	dst = appendUint(dst, head)
	if n > 0 {
		dst = appendUint(dst, int64(s.first))
		for _, d := range s.digits[:n-1] {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(d))
		}
		dst = binary.AppendVarint(dst, int64(s.digits[n-1]))
	}
	if s.special() {
		dst = appendUint(appendUint(appendUint(dst, s.pos), s.neg), s.na)
	}
	return dst
}

func (s *sum) decode(r *reader, places int, events int64) {
	s.reset()
	head := r.count(int64(2*places + 1))
	if n := int(head / 2); n > 0 {
		s.first = int(r.count(int64(places - n)))
		raw := r.take(4 * (n - 1))
		top := r.varint()
		if r.failed() {
			return
		}
		for i := 0; i < len(raw); i += 4 {
			s.digits = append(s.digits, int32(binary.LittleEndian.Uint32(raw[i:])))
		}
		s.digits = append(s.digits, int32(top))
		if top != int64(int32(top)) || top == 0 || s.digits[0] == 0 {
			r.bad("a sum")
		}
	}
	if head&1 == 1 {
		s.pos = r.count(events)
		s.neg = r.count(events - s.pos)
		s.na = r.count(events - s.pos - s.neg)
		if !s.special() {
			r.bad("a sum")
		}
	}
}
