package traffic

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"larder/schema"
)

// The chance that a guard trips without a cause. Guards look often, and each look sees
// mostly the same requests as the last.
const (
	deviations   = 4    // of a normal distribution, one-sided: 3 in 100,000
	scoreMistake = 1e-6 // for each of the two distributions of scores
)

// percentile is the percentile of the latencies that are compared.
const percentile = 0.99

// compare returns the first guard that trips on the observations, and why.
func compare(g *schema.Guards, challenger, control []Observation) (guard, reason string) {
	failed := func(o Observation) float64 {
		if o.Failed {
			return 1
		}
		return 0
	}
	if a, b, more := moreOf(challenger, control, failed); g.ErrorShare > 0 && more > g.ErrorShare {
		return "error_share", fmt.Sprintf("%.2f %% of its requests failed, and %.2f %% of the control's; the limit error_share is %v", 100*a, 100*b, g.ErrorShare)
	}
	challenger, control = scored(challenger), scored(control)
	if len(challenger) == 0 || len(control) == 0 {
		return "", ""
	}
	missing := func(o Observation) float64 { return o.Missing }
	if a, b, more := moreOf(challenger, control, missing); g.MissingShare > 0 && more > g.MissingShare {
		return "missing_share", fmt.Sprintf("%.2f %% of the rows that it read were missing, and %.2f %% of the control's; the limit missing_share is %v", 100*a, 100*b, g.MissingShare)
	}
	if g.LatencyRatio > 0 {
		slow, usual := atLeast(challenger), atMost(control)
		if float64(slow) > float64(g.LatencyRatio)*float64(usual) {
			return "latency_ratio", fmt.Sprintf("the 99th percentile of its time to score is at least %v, and the control's at most %v; the limit latency_ratio is %v", slow, usual, float64(g.LatencyRatio))
		}
	}
	if g.ScoreDistance > 0 {
		d := distance(scoresOf(challenger), scoresOf(control))
		if d-allowance(len(challenger))-allowance(len(control)) > g.ScoreDistance {
			return "score_distance", fmt.Sprintf("the distributions of its scores and the control's are %.3f apart, over %d and %d requests; the limit score_distance is %v", d, len(challenger), len(control), g.ScoreDistance)
		}
	}
	return "", ""
}

func scored(all []Observation) []Observation {
	return slices.DeleteFunc(all, func(o Observation) bool { return o.Failed })
}

// moreOf returns the mean of a share for both versions, and a lower bound of how much
// larger the challenger's is.
func moreOf(challenger, control []Observation, share func(Observation) float64) (a, b, more float64) {
	mean := func(all []Observation) float64 {
		sum := 0.0
		for _, o := range all {
			sum += share(o)
		}
		return sum / float64(len(all))
	}
	a, b = mean(challenger), mean(control)
	low, _ := wilson(a, len(challenger))
	_, high := wilson(b, len(control))
	return a, b, low - high
}

// wilson returns the bounds of a share that was p among n: those of Wilson, "Probable
// inference, the law of succession, and statistical inference" (1927). They hold for a
// mean of shares too, because its variance is not larger.
func wilson(p float64, n int) (low, high float64) {
	const z2 = deviations * deviations
	size := float64(n)
	middle := (p + z2/(2*size)) / (1 + z2/size)
	half := deviations / (1 + z2/size) * math.Sqrt(p*(1-p)/size+z2/(4*size*size))
	return middle - half, middle + half
}

// atLeast returns a lower bound of the 99th percentile of the latencies, and atMost an
// upper bound: the order statistics as far from it as chance may take them. Few
// latencies have no upper bound; atMost then returns the largest.
func atLeast(all []Observation) time.Duration { return ranked(all, -deviations) }
func atMost(all []Observation) time.Duration  { return ranked(all, deviations) }

func ranked(all []Observation, away float64) time.Duration {
	slices.SortFunc(all, func(a, b Observation) int { return cmp.Compare(a.Latency, b.Latency) })
	n := float64(len(all))
	rank := percentile*n + away*math.Sqrt(n*percentile*(1-percentile))
	return all[min(max(int(rank), 0), len(all)-1)].Latency
}

func scoresOf(all []Observation) []float64 {
	scores := make([]float64, len(all))
	for i, o := range all {
		scores[i] = o.Score
	}
	slices.Sort(scores) // a NaN comes first
	return scores
}

// distance returns the largest difference of the distribution functions of two
// sorted samples: the statistic of Kolmogorov and Smirnov.
func distance(a, b []float64) float64 {
	largest, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		x := a[i]
		if cmp.Less(b[j], x) {
			x = b[j]
		}
		for i < len(a) && cmp.Compare(a[i], x) == 0 {
			i++
		}
		for j < len(b) && cmp.Compare(b[j], x) == 0 {
			j++
		}
		largest = max(largest, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return largest
}

// allowance returns how far the distribution function of a sample of n may be from
// the true one: Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz
// inequality" (1990).
func allowance(n int) float64 {
	return math.Sqrt(math.Log(2/scoreMistake) / (2 * float64(n)))
}
