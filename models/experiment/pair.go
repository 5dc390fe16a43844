package experiment

// A Pair is a metric of two models that scored the same rows.
type Pair struct {
	Metric     string
	A, B       float64  // NaN where the rows don't determine it
	Difference Interval // B minus A, for a single look
}

// ComparePairs compares the scores of two models for the same rows by their labels: 1
// for true, 0 for false. Each row is its own unit.
func ComparePairs(a, b, labels []float64, threshold, alpha float64) []Pair {
	units := make([]int32, len(labels))
	for i := range units {
		units[i] = int32(i)
	}
	var pairs []Pair
	for _, name := range Metrics {
		m := Metric{Name: name, Threshold: threshold}
		x, y := m.estimate(sample{scores: a, labels: labels}), m.estimate(sample{scores: b, labels: labels})
		p := newPulls(units)
		p.add(units, y.pull, 1)
		p.add(units, x.pull, -1)
		pair := Pair{Metric: name, A: x.value, B: y.value, Difference: Interval{y.value - x.value, nan, nan}}
		if x.enough && y.enough {
			pair.Difference = fixed(y.value-x.value, p.powers(2), alpha)
		}
		pairs = append(pairs, pair)
	}
	return pairs
}
