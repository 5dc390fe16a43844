package drift

import "math"

// Massart is the radius that the largest difference between the distribution function
// of n rows and that of their source exceeds with chance alpha at most, whatever the
// source: sqrt(ln(2/alpha) / (2n)), at most 1 (Dvoretzky, Kiefer and Wolfowitz, Annals of
// Mathematical Statistics 27, 1956, with the constant of Massart, "The tight constant in
// the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of Probability 18, 1990). It is 1
// for no rows, and for an alpha of 0 or less. For many features, divide alpha by their
// number.
func Massart(n, alpha float64) float64 {
	return radius(n, math.Log(2)+nats(alpha))
}

// MassartOfTwo is the radius for the difference between the distribution functions of
// two samples of one source, of m and n rows: the sum of their radii at alpha/2. Wei and
// Dudley, "Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities", Statistics and
// Probability Letters 82, 2012, prove a smaller one, but only for m = n.
func MassartOfTwo(m, n, alpha float64) float64 {
	return min(1, Massart(m, alpha/2)+Massart(n, alpha/2))
}

// sets is ln(2^k-2), for the sets of k categories that can have another share than
// before. The total variation is the largest change of any of them (Weissman, Ordentlich,
// Seroussi, Verdú and Weinberger, "Inequalities for the L1 deviation of the empirical
// distribution", HP Labs HPL-2003-97, 2003).
func sets(k int) float64 { return float64(k)*math.Ln2 + math.Log1p(-math.Exp2(float64(1-k))) }

// radius is Hoeffding's, for one deviation that has a chance of exp(-nats).
func radius(n, nats float64) float64 {
	if n <= 0 {
		return 1
	}
	return min(1, math.Sqrt(nats/(2*n)))
}

// nats is -ln(alpha), from 0 for a chance of 1 to infinity for one of 0.
func nats(alpha float64) float64 {
	if !(alpha > 0) {
		return math.Inf(1)
	}
	return max(0, -math.Log(alpha))
}

// ShareAtLeast is the lower end of the one-sided interval for a share of which x of n
// rows were seen: the share is smaller with chance alpha at most. It is the smallest q
// with n kl(x/n, q) <= ln(1/alpha), kl being the divergence of two coins (Chernoff, "A
// measure of asymptotic efficiency for tests of a hypothesis based on the sum of
// observations", Annals of Mathematical Statistics 23, 1952; Hoeffding, "Probability
// inequalities for sums of bounded random variables", JASA 58, 1963, theorem 1). Near 0
// and 1 it is much narrower than Hoeffding's. It is 0 for no rows.
func ShareAtLeast(x, n, alpha float64) float64 {
	return atLeast(x, n, nats(alpha))
}

// ShareAtMost is the upper end of the one-sided interval of ShareAtLeast. It is 1 for no
// rows.
func ShareAtMost(x, n, alpha float64) float64 {
	return 1 - atLeast(n-x, n, nats(alpha))
}

func atLeast(x, n, nats float64) float64 {
	if n <= 0 || x <= 0 {
		return 0
	}
	p := min(1, x/n)
	low, high := 0.0, p
	for range 60 {
		middle := (low + high) / 2
		if middle == low || middle == high {
			break
		}
		if n*coins(p, middle) > nats {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// coins is the divergence of Kullback and Leibler of a coin that falls on one side with
// chance p from one with chance q, in nats.
func coins(p, q float64) float64 {
	if p == q {
		return 0
	}
	if q <= 0 || q >= 1 {
		return math.Inf(1)
	}
	sum := 0.0
	if p > 0 {
		sum += p * math.Log(p/q)
	}
	if p < 1 {
		sum += (1 - p) * math.Log((1-p)/(1-q))
	}
	return max(0, sum)
}
