package fraud_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"larder/examples/fraud"
)

func TestAUCCountsPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		scores, labels := make([]float64, n), make([]bool, n)
		for i := range n {
			scores[i] = float64(rapid.IntRange(0, 9).Draw(t, "score")) / 10 // few values: many ties
			labels[i] = rapid.Bool().Draw(t, "label")
		}
		got, want := fraud.AUC(scores, labels), pairwiseAUC(scores, labels)
		if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-12 {
			t.Fatalf("AUC(%v, %v) = %v; comparing every pair gives %v", scores, labels, got, want)
		}
	})
}

func pairwiseAUC(scores []float64, labels []bool) float64 {
	var wins, pairs float64
	for i := range scores {
		for j := range scores {
			if !labels[i] || labels[j] {
				continue
			}
			pairs++
			switch {
			case scores[i] > scores[j]:
				wins++
			case scores[i] == scores[j]:
				wins += 0.5
			}
		}
	}
	return wins / pairs
}
