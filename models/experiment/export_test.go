package experiment

// Look is what an experimenter sees of two arms of rows at some moment.
func Look(metric string, scoresA, labelsA []float64, unitsA []int32, scoresB, labelsB []float64, unitsB []int32, alpha float64) (diff Interval, p float64, enough bool) {
	m := Metric{Name: metric, Threshold: 0.5}
	return m.difference(sample{scores: scoresB, labels: labelsB, units: unitsB}, sample{scores: scoresA, labels: labelsA, units: unitsA}, false, alpha)
}

// Figure is that of a metric with its interval of one look.
func Figure(metric string, scores, labels []float64, units []int32, alpha float64) Interval {
	return Metric{Name: metric, Threshold: 0.5}.figure(sample{scores: scores, labels: labels, units: units}, alpha)
}

var NewSampleRatio = sampleRatio

// LookAt is Look with a threshold and values.
func LookAt(metric string, threshold float64, scoresA, labelsA []float64, valuesA [][]float64, unitsA []int32, scoresB, labelsB []float64, valuesB [][]float64, unitsB []int32, alpha float64) (diff Interval, p float64, enough bool) {
	m := Metric{Name: metric, Threshold: threshold}
	return m.difference(sample{scoresB, labelsB, valuesB, unitsB}, sample{scoresA, labelsA, valuesA, unitsA}, false, alpha)
}
