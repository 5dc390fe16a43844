package drift_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"larder/monitor/drift"
)

// A test is one of package testing or of rapid.
type test interface {
	Helper()
	Fatalf(format string, args ...any)
}

// finite fails for a value that is not from low to high.
func finite(t test, what string, v, low, high float64) {
	t.Helper()
	if !(v >= low && v <= high) {
		t.Fatalf("%s is %v, not from %v to %v", what, v, low, high)
	}
}

// measures holds a pair to all that is promised of any counts.
func measures(t *testing.T, reference, now []int64) {
	t.Helper()
	p, err := drift.NewPair(reference, now)
	if err != nil {
		t.Fatal(err)
	}
	q, err := drift.NewPair(now, reference)
	if err != nil {
		t.Fatal(err)
	}
	tv := p.TotalVariation()
	finite(t, "total variation", tv, 0, 1)
	finite(t, "PSI", p.PSI(), 0, math.MaxFloat64)
	finite(t, "Jensen-Shannon", p.JensenShannon(), 0, 1)
	finite(t, "Kolmogorov-Smirnov", p.KolmogorovSmirnov(), 0, tv+1e-9)
	finite(t, "spread", p.Spread(), 0, tv+1e-9)
	finite(t, "unseen", p.Unseen(), 0, tv+1e-9)
	finite(t, "vanished", p.Vanished(), 0, tv+1e-9)
	chi := p.ChiSquare()
	finite(t, "chi-square", chi.Statistic, 0, math.MaxFloat64)
	finite(t, "p", chi.P, 0, 1)
	for _, pair := range [][2]float64{
		{tv, q.TotalVariation()},
		{p.PSI(), q.PSI()},
		{p.JensenShannon(), q.JensenShannon()},
		{p.KolmogorovSmirnov(), q.KolmogorovSmirnov()},
		{p.Unseen(), q.Vanished()},
		{chi.Statistic, q.ChiSquare().Statistic},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9*(1+pair[0]) {
			t.Fatalf("%v, and with both samples exchanged %v", pair[0], pair[1])
		}
	}
}

func TestSameSharesAreZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.Int64Range(0, 1e6), 2, 60).Draw(t, "counts")
		times := rapid.Int64Range(1, 1000).Draw(t, "times")
		more := slices.Clone(counts)
		for i := range more {
			more[i] *= times
		}
		p, err := drift.NewPair(counts, more)
		if err != nil {
			t.Fatal(err)
		}
		edges := make([]float64, len(counts)-1)
		for i := range edges {
			edges[i] = float64(i * i)
		}
		axis, err := drift.NewAxis(edges, -5, 1e4)
		if err != nil {
			t.Fatal(err)
		}
		units, deviations, err := p.Wasserstein(axis)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]float64{
			"PSI": p.PSI(), "Jensen-Shannon": p.JensenShannon(), "Kolmogorov-Smirnov": p.KolmogorovSmirnov(), "spread": p.Spread(),
			"total variation": p.TotalVariation(), "unseen": p.Unseen(), "vanished": p.Vanished(), "chi-square": p.ChiSquare().Statistic,
			"Wasserstein": units / 1e4, "Wasserstein in standard deviations": deviations / 1e4,
		} {
			finite(t, name, v, 0, 1e-7)
		}
		finite(t, "p", p.ChiSquare().P, 1-1e-6, 1)
	})
}

func TestWindowsMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bins := rapid.IntRange(1, 10).Draw(t, "bins")
		windows := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, 1e12), bins, bins), 1, 8).Draw(t, "windows")
		all, err := drift.Merge(windows...)
		if err != nil {
			t.Fatal(err)
		}
		other := rapid.Permutation(windows).Draw(t, "order")
		split := rapid.IntRange(1, len(other)).Draw(t, "split")
		first, err := drift.Merge(other[:split]...)
		if err != nil {
			t.Fatal(err)
		}
		again, err := drift.Merge(append([][]int64{first}, other[split:]...)...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(all, again) {
			t.Fatalf("%v in one order, %v in another", all, again)
		}
	})
}

func TestMergeRefuses(t *testing.T) {
	for _, windows := range [][][]int64{{{1}, {1, 2}}, {{-1}}, {{math.MaxInt64}, {1}}} {
		if got, err := drift.Merge(windows...); err == nil {
			t.Errorf("%v merge to %v", windows, got)
		}
	}
}

// FuzzMeasures: any counts, also absurd ones, give finite measures, and Wasserstein's
// distance is finite on any axis.
func FuzzMeasures(f *testing.F) {
	f.Add([]byte{}, 0.0, 1.0)
	f.Add([]byte{1, 0, 2, 0}, -1e308, 1e308)
	f.Add(slices.Repeat([]byte{255, 0, 127}, 30), 1e-320, 5e-324)
	f.Add(slices.Repeat([]byte{7, 9, 63, 0, 0}, 20), 0.0, 1e-300)
	f.Fuzz(func(t *testing.T, raw []byte, start, step float64) {
		// two bytes a bin: a digit and a power of two, up to 2^62
		var counts [2][]int64
		for i := 0; i+4 <= len(raw) && i < 4000; i += 4 {
			a, b := binary.LittleEndian.Uint16(raw[i:]), binary.LittleEndian.Uint16(raw[i+2:])
			counts[0] = append(counts[0], int64(a&7)<<(a>>8%60))
			counts[1] = append(counts[1], int64(b&7)<<(b>>8%60))
		}
		measures(t, counts[0], counts[1])
		var edges []float64
		for i := range len(counts[0]) - 1 {
			edges = append(edges, start+step*float64(i))
		}
		axis, err := drift.NewAxis(edges, start-step, start+step*float64(2*len(edges)))
		if err != nil {
			return
		}
		p, err := drift.NewPair(counts[0], counts[1])
		if err != nil {
			t.Fatal(err)
		}
		q, err := drift.NewPair(counts[1], counts[0])
		if err != nil {
			t.Fatal(err)
		}
		units, deviations, err := p.Wasserstein(axis)
		if err != nil {
			t.Fatal(err)
		}
		exchanged, _, err := q.Wasserstein(axis)
		if err != nil {
			t.Fatal(err)
		}
		if units != exchanged {
			t.Fatalf("Wasserstein is %v, and with both samples exchanged %v", units, exchanged)
		}
		finite(t, "Wasserstein", units, 0, math.MaxFloat64)
		finite(t, "Wasserstein in standard deviations", deviations, 0, math.MaxFloat64)
	})
}

// FuzzDetector: any windows give findings that are finite, in order, and make sense.
func FuzzDetector(f *testing.F) {
	f.Add([]byte{10, 0, 3, 9, 0, 10, 1, 1})
	f.Add(slices.Repeat([]byte{200, 0, 0, 3}, 40))
	f.Fuzz(func(t *testing.T, raw []byte) {
		next := func(n int) []int64 {
			out := make([]int64, n)
			for i := range out {
				if len(raw) > 0 {
					out[i], raw = int64(raw[0])*int64(raw[0])*17, raw[1:]
				}
			}
			return out
		}
		d, err := drift.NewDetector([]drift.Feature{
			{Name: "number", Kind: drift.Numbers, Reference: drift.Counts{Values: next(4), Statuses: next(2)}},
			{Name: "category", Kind: drift.Categories, Reference: drift.Counts{Values: next(3)}},
		}, drift.Options{})
		if err != nil {
			t.Fatal(err)
		}
		open := map[string]bool{}
		for len(raw) > 0 {
			changes, err := d.Add([]drift.Counts{{Values: next(4), Statuses: next(2)}, {Values: next(3)}})
			if err != nil {
				t.Fatal(err)
			}
			last := 1.0
			for _, c := range changes {
				finite(t, "importance", c.Importance, 0, last)
				last = c.Importance
				if open[c.Feature] != (c.State != drift.Opened) {
					t.Fatalf("%v of %s, open: %v", c.State, c.Feature, open[c.Feature])
				}
				open[c.Feature] = c.State != drift.Resolved
				for _, finding := range c.Findings {
					finite(t, finding.Measure.String(), finding.Size, 0, 1)
					finite(t, finding.Measure.String(), finding.Certain, 0, finding.Size)
				}
			}
		}
	})
}
