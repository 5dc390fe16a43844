package experiment

import (
	"math"
	"slices"
)

// area is the area under the receiver operating characteristic curve. A pull is
// DeLong's structural component of the row, by midranks: Sun and Xu, "Fast
// implementation of DeLong's algorithm for comparing the areas under correlated
// receiver operating characteristic curves", IEEE Signal Processing Letters 21, 2014.
func area(scores, labels []float64) estimate {
	positives := 0
	for _, l := range labels {
		positives += int(l)
	}
	m, n := float64(positives), float64(len(scores)-positives)
	e := estimate{value: math.NaN(), pull: make([]float64, len(scores)), enough: min(m, n) >= minClass}
	if m == 0 || n == 0 {
		return e
	}
	above := aboveOthers(scores, labels)
	sum := 0.0
	for i, l := range labels {
		if l == 1 {
			sum += above[i]
		}
	}
	e.value = sum / m
	for i, l := range labels {
		switch {
		case l == 1 && m > 1:
			e.pull[i] = (above[i] - e.value) / math.Sqrt(m*(m-1))
		case l == 0 && n > 1:
			e.pull[i] = (above[i] - e.value) / math.Sqrt(n*(n-1))
		}
	}
	return e
}

// A ranked is a row to sort by its score. The score is not NaN.
type ranked struct {
	score float64
	row   int
}

func (r ranked) compare(other ranked) int {
	switch {
	case r.score < other.score:
		return -1
	case r.score > other.score:
		return 1
	}
	return 0
}

// aboveOthers returns a share for each row. For a true row it is the share of the
// false rows with a lower score. For a false row it is the share of the true rows with
// a higher score. A tie counts half.
func aboveOthers(scores, labels []float64) []float64 {
	order := make([]ranked, len(scores))
	for i, s := range scores {
		order[i] = ranked{s, i}
	}
	slices.SortFunc(order, ranked.compare)
	var below, total [2]float64 // rows of either class: those that score less, and all
	for _, l := range labels {
		total[int(l)]++
	}
	above := make([]float64, len(scores))
	for first := 0; first < len(order); {
		last, ties := first, [2]float64{}
		for ; last < len(order) && order[last].score == order[first].score; last++ {
			ties[int(labels[order[last].row])]++
		}
		for _, o := range order[first:last] {
			if labels[o.row] == 1 {
				above[o.row] = (below[0] + ties[0]/2) / total[0]
			} else {
				above[o.row] = 1 - (below[1]+ties[1]/2)/total[1]
			}
		}
		below[0], below[1] = below[0]+ties[0], below[1]+ties[1]
		first = last
	}
	return above
}
