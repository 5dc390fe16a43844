package window

import "math/big"

// variance returns the variance of a sample of n > 1 values, or its root, from their
// sum and the sum of their squares, both exact, in unit and 2*unit. It rounds once.
//
//	(n * squares - sum * sum) / (n * (n - 1))
func variance(sum, squares magnitude, n int64, unit int, root bool) float64 {
	s, q, c := sum.big(unit), squares.big(2*unit), big.NewInt(n)
	q.Mul(q, c)
	q.Sub(q, s.Mul(s, s))
	if q.Sign() <= 0 {
		return 0
	}
	c.Mul(c, new(big.Int).Sub(c, big.NewInt(1)))
	// Bring the quotient to 160 bits or more; for a root the power of two stays even.
	shift := max(0, 162+c.BitLen()-q.BitLen()) &^ 1
	q.Lsh(q, uint(shift))
	rest := new(big.Int)
	q.QuoRem(q, c, rest)
	exp := 2*unit - shift
	sticky := rest.Sign() != 0
	if root {
		whole := new(big.Int).Sqrt(q)
		sticky = sticky || rest.Mul(whole, whole).Cmp(q) != 0
		q, exp = whole, exp/2
	}
	return roundedBig(q, exp, sticky)
}

// roundedBig returns q * 2^exp, where q has more than 64 bits; sticky says that the
// true value is above it by less than one of q.
func roundedBig(q *big.Int, exp int, sticky bool) float64 {
	drop := max(0, q.BitLen()-128)
	top := new(big.Int).Rsh(q, uint(drop))
	sticky = sticky || drop > 0 && q.TrailingZeroBits() < uint(drop)
	lo := new(big.Int).And(top, new(big.Int).SetUint64(1<<64-1)).Uint64()
	return rounded(top.Rsh(top, 64).Uint64(), lo, exp+drop, sticky, false)
}
