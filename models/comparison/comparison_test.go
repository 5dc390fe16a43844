package comparison_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"larder/models/comparison"
)

const threshold = 0.5

func same(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

// TestAgreementIsThatOfAnyOrder, and of a model with itself.
func TestAgreementIsThatOfAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Float64Range(0, 1), 2, 30).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Float64Range(0, 1), len(a), len(a)).Draw(t, "b")
		order := rapid.Permutation(indices(len(a))).Draw(t, "order")
		var a2, b2 []float64
		for _, i := range order {
			a2, b2 = append(a2, a[i]), append(b2, b[i])
		}
		x, y := comparison.Agree(a, b, threshold), comparison.Agree(a2, b2, threshold)
		if !same(x.MaxDifference, y.MaxDifference) || !same(x.MeanDifference, y.MeanDifference) || !same(x.RankCorrelation, y.RankCorrelation) || x.Changed != y.Changed {
			t.Fatalf("%+v in one order, %+v in another", x, y)
		}
		self := comparison.Agree(a, a, threshold)
		if self.MaxDifference != 0 || self.Changed != 0 || !same(self.RankCorrelation, 1) && !math.IsNaN(self.RankCorrelation) {
			t.Fatalf("a model and itself: %+v", self)
		}
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestAgreementByHand(t *testing.T) {
	nan := math.NaN()
	got := comparison.Agree([]float64{0.1, 0.4, 0.6, 0.9, nan}, []float64{0.1, 0.6, 0.5, 0.8, 0.3}, threshold)
	want := comparison.Agreement{Rows: 4, Undefined: 1, MaxDifference: 0.2, MeanDifference: 0.1, RankCorrelation: 0.8, Changed: 0.25}
	if got.Rows != want.Rows || got.Undefined != want.Undefined || !same(got.MaxDifference, want.MaxDifference) || !same(got.MeanDifference, want.MeanDifference) ||
		!same(got.RankCorrelation, want.RankCorrelation) || got.Changed != want.Changed {
		t.Errorf("%+v; want %+v", got, want)
	}
}
