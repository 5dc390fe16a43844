package experiment_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"larder/models/experiment"
)

func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

func ids(from, n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(from + i)
	}
	return all
}

// TestScikitLearn: the metrics are those of scikit-learn 1.9, and the difference of
// two areas has the variance of DeLong's covariance matrix, by NumPy. The file is
// made by testdata/scikit-learn.py.
func TestScikitLearn(t *testing.T) {
	raw, err := os.ReadFile("testdata/scikit-learn.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Threshold     float64
		Labels, A, B  []float64
		MetricsA      map[string]float64 `json:"metrics_a"`
		MetricsB      map[string]float64 `json:"metrics_b"`
		AUCCovariance [2][2]float64      `json:"auc_covariance"`
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	pairs := experiment.ComparePairs(golden.A, golden.B, golden.Labels, golden.Threshold, 0.05)
	if len(pairs) != len(golden.MetricsA) {
		t.Fatalf("%d metrics; scikit-learn has %d", len(pairs), len(golden.MetricsA))
	}
	for _, p := range pairs {
		if !near(p.A, golden.MetricsA[p.Metric]) || !near(p.B, golden.MetricsB[p.Metric]) {
			t.Errorf("%s: %v and %v; scikit-learn has %v and %v", p.Metric, p.A, p.B, golden.MetricsA[p.Metric], golden.MetricsB[p.Metric])
		}
	}
	s := golden.AUCCovariance
	half := 1.959963984540054 * math.Sqrt(s[0][0]+s[1][1]-2*s[0][1])
	if auc := pairs[0].Difference; !near(auc.High-auc.Value, half) || !near(auc.Value-auc.Low, half) {
		t.Errorf("the difference of the areas is %+v; DeLong's is ± %v", auc, half)
	}
	one := experiment.Figure(experiment.AUC, golden.A, golden.Labels, ids(0, len(golden.A)), 0.05)
	if half := 1.959963984540054 * math.Sqrt(s[0][0]); !near(one.High-one.Value, half) {
		t.Errorf("the area is %+v; DeLong's is ± %v", one, half)
	}
}

// TestAreaIsOfAllPairs: of every pair of a row that is true and one that isn't, which
// scores higher; and its variance is that of the structural components.
func TestAreaIsOfAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 120).Draw(t, "rows")
		scores := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.5, 0.75, 1}), n, n).Draw(t, "scores")
		labels := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1}), n, n).Draw(t, "labels")
		got := experiment.Figure(experiment.AUC, scores, labels, ids(0, n), 0.05)
		value, variance, enough := slowArea(scores, labels)
		if !near(got.Value, value) {
			t.Fatalf("the area is %v; of all pairs %v", got.Value, value)
		}
		if half := 1.959963984540054 * math.Sqrt(variance); enough && n >= 100 && variance > 0 && !math.IsNaN(got.High) && !near(got.High-got.Value, half) {
			t.Fatalf("the interval is %+v; DeLong's is ± %v", got, half)
		}
	})
}

// slowArea is DeLong's, as written in 1988.
func slowArea(scores, labels []float64) (value, variance float64, enough bool) {
	var x, y []float64
	for i, l := range labels {
		if l == 1 {
			x = append(x, scores[i])
		} else {
			y = append(y, scores[i])
		}
	}
	psi := func(x, y float64) float64 {
		switch {
		case x > y:
			return 1
		case x == y:
			return 0.5
		}
		return 0
	}
	m, n := float64(len(x)), float64(len(y))
	for i := range x {
		for j := range y {
			value += psi(x[i], y[j]) / m / n
		}
	}
	if m == 0 || n == 0 {
		return math.NaN(), 0, false
	}
	for i := range x {
		v := 0.0
		for j := range y {
			v += psi(x[i], y[j]) / n
		}
		variance += (v - value) * (v - value) / (m - 1) / m
	}
	for j := range y {
		v := 0.0
		for i := range x {
			v += psi(x[i], y[j]) / m
		}
		variance += (v - value) * (v - value) / (n - 1) / n
	}
	return value, variance, min(m, n) >= 20
}

// TestWhatIsNoProbability has no log loss, Brier score or calibration.
func TestWhatIsNoProbability(t *testing.T) {
	scores, labels := []float64{-1, 2, 0.5}, []float64{0, 1, 1}
	for _, p := range experiment.ComparePairs(scores, scores, labels, 0.5, 0.05) {
		undefined := p.Metric == experiment.LogLoss || p.Metric == experiment.Brier || p.Metric == experiment.Calibration
		if math.IsNaN(p.A) != undefined {
			t.Errorf("%s is %v", p.Metric, p.A)
		}
		if !math.IsNaN(p.Difference.Low) {
			t.Errorf("%s has an interval of 3 rows", p.Metric)
		}
	}
}

func TestMetricNames(t *testing.T) {
	for _, name := range append([]string{"mean:loss"}, experiment.Metrics...) {
		if _, err := experiment.ParseMetric(name, 0.5, []string{"revenue", "loss"}); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "AUC", "mean:", "mean:profit", "f1"} {
		if _, err := experiment.ParseMetric(name, 0.5, []string{"loss"}); err == nil {
			t.Errorf("there is a metric %q", name)
		}
	}
}

// TestSampleRatio: 50 and 50 tosses against 60 and 40 are of chi-squared 4, p 0.0455
// (tables of the distribution); of fewer than 5 expected units nothing is said.
func TestSampleRatio(t *testing.T) {
	r := experiment.NewSampleRatio([]int{60, 40}, []float64{50, 50})
	if !near(r.ChiSquared, 4) || math.Abs(r.P-0.0455) > 1e-4 || r.Mismatch() {
		t.Errorf("60 and 40: %+v", r)
	}
	if r := experiment.NewSampleRatio([]int{5300, 4700}, []float64{5, 5}); !r.Mismatch() {
		t.Errorf("5300 and 4700 of equal weights: %+v", r)
	}
	if r := experiment.NewSampleRatio([]int{880, 121, 1}, []float64{90, 9.9, 0.1}); r != nil {
		t.Errorf("one unit of 0.1 %%: %+v", r)
	}
}
