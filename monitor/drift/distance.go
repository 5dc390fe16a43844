package drift

import (
	"cmp"
	"math"
	"slices"
)

// KolmogorovSmirnov is the largest difference of the two distribution functions at the
// edges of the bins, from 0 to 1 (Smirnov, "Table for estimating the goodness of fit of
// empirical distributions", Annals of Mathematical Statistics 19, 1948). The bins must
// be in order. It is at most what the rows themselves would give.
func (p Pair) KolmogorovSmirnov() float64 {
	if p.empty() {
		return 0
	}
	f, g, largest := 0.0, 0.0, 0.0
	for i := range len(p.reference) - 1 { // at the last edge both are 1
		f += float64(p.reference[i])
		g += float64(p.now[i])
		largest = max(largest, math.Abs(f/p.m-g/p.n))
	}
	return min(1, largest)
}

// Spread is KolmogorovSmirnov with the bins taken from the middle of the reference
// outwards, from 0 to 1: the largest difference in the share of rows inside a central
// range. A distribution that becomes wider about its middle moves few rows past any one
// edge, but twice as many out of a central range. Not symmetric: the reference says
// what lies in the middle.
func (p Pair) Spread() float64 {
	if p.empty() {
		return 0
	}
	return p.along(outwards(p.reference))
}

// along is the largest difference of the shares of the first bins of an order.
func (p Pair) along(order []int) float64 {
	f, g, largest := 0.0, 0.0, 0.0
	for _, i := range order[:max(0, len(order)-1)] {
		f += float64(p.reference[i])
		g += float64(p.now[i])
		largest = max(largest, math.Abs(f/p.m-g/p.n))
	}
	return min(1, largest)
}

// outwards orders bins by how far the mean rank of their rows is from the median.
func outwards(reference []int64) []int {
	total := 0.0
	for _, c := range reference {
		total += float64(c)
	}
	order, distance := make([]int, len(reference)), make([]float64, len(reference))
	before := 0.0
	for i, c := range reference {
		order[i] = i
		distance[i] = math.Abs(before + float64(c)/2 - total/2)
		before += float64(c)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(distance[i], distance[j]) })
	return order
}

// TotalVariation is half the sum of the absolute differences of the shares, from 0 to
// 1: the share of rows that would have to move to other bins to make the two equal
// (Levin and Peres, "Markov Chains and Mixing Times", 2nd edition, 2017, chapter 4).
// KolmogorovSmirnov, Spread and the change of any single share are never larger.
func (p Pair) TotalVariation() float64 {
	if p.empty() {
		return 0
	}
	sum := 0.0
	for i := range p.reference {
		a, b := p.shares(i)
		sum += math.Abs(a - b)
	}
	return min(1, sum/2)
}
