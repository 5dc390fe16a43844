package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Metric compares versions.
type Metric struct {
	Name      string
	Threshold float64 // for accuracy, precision and recall: scores at or above this count as positive
	value     int     // for a mean: the index of the value
}

// The names of the metrics. MeanOf followed by the name of a value is another.
const (
	AUC         = "auc"         // the chance that a true row scores higher than a false one; a tie counts half
	LogLoss     = "log_loss"    // in nats
	Brier       = "brier"       // mean square of score minus label
	Calibration = "calibration" // mean of score minus label: 0 when the mean score equals the share of true labels
	Accuracy    = "accuracy"    // share of the decisions that are right
	Precision   = "precision"   // share of the positive decisions that are right
	Recall      = "recall"      // share of the true rows that are decided positive
	MeanOf      = "mean:"
)

// Metrics are the metrics that need only labels.
var Metrics = []string{AUC, LogLoss, Brier, Calibration, Accuracy, Precision, Recall}

// ParseMetric returns the metric with a name. values are the names of the values that
// outcomes have.
func ParseMetric(name string, threshold float64, values []string) (Metric, error) {
	m := Metric{Name: name, Threshold: threshold}
	if slices.Contains(Metrics, name) {
		return m, nil
	}
	if value, isMean := strings.CutPrefix(name, MeanOf); isMean {
		if m.value = slices.Index(values, value); m.value >= 0 {
			return m, nil
		}
	}
	all := slices.Clone(Metrics)
	for _, value := range values {
		all = append(all, MeanOf+value)
	}
	return m, fmt.Errorf("there is no metric %q; choose one of %s", name, strings.Join(all, ", "))
}

// What a larger figure says about a version.
const (
	better  = 1
	worse   = -1
	neither = 0
)

// direction returns what a larger figure says about a version.
func (m Metric) direction() int {
	switch m.Name {
	case LogLoss, Brier:
		return worse
	case Calibration:
		return neither
	}
	return better // also for a business value: a cost is negative
}

// A sample holds rows of one version: their scores and their labels.
type sample struct {
	scores []float64
	labels []float64   // 1 for true, 0 for false
	values [][]float64 // of each row; nil of none
	units  []int32
}

// An estimate is a figure, and the pull of each row: see the package comment.
type estimate struct {
	value  float64   // NaN where the rows don't determine one
	pull   []float64 // of each row; NaN where it doesn't count
	enough bool      // there are enough rows for an interval
}

// The fewest rows for an interval: of a mean, and of either class.
const (
	minRows  = 100
	minClass = 20
)

func (m Metric) estimate(s sample) estimate {
	if m.Name == AUC {
		return area(s.scores, s.labels)
	}
	x := make([]float64, len(s.scores))
	for i := range x {
		x[i] = m.of(s, i)
	}
	if needsProbabilities := m.Name == LogLoss || m.Name == Brier || m.Name == Calibration; needsProbabilities {
		for _, p := range s.scores {
			if p < 0 || p > 1 {
				return estimate{value: math.NaN(), pull: make([]float64, len(x))}
			}
		}
	}
	return meanOf(x)
}

// surest bounds the probabilities of a log loss: one wrong row with a score of 0 or 1
// would make it infinite.
const surest = 1e-15

// of returns the term of a row in the mean that the metric is; NaN for a row that
// doesn't count.
func (m Metric) of(s sample, i int) float64 {
	score, label := s.scores[i], s.labels[i]
	decided := 0.0
	if score >= m.Threshold {
		decided = 1
	}
	switch m.Name {
	case LogLoss:
		p := min(max(score, surest), 1-surest)
		return -label*math.Log(p) - (1-label)*math.Log1p(-p)
	case Brier:
		return (score - label) * (score - label)
	case Calibration:
		return score - label
	case Accuracy:
		return 1 - math.Abs(decided-label)
	case Precision:
		return onlyIf(decided == 1, label)
	case Recall:
		return onlyIf(label == 1, decided)
	}
	return s.values[i][m.value]
}

func onlyIf(of bool, x float64) float64 {
	if of {
		return x
	}
	return math.NaN()
}

// meanOf is the mean of the terms that are not NaN. The squares of its pulls add up to
// s²/n.
func meanOf(x []float64) estimate {
	n, sum := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			n, sum = n+1, sum+v
		}
	}
	e := estimate{value: sum / n, pull: make([]float64, len(x)), enough: n >= minRows}
	for i, v := range x {
		switch {
		case math.IsNaN(v):
			e.pull[i] = nan
		case n > 1:
			e.pull[i] = (v - e.value) / math.Sqrt(n*(n-1))
		}
	}
	return e
}
