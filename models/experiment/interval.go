package experiment

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval is a figure and the range of its true value. Low and High are NaN where
// there are too few rows.
type Interval struct {
	Value, Low, High float64
}

var nan = math.NaN()

// fixed is the normal interval of level 1-alpha, for a single look.
func fixed(value, variance, alpha float64) Interval {
	half := distuv.UnitNormal.Quantile(1-alpha/2) * math.Sqrt(variance)
	return Interval{value, value - half, value + half}
}

// tightAt is the number of units at which the sequence is tightest.
const tightAt = 10_000

// mixture returns ρ² of the formula in the package comment, which makes the sequence
// tightest at a number of units: Waudby-Smith and others, section B.2.
func mixture(alpha float64) float64 {
	a := -2 * math.Log(alpha)
	return (a + math.Log(a) + 1) / tightAt
}

// always returns the confidence sequence of a difference after a number of units, and
// its p-value: see the package comment.
func always(value, variance, units, alpha float64) (Interval, float64) {
	if variance == 0 { // no row makes a difference
		return Interval{value, value, value}, 1
	}
	t := units * mixture(alpha)
	half := math.Sqrt(variance * (1 + 1/t) * math.Log((1+t)/(alpha*alpha)))
	p := math.Sqrt(1+t) * math.Exp(-t/(1+t)*value*value/variance/2)
	return Interval{value, value - half, value + half}, min(1, p)
}

// figure returns the metric of a sample, for a single look.
func (m Metric) figure(s sample, alpha float64) Interval {
	e := m.estimate(s)
	p := newPulls(s.units)
	p.add(s.units, e.pull, 1)
	if variance := p.powers(2); e.enough && p.units >= minRows && variance > 0 {
		return fixed(e.value, variance, alpha)
	}
	return Interval{e.value, nan, nan}
}

// SampleRatio says whether versions have their shares of the units. Where they don't,
// one version loses units, and no difference can be trusted.
type SampleRatio struct {
	Units      []int     // of each version
	Expected   []float64 // by the weights
	ChiSquared float64
	P          float64
}

// mismatchP is the p-value below which shares are reported as wrong. It is as low as
// is usual, because people look often (Fabijan and others, "Diagnosing sample ratio
// mismatch in online controlled experiments", KDD 2019).
const mismatchP = 0.001

// Mismatch reports whether the versions did not get their shares.
func (r *SampleRatio) Mismatch() bool { return r.P < mismatchP }

// sampleRatio is Pearson's chi-squared test of units against weights; nil where fewer
// than 5 units are expected for a version.
func sampleRatio(units []int, weights []float64) *SampleRatio {
	total, whole := 0, 0.0
	for i := range units {
		total, whole = total+units[i], whole+weights[i]
	}
	r := &SampleRatio{Units: units}
	for i, n := range units {
		expected := float64(total) * weights[i] / whole
		if expected < 5 {
			return nil
		}
		r.Expected = append(r.Expected, expected)
		r.ChiSquared += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	if len(units) < 2 {
		return nil
	}
	r.P = distuv.ChiSquared{K: float64(len(units) - 1)}.Survival(r.ChiSquared)
	return r
}
