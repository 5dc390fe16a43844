package drift

import "math"

// A ChiSquare is Pearson's test that two samples have the same shares.
type ChiSquare struct {
	Statistic float64
	Degrees   int     // bins that either sample has, less 1
	P         float64 // the chance of a statistic this large, where the shares are the same
}

// ChiSquare tests homogeneity (Pearson, "On the probability that two independent
// distributions of frequency are really samples from the same population", Biometrika 8,
// 1911). Bins that are empty in both samples don't count. P is good where most bins
// expect 5 rows or more. With many rows it is small for differences that don't matter:
// don't raise alarms by it.
func (p Pair) ChiSquare() ChiSquare {
	if p.empty() {
		return ChiSquare{P: 1}
	}
	out := ChiSquare{Degrees: -1}
	for i := range p.reference {
		a, b := p.shares(i)
		if a == 0 && b == 0 {
			continue
		}
		out.Degrees++
		// Both terms (O-E)²/E of a bin, summed, without a difference of large numbers.
		out.Statistic += (a - b) * (a - b) / (a/p.n + b/p.m)
	}
	if out.Degrees == 0 {
		return ChiSquare{P: 1}
	}
	out.P = upperGamma(float64(out.Degrees)/2, out.Statistic/2)
	return out
}

// upperGamma is the regularised upper incomplete gamma function Q(a, x), for a > 0 and
// x >= 0: by the series 6.5.29 of Abramowitz and Stegun, "Handbook of Mathematical
// Functions", below a+1, and above it by the continued fraction 6.5.31, with Lentz's
// method (Press and others, "Numerical Recipes", 3rd edition, 2007, section 6.2).
func upperGamma(a, x float64) float64 {
	if x <= 0 {
		return 1
	}
	const precision = 1e-15
	steps := 200 + int(20*math.Sqrt(a)) // both converge in a few √a steps
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - logGamma)
	if x < a+1 {
		term := 1 / a
		sum := term
		for i := 1; i < steps && term > precision*sum; i++ {
			term *= x / (a + float64(i))
			sum += term
		}
		return min(1, max(0, 1-front*sum))
	}
	if front == 0 {
		return 0
	}
	b := x + 1 - a
	c, d := math.MaxFloat64, 1/b
	fraction := d
	for i := 1; i < steps; i++ {
		k := float64(i)
		numerator := k * (a - k)
		b += 2
		d = 1 / away(numerator*d+b)
		c = away(b + numerator/c)
		fraction *= c * d
		if math.Abs(c*d-1) < precision {
			break
		}
	}
	return min(1, max(0, front*fraction))
}

// away keeps a divisor from 0.
func away(v float64) float64 {
	if math.Abs(v) < math.SmallestNonzeroFloat64*1e30 {
		return math.SmallestNonzeroFloat64 * 1e30
	}
	return v
}
