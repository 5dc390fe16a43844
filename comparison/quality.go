package comparison

import "math"

// A Quality says how well scores tell what turned out to be true.
type Quality struct {
	Rows      int // with a label and a score
	Positives int
	AUC       float64 // the chance that a row that is true scores higher than one that isn't; a tie counts half
	LogLoss   float64 // in nats; NaN unless all scores are probabilities
	Brier     float64 // NaN unless all scores are probabilities
	Accuracy  float64 // of the decisions at the threshold, as the next two
	Precision float64
	Recall    float64
}

// surest bounds the probabilities of a log loss: one wrong row of 0 or 1 would make
// it infinite.
const surest = 1e-15

// Measure compares scores with what turned out to be true. A decision is yes when
// the score is at least the threshold.
func Measure(scores []float64, labels []bool, threshold float64) Quality {
	var q Quality
	var defined []float64
	var truth []bool
	for i, s := range scores {
		if !math.IsNaN(s) {
			defined, truth = append(defined, s), append(truth, labels[i])
		}
	}
	var loss, squares float64
	var right, yes, hits int
	for i, p := range defined {
		target, decision := 0.0, p >= threshold
		if truth[i] {
			target = 1
			q.Positives++
		}
		if decision {
			yes++
		}
		if decision == truth[i] {
			right++
		}
		if decision && truth[i] {
			hits++
		}
		if p < 0 || p > 1 {
			loss, squares = math.NaN(), math.NaN()
		}
		sure := min(max(p, surest), 1-surest)
		loss -= target*math.Log(sure) + (1-target)*math.Log(1-sure)
		squares += (p - target) * (p - target)
	}
	q.Rows = len(defined)
	n := float64(q.Rows)
	q.AUC, q.LogLoss, q.Brier = area(defined, truth, q.Positives), loss/n, squares/n
	q.Accuracy, q.Precision, q.Recall = float64(right)/n, float64(hits)/float64(yes), float64(hits)/float64(q.Positives)
	return q
}

// area is that under the curve, by the ranks of the positive rows (Mann and Whitney).
func area(scores []float64, truth []bool, positives int) float64 {
	sum := 0.0
	for i, rank := range ranks(scores) {
		if truth[i] {
			sum += rank
		}
	}
	p, n := float64(positives), float64(len(scores)-positives)
	return (sum - p*(p+1)/2) / (p * n)
}
