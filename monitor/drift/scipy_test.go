package drift_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"larder/monitor/drift"
)

type golden struct {
	Pairs []struct {
		Reference, Now    []int64
		Edges             []float64
		PSI               float64
		JensenShannon     float64 `json:"jensen_shannon"`
		KolmogorovSmirnov float64 `json:"kolmogorov_smirnov"`
		TotalVariation    float64 `json:"total_variation"`
		ChiSquare         float64 `json:"chi_square"`
		Degrees           int
		P                 float64
		Wasserstein       float64
		Deviation         float64
	}
	Massart []struct{ N, Alpha, Exact float64 }
	Shares  []struct{ X, N, Alpha, Low, High float64 }
	Gamma   []struct {
		Degrees      int
		Statistic, P float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	var out golden
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// near compares with a part of the size, or with that part of 1 where both are small.
func near(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if !(math.Abs(got-want) <= part*max(math.Abs(want), 1e-3)) {
		t.Errorf("%s: %v; want %v", what, got, want)
	}
}

// TestSciPy: the measures are those of SciPy 1.17. Both sum a thousand terms in another
// order, which leaves 1e-11. SciPy has no distance of Wasserstein for bins: there, 2,000
// points stand for a bin, which leaves 1e-6. Incomplete gamma functions are computed by
// other methods, which agree to 1e-9.
func TestSciPy(t *testing.T) {
	all := readGolden(t)
	if len(all.Pairs) < 9 || len(all.Gamma) < 50 {
		t.Fatalf("%d pairs and %d values of the gamma function", len(all.Pairs), len(all.Gamma))
	}
	for _, want := range all.Pairs {
		p, err := drift.NewPair(want.Reference, want.Now)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "PSI", p.PSI(), want.PSI, 1e-11)
		near(t, "Jensen-Shannon", p.JensenShannon(), want.JensenShannon, 1e-11)
		near(t, "Kolmogorov-Smirnov", p.KolmogorovSmirnov(), want.KolmogorovSmirnov, 1e-11)
		near(t, "total variation", p.TotalVariation(), want.TotalVariation, 1e-11)
		chi := p.ChiSquare()
		near(t, "chi-square", chi.Statistic, want.ChiSquare, 1e-11)
		if chi.Degrees != want.Degrees {
			t.Errorf("%d degrees of freedom; want %d", chi.Degrees, want.Degrees)
		}
		near(t, "p", chi.P, want.P, 1e-9)
		last := len(want.Edges) - 1
		axis, err := drift.NewAxis(want.Edges[1:last], want.Edges[0], want.Edges[last])
		if err != nil {
			t.Fatal(err)
		}
		units, deviations, err := p.Wasserstein(axis)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "Wasserstein", units, want.Wasserstein, 1e-6)
		near(t, "Wasserstein in standard deviations", deviations, want.Wasserstein/want.Deviation, 1e-6)
	}
	for _, want := range all.Gamma {
		got := drift.ChiSquareAbove(want.Statistic, want.Degrees)
		if math.Abs(got-want.P) > 1e-9*want.P+1e-300 {
			t.Errorf("chance of %v with %d degrees: %v; want %v", want.Statistic, want.Degrees, got, want.P)
		}
	}
}

// TestBoundsAreValidAndTight: no bound is smaller than the exact quantile of the
// distribution that it bounds, and none is much larger.
func TestBoundsAreValidAndTight(t *testing.T) {
	all := readGolden(t)
	for _, want := range all.Massart {
		if got := drift.Massart(want.N, want.Alpha); got < want.Exact || got > 1.15*want.Exact {
			t.Errorf("Massart(%v, %v) = %v; the exact quantile is %v", want.N, want.Alpha, got, want.Exact)
		}
	}
	for _, want := range all.Shares {
		low, high := drift.ShareAtLeast(want.X, want.N, want.Alpha), drift.ShareAtMost(want.X, want.N, want.Alpha)
		p := want.X / want.N
		if low > want.Low || p-low > 1.5*(p-want.Low) {
			t.Errorf("share of %v of %v at %v is at least %v; exactly %v", want.X, want.N, want.Alpha, low, want.Low)
		}
		if high < want.High || high-p > 1.5*(want.High-p) {
			t.Errorf("share of %v of %v at %v is at most %v; exactly %v", want.X, want.N, want.Alpha, high, want.High)
		}
	}
}
