package comparison

import (
	"cmp"
	"math"
	"slices"
)

// An Agreement says how far apart the scores of two models are.
type Agreement struct {
	Rows            int     // rows that both models scored
	Undefined       int     // rows that at least one of the two scored NaN
	MaxDifference   float64 // the largest absolute difference of two scores of a row
	MeanDifference  float64
	RankCorrelation float64 // Spearman's, with the mean rank for ties
	Changed         float64 // share of the rows with scores on different sides of the threshold
}

// Agree compares the scores of the same rows. Scores at or above the threshold count
// as positive.
func Agree(a, b []float64, threshold float64) Agreement {
	var out Agreement
	var x, y []float64
	changed, sum := 0, 0.0
	for i := range a {
		if math.IsNaN(a[i]) || math.IsNaN(b[i]) {
			out.Undefined++
			continue
		}
		x, y = append(x, a[i]), append(y, b[i])
		difference := 0.0
		if a[i] != b[i] { // two infinities of one sign are equal
			difference = math.Abs(a[i] - b[i])
		}
		sum += difference
		out.MaxDifference = max(out.MaxDifference, difference)
		if (a[i] >= threshold) != (b[i] >= threshold) {
			changed++
		}
	}
	out.Rows = len(x)
	out.MeanDifference = sum / float64(len(x))
	out.Changed = float64(changed) / float64(len(x))
	out.RankCorrelation = correlation(ranks(x), ranks(y))
	return out
}

// ranks returns the rank of each value, from 1. Ties get their mean rank.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	for first := 0; first < len(order); {
		last := first + 1
		for last < len(order) && values[order[last]] == values[order[first]] {
			last++
		}
		for _, i := range order[first:last] {
			out[i] = float64(first+1+last) / 2
		}
		first = last
	}
	return out
}

// correlation is Pearson's; NaN when one of the two is constant.
func correlation(x, y []float64) float64 {
	meanX, meanY := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xy, xx, yy = xy+dx*dy, xx+dx*dx, yy+dy*dy
	}
	return xy / math.Sqrt(xx*yy)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
