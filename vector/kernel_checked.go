package vector

import (
	"cmp"
	"math"
	"math/bits"
)

// Integers overflow, and compare, as they do in CEL.

func add(a, b int64) (int64, outcome) {
	v := a + b
	if (v > a) != (b > 0) && b != 0 {
		return 0, why(Overflow)
	}
	return v, valued
}

func subtract(a, b int64) (int64, outcome) {
	v := a - b
	if (v < a) != (b > 0) && b != 0 {
		return 0, why(Overflow)
	}
	return v, valued
}

func multiply(a, b int64) (int64, outcome) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	limit := uint64(math.MaxInt64)
	if (a < 0) != (b < 0) {
		limit++
	}
	if high != 0 || low > limit {
		return 0, why(Overflow)
	}
	return a * b, valued
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func divide(a, b int64) (int64, outcome) {
	switch {
	case b == 0:
		return 0, why(DivisionByZero)
	case a == math.MinInt64 && b == -1:
		return 0, why(Overflow)
	}
	return a / b, valued
}

func modulo(a, b int64) (int64, outcome) {
	switch {
	case b == 0:
		return 0, why(DivisionByZero)
	case a == math.MinInt64 && b == -1:
		return 0, why(Overflow)
	}
	return a % b, valued
}

func negate(v int64) (int64, outcome) {
	if v == math.MinInt64 {
		return 0, why(Overflow)
	}
	return -v, valued
}

// truncate is int(DOUBLE), which refuses the smallest integer too.
func truncate(v float64) (int64, outcome) {
	if !(v > math.MinInt64 && v < math.MaxInt64) {
		return 0, why(Overflow)
	}
	return int64(v), valued
}

// floorDiv divides by a number above 0 and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// A comparison returns -1, 0 or 1. It fails where there is no order.
type comparison[A, B any] func(a A, b B) (int, outcome)

func compareOrdered[T cmp.Ordered](a, b T) (int, outcome) { return cmp.Compare(a, b), valued }

func compareIntegers(a, b int64) (int, outcome) { return compareOrdered(a, b) }

// compareDoubles fails on NaN.
func compareDoubles(a, b float64) (int, outcome) {
	switch {
	case a < b:
		return -1, valued
	case a > b:
		return 1, valued
	case a == b:
		return 0, valued
	}
	return 0, why(OtherFailure)
}

func compareDoubleInteger(a float64, b int64) (int, outcome) { return compareDoubles(a, float64(b)) }

func compareIntegerDouble(a int64, b float64) (int, outcome) { return compareDoubles(float64(a), b) }

// greatest returns the largest of terms, or the smallest; the first of equals.
// All of them are evaluated before two are compared, so that one without a value
// outdoes a NaN before it.
func greatest[T any](terms []term[T], largest bool, compare comparison[T, T]) term[T] {
	if len(terms) == 0 {
		return nil
	}
	sign := -1
	if largest {
		sign = 1
	}
	return func(row *evaluation) (best T, o outcome) {
		best, o = terms[0](row)
		if o != valued {
			return best, o
		}
		for _, t := range terms[1:] {
			v, of := t(row)
			if of != valued {
				return best, of
			}
			if o != valued {
				continue
			}
			c, comparable := compare(v, best)
			if o = comparable; c == sign {
				best = v
			}
		}
		return best, o
	}
}
