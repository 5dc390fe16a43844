package drift

import "math"

// PSI is the population stability index, Σ (p-q) ln(p/q) in nats, from 0 up. It is the
// symmetric divergence of Kullback and Leibler, "On information and sufficiency", Annals
// of Mathematical Statistics 22, 1951; Siddiqi, "Credit Risk Scorecards", 2006, calls
// 0.1 slight and 0.25 large. By chance alone it is about (k-1)(1/m + 1/n) for k bins and
// m and n rows (Yurdakul and Naranjo, "Statistical properties of the population
// stability index", Journal of Risk Model Validation 14, 2020), so these limits mean
// nothing for small windows.
//
// Each share has half a row of the smaller sample added, (p + e) / (1 + k e) with
// e = 1 / (2 min(m, n)): empty bins then give finite values, and equal shares give 0.
func (p Pair) PSI() float64 {
	if p.empty() {
		return 0
	}
	e := 0.5 / min(p.m, p.n)
	all := 1 + float64(len(p.reference))*e
	sum := 0.0
	for i := range p.reference {
		a, b := p.shares(i)
		sum += (a - b) / all * math.Log((a+e)/(b+e))
	}
	return max(0, sum)
}

// JensenShannon is the distance of Jensen and Shannon, from 0 to 1: the square root of
// their divergence in bits (Lin, "Divergence measures based on the Shannon entropy",
// IEEE Transactions on Information Theory 37, 1991; that the root is a metric is from
// Endres and Schindelin, "A new metric for probability distributions", in the same
// journal, 49, 2003). Empty bins need no smoothing.
func (p Pair) JensenShannon() float64 {
	if p.empty() {
		return 0
	}
	sum := 0.0
	for i := range p.reference {
		a, b := p.shares(i)
		middle := a + b
		if a > 0 {
			sum += a * math.Log2(2*a/middle)
		}
		if b > 0 {
			sum += b * math.Log2(2*b/middle)
		}
	}
	return math.Sqrt(min(1, max(0, sum/2)))
}

// Unseen is the share of the window's rows in bins that the reference never had, from 0
// to 1.
func (p Pair) Unseen() float64 {
	if p.empty() {
		return 0
	}
	return unseen(p.reference, p.now) / p.n
}

// Vanished is the share of the reference's rows in bins that the window never had, from
// 0 to 1. Rare bins are often missing from small windows by chance.
func (p Pair) Vanished() float64 {
	if p.empty() {
		return 0
	}
	return unseen(p.now, p.reference) / p.m
}

// Gone returns the bins that the reference has and the window has not, in order; none
// where one of the two is empty.
func (p Pair) Gone() []int {
	if p.empty() {
		return nil
	}
	var bins []int
	for i, c := range p.reference {
		if c > 0 && p.now[i] == 0 {
			bins = append(bins, i)
		}
	}
	return bins
}

// unseen returns how many rows one sample has in the bins that the other left empty.
func unseen(known, counts []int64) float64 {
	sum := 0.0
	for i, c := range counts {
		if known[i] == 0 {
			sum += float64(c)
		}
	}
	return sum
}
