package fraud

import (
	"cmp"
	"math"
	"slices"
)

// AUC is the area under the ROC curve: the probability that a positive scores
// higher than a negative, where a tie counts half. It is computed from ranks, as
// the Mann-Whitney U statistic, and is NaN unless both labels occur. The slices
// have the same length.
func AUC(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })

	var rankSum, positives float64
	for i := 0; i < len(order); {
		end := i + 1
		for end < len(order) && scores[order[end]] == scores[order[i]] {
			end++
		}
		rank := float64(i+1+end) / 2 // the mean of the ranks i+1 to end
		for ; i < end; i++ {
			if labels[order[i]] {
				rankSum += rank
				positives++
			}
		}
	}
	negatives := float64(len(scores)) - positives
	if positives == 0 || negatives == 0 {
		return math.NaN()
	}
	return (rankSum - positives*(positives+1)/2) / (positives * negatives)
}
