package drift_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"larder/monitor/drift"
)

// bin is where a value is counted.
func bin(edges []float64, v float64) int {
	for i, e := range edges {
		if v <= e {
			return i
		}
	}
	return len(edges)
}

// portion is the share of the rows that are so.
func portion(rows []float64, so func(float64) bool) float64 {
	n := 0
	for _, v := range rows {
		if so(v) {
			n++
		}
	}
	return float64(n) / float64(len(rows))
}

// evenly returns rows that lie evenly in their bins.
func evenly(around []float64, counts []int64) []float64 {
	var rows []float64
	for i, c := range counts {
		for j := range c {
			rows = append(rows, around[i]+(around[i+1]-around[i])*(float64(j)+0.5)/float64(c))
		}
	}
	return rows
}

// TestRows: the measures of counts are those of the rows, by definitions that look at
// rows only.
func TestRows(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		reference, now := make([]float64, 3000), make([]float64, 500)
		for i := range reference {
			reference[i] = random.NormFloat64()
		}
		for i := range now {
			now[i] = 0.4 + 1.3*random.NormFloat64()
		}
		sorted := slices.Clone(reference)
		slices.Sort(sorted)
		var edges []float64
		for i := 300; i < 3000; i += 300 {
			edges = append(edges, sorted[i])
		}
		counts := func(rows []float64) []int64 {
			out := make([]int64, len(edges)+1)
			for _, v := range rows {
				out[bin(edges, v)]++
			}
			return out
		}
		p, err := drift.NewPair(counts(reference), counts(now))
		if err != nil {
			t.Fatal(err)
		}

		ks, psi, js, tv := 0.0, 0.0, 0.0, 0.0
		for _, e := range edges {
			below := func(v float64) bool { return v <= e }
			ks = max(ks, math.Abs(portion(reference, below)-portion(now, below)))
		}
		for i := range len(edges) + 1 {
			inside := func(v float64) bool { return bin(edges, v) == i }
			a, b := portion(reference, inside), portion(now, inside)
			tv += math.Abs(a-b) / 2
			if a > 0 {
				js += a * math.Log2(a/((a+b)/2)) / 2
			}
			if b > 0 {
				js += b * math.Log2(b/((a+b)/2)) / 2
			}
			a, b = (a+0.001)/1.01, (b+0.001)/1.01 // half of one row of 500, in 10 bins
			psi += (a - b) * math.Log(a/b)
		}
		near(t, "Kolmogorov-Smirnov", p.KolmogorovSmirnov(), ks, 1e-9)
		near(t, "total variation", p.TotalVariation(), tv, 1e-9)
		near(t, "Jensen-Shannon", p.JensenShannon(), math.Sqrt(js), 1e-9)
		near(t, "PSI", p.PSI(), psi, 1e-9)

		// Central ranges: the bins are taken two by two from the middle.
		spread := 0.0
		for k := range 4 {
			central := func(v float64) bool { b := bin(edges, v); return b >= 4-k && b <= 5+k }
			spread = max(spread, math.Abs(portion(reference, central)-portion(now, central)))
		}
		if got := p.Spread(); got < spread-1e-9 || got > spread+0.05 { // also ranges with one of two bins
			t.Errorf("spread %v; central ranges have %v", got, spread)
		}

		// Wasserstein's distance of rows is the mean difference of equal ranks. The rows of
		// the bins lie evenly in them, so that only the last of a bin's rows blur it.
		around := slices.Concat([]float64{-4}, edges, []float64{5})
		axis, err := drift.NewAxis(edges, -4, 5)
		if err != nil {
			t.Fatal(err)
		}
		x, y, exact := evenly(around, counts(reference)), evenly(around, counts(now)), 0.0
		for i, v := range x {
			exact += math.Abs(v-y[i/6]) / 3000
		}
		units, _, err := p.Wasserstein(axis)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "Wasserstein", units, exact, 0.01)
	}
}

func TestMeasuresByHand(t *testing.T) {
	p, err := drift.NewPair([]int64{50, 50, 0}, []int64{0, 5, 5})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Kolmogorov-Smirnov", p.KolmogorovSmirnov(), 0.5, 1e-12)
	near(t, "total variation", p.TotalVariation(), 0.5, 1e-12)
	near(t, "unseen", p.Unseen(), 0.5, 1e-12)
	near(t, "vanished", p.Vanished(), 0.5, 1e-12)
	if gone := p.Gone(); !slices.Equal(gone, []int{0}) {
		t.Errorf("bins %v vanished; want the first", gone)
	}
	axis, err := drift.NewAxis([]float64{1, 2}, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	// From evenly in (0, 2] to evenly in (1, 3] is a move by 1. The reference has a
	// variance of 4/12.
	units, deviations, err := p.Wasserstein(axis)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Wasserstein", units, 1, 1e-12)
	near(t, "Wasserstein in standard deviations", deviations, math.Sqrt(3), 1e-12)
}
