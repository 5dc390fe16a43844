package offline

import (
	"encoding/binary"
	"math"
	"strconv"

	"larder/schema"
)

// The values of the sign field of a numeric, including those without digits.
const (
	numericPositive = 0x0000
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericPlusInf  = 0xD000
	numericMinusInf = 0xF000
)

// A decimal is a numeric as Postgres sends it: sign × Σ digits[i] × 10000^(weight-i).
type decimal struct {
	digits []byte // two bytes each, 0 to 9999
	weight int
	sign   uint16
}

func readDecimal(raw []byte) (d decimal, ok bool) {
	const head = 8 // the number of digits, weight, sign, scale
	if len(raw) < head || len(raw)-head != 2*int(binary.BigEndian.Uint16(raw)) {
		return d, false
	}
	d = decimal{digits: raw[head:], weight: int(int16(binary.BigEndian.Uint16(raw[2:]))), sign: binary.BigEndian.Uint16(raw[4:])}
	for i := range d.len() {
		if d.digit(i) > 9999 {
			return d, false
		}
	}
	switch d.sign {
	case numericPositive, numericNegative, numericNaN, numericPlusInf, numericMinusInf:
		return d, true
	}
	return d, false
}

func (d decimal) len() int        { return len(d.digits) / 2 }
func (d decimal) digit(i int) int { return int(binary.BigEndian.Uint16(d.digits[2*i:])) }

// special returns the float of a numeric that is not a finite number.
func (d decimal) special() (v float64, is bool) {
	switch d.sign {
	case numericNaN:
		return math.NaN(), true
	case numericPlusInf:
		return math.Inf(1), true
	case numericMinusInf:
		return math.Inf(-1), true
	}
	return 0, false
}

// integralNumeric reads a numeric that is a whole number.
func integralNumeric(raw []byte) (int64, schema.BadReason) {
	d, ok := readDecimal(raw)
	if !ok {
		return 0, malformed
	}
	if _, is := d.special(); is {
		return 0, schema.NotANumber
	}
	for i := max(0, d.weight+1); i < d.len(); i++ {
		if d.digit(i) != 0 {
			return 0, schema.OutOfRange // it has a fraction
		}
	}
	// Sum up as negative: there is one more of them.
	var sum int64
	for i := range max(0, d.weight+1) {
		if sum == 0 && i >= d.len() {
			break // zeros all the way
		}
		digit := int64(0)
		if i < d.len() {
			digit = int64(d.digit(i))
		}
		if sum < (math.MinInt64+digit)/10000 {
			return 0, schema.OutOfRange
		}
		sum = sum*10000 - digit
	}
	if d.sign == numericNegative {
		return sum, ""
	}
	if sum == math.MinInt64 {
		return 0, schema.OutOfRange
	}
	return -sum, ""
}

// powers are the powers of ten that a float64 holds exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// appendNumeric appends the float that is nearest to a numeric: what Postgres's
// own cast gives.
func appendNumeric(c *column, raw []byte, single bool) schema.BadReason {
	d, ok := readDecimal(raw)
	if !ok {
		return malformed
	}
	v, exact := d.special()
	if !exact && !single {
		v, exact = d.quick()
	}
	if !exact {
		bits := 64
		if single {
			bits = 32
		}
		var err error
		var scratch [64]byte
		if v, err = strconv.ParseFloat(string(d.text(scratch[:0])), bits); err != nil {
			return schema.OutOfRange
		}
	}
	if single {
		c.f32 = append(c.f32, float32(v))
	} else {
		c.f64 = append(c.f64, v)
	}
	return ""
}

// quick returns the nearest float64 where one operation on exact operands gives
// it, after Clinger, "How to read floating point numbers accurately" (1990).
func (d decimal) quick() (v float64, ok bool) {
	const exact = 1 << 53
	var mantissa int64
	for i := range d.len() {
		if mantissa > (exact-9999)/10000 {
			return 0, false
		}
		mantissa = mantissa*10000 + int64(d.digit(i))
	}
	exponent := 4 * (d.weight - d.len() + 1)
	v = float64(mantissa)
	switch {
	case mantissa == 0:
	case exponent >= 0 && exponent < len(powers):
		v *= powers[exponent]
	case exponent < 0 && -exponent < len(powers):
		v /= powers[-exponent]
	default:
		return 0, false
	}
	if d.sign == numericNegative && v != 0 {
		v = -v
	}
	return v, true
}

// text appends the number in decimal, as an integer with an exponent.
func (d decimal) text(dst []byte) []byte {
	if d.len() == 0 {
		return append(dst, '0')
	}
	if d.sign == numericNegative {
		dst = append(dst, '-')
	}
	for i := range d.len() {
		n := d.digit(i)
		dst = append(dst, byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
	}
	dst = append(dst, 'e')
	return strconv.AppendInt(dst, int64(4*(d.weight-d.len()+1)), 10)
}
