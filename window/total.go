package window

import (
	"math"
	"math/big"
	"math/bits"
)

// A total adds sums of one unit, with carries left for the end.
type total struct {
	lo, hi       int // places that may be other than 0
	d            [maxPlaces + 4]int64
	pos, neg, na int64
	limbs        [(maxPlaces + 4) / 2]uint64 // of the magnitude
}

func (t *total) reset() {
	if t.lo < t.hi {
		clear(t.d[t.lo:t.hi])
	}
	t.lo, t.hi = len(t.d), 0
	t.pos, t.neg, t.na = 0, 0, 0
}

func (t *total) merge(s *sum) {
	if n := len(s.digits); n > 0 {
		t.lo, t.hi = min(t.lo, s.first), max(t.hi, s.first+n)
		d := t.d[s.first : s.first+n]
		for i, v := range s.digits {
			d[i] += int64(v)
		}
	}
	t.pos, t.neg, t.na = t.pos+s.pos, t.neg+s.neg, t.na+s.na
}

func (t *total) add(p *pieces, minus bool) {
	if p.n == 0 {
		return
	}
	t.lo, t.hi = min(t.lo, p.at), max(t.hi, p.at+p.n)
	for i, v := range p.d[:p.n] {
		if minus {
			t.d[p.at+i] -= int64(v)
		} else {
			t.d[p.at+i] += int64(v)
		}
	}
}

func (t *total) addFloat(x float64) {
	switch {
	case x != x:
		t.na++
	case x > math.MaxFloat64:
		t.pos++
	case x < -math.MaxFloat64:
		t.neg++
	default:
		t.addFinite(x)
	}
}

func (t *total) addFinite(x float64) {
	m, shift, minus := floatParts(x)
	if m == 0 {
		return
	}
	i, s := shift>>5, uint(shift&31)
	t.lo, t.hi = min(t.lo, i), max(t.hi, i+3)
	a, b := m<<s, m>>(64-s)
	d := t.d[i : i+3 : i+3]
	if minus {
		d[0] -= int64(uint32(a))
		d[1] -= int64(a >> 32)
		d[2] -= int64(b)
		return
	}
	d[0] += int64(uint32(a))
	d[1] += int64(a >> 32)
	d[2] += int64(b)
}

func (t *total) mergeTotal(x *total) {
	if x.lo < x.hi {
		t.lo, t.hi = min(t.lo, x.lo), max(t.hi, x.hi)
		for i := x.lo; i < x.hi; i++ {
			t.d[i] += x.d[i]
		}
	}
	t.pos, t.neg, t.na = t.pos+x.pos, t.neg+x.neg, t.na+x.na
}

// special returns what infinities and NaNs make of the total, as IEEE 754 adds them.
func (t *total) special() (float64, bool) {
	switch {
	case t.na > 0 || t.pos > 0 && t.neg > 0:
		return math.NaN(), true
	case t.pos > 0:
		return math.Inf(1), true
	case t.neg > 0:
		return math.Inf(-1), true
	}
	return 0, false
}

// A magnitude is the absolute value of a total: limbs times 2^exp, the lowest first,
// the highest not 0. It lies in the total.
type magnitude struct {
	limbs []uint64
	exp   int
	minus bool
}

// magnitude carries, and returns the total in the given unit.
func (t *total) magnitude(unit int) magnitude {
	if t.lo >= t.hi {
		return magnitude{}
	}
	t.lo &^= 1
	var carry int64
	end := t.hi
	for i := t.lo; i < t.hi || carry != 0; i++ {
		v := t.d[i] + carry
		t.d[i] = int64(int32(v))
		carry = (v - int64(int32(v))) >> 32
		end = i + 1
	}
	for end > t.lo && t.d[end-1] == 0 {
		end--
	}
	t.hi = end
	if t.lo == t.hi {
		return magnitude{}
	}
	m := magnitude{exp: 32*t.lo + unit, minus: t.d[end-1] < 0}
	sign := int64(1)
	if m.minus {
		sign = -1
	}
	n := 0
	for i := t.lo; i < end; i += 2 {
		a := sign*t.d[i] + carry
		carry = a >> 32
		b := sign*t.d[i+1] + carry
		carry = b >> 32
		t.limbs[n] = uint64(uint32(a)) | uint64(uint32(b))<<32
		n++
	}
	for n > 0 && t.limbs[n-1] == 0 {
		n--
	}
	m.limbs = t.limbs[:n]
	return m
}

// float returns the magnitude, rounded once.
func (m magnitude) float() float64 {
	n := len(m.limbs)
	switch n {
	case 0:
		return 0
	case 1:
		return rounded(0, m.limbs[0], m.exp, false, m.minus)
	}
	return rounded(m.limbs[n-1], m.limbs[n-2], m.exp+64*(n-2), anyBit(m.limbs[:n-2]), m.minus)
}

// over returns the magnitude divided by n, rounded once.
func (m magnitude) over(n int64) float64 {
	if len(m.limbs) == 0 {
		return 0
	}
	// Divide limb by limb from the top, below the point too, until two limbs of the
	// quotient say 65 bits or more.
	var hi, lo, rest uint64
	i := len(m.limbs) - 1
	for ; ; i-- {
		limb := uint64(0)
		if i >= 0 {
			limb = m.limbs[i]
		}
		var q uint64
		q, rest = bits.Div64(rest, limb, uint64(n))
		hi, lo = lo, q
		if hi != 0 {
			break
		}
	}
	sticky := rest != 0 || i > 0 && anyBit(m.limbs[:i])
	return rounded(hi, lo, m.exp+64*i, sticky, m.minus)
}

// int returns the magnitude, which is whole, as an int64 if it can be one.
func (m magnitude) int() (int64, bool) {
	switch len(m.limbs) {
	case 0:
		return 0, true
	case 1:
		x := m.limbs[0]
		if m.exp > 0 || x > math.MaxInt64 && !(m.minus && x == 1<<63) {
			return 0, false
		}
		if m.minus {
			return int64(-x), true
		}
		return int64(x), true
	}
	return 0, false
}

// big returns the magnitude with its sign in the given unit, which is not above exp.
func (m magnitude) big(unit int) *big.Int {
	raw := make([]byte, 8*len(m.limbs))
	for i, limb := range m.limbs {
		for j := range 8 {
			raw[len(raw)-1-8*i-j] = byte(limb >> (8 * j))
		}
	}
	x := new(big.Int).SetBytes(raw)
	x.Lsh(x, uint(m.exp-unit))
	if m.minus {
		x.Neg(x)
	}
	return x
}

func anyBit(limbs []uint64) bool {
	for _, x := range limbs {
		if x != 0 {
			return true
		}
	}
	return false
}

// rounded returns (hi * 2^64 + lo) * 2^exp, to even when half. sticky says that the
// true value is above it by less than one of lo; then hi isn't 0.
func rounded(hi, lo uint64, exp int, sticky, minus bool) float64 {
	if hi == 0 {
		if lo == 0 {
			return 0
		}
		hi, lo, exp = lo, 0, exp-64
	}
	n := bits.LeadingZeros64(hi)
	hi = hi<<n | lo>>(64-n)
	sticky = sticky || lo<<n != 0
	top := exp + 127 - n // the exponent of the highest bit
	drop := 11
	if top < -1022 {
		drop += -1022 - top
	}
	var m uint64
	switch {
	case drop > 64:
	case drop == 64:
		if hi > 1<<63 || hi == 1<<63 && sticky {
			m = 1
		}
	default:
		m = hi >> drop
		half, rest := hi>>(drop-1)&1, hi<<(65-drop) != 0 || sticky
		if half == 1 && (rest || m&1 == 1) {
			m++
		}
	}
	if top > 1023 {
		m = 0x7ff << 52
	} else if top >= -1022 {
		m += uint64(top+1022) << 52 // the hidden bit adds one more; a carry is right too
		m = min(m, 0x7ff<<52)
	}
	if minus {
		m |= 1 << 63
	}
	return math.Float64frombits(m)
}
