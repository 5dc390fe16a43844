package experiment

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval is a figure and where the truth may be. Low and High are NaN where the
// rows are too few to tell.
type Interval struct {
	Value, Low, High float64
}

var nan = math.NaN()

// fixed is the interval of one look at so many rows: normal, of level 1-alpha.
func fixed(value, variance, alpha float64) Interval {
	half := distuv.UnitNormal.Quantile(1-alpha/2) * math.Sqrt(variance)
	return Interval{value, value - half, value + half}
}

// tightAt is the number of units at which the sequence is tightest.
const tightAt = 10_000

// mixture returns ρ² of the package's formula: that of Waudby-Smith and others, section
// B.2, which makes the sequence tightest at a number of units.
func mixture(alpha float64) float64 {
	a := -2 * math.Log(alpha)
	return (a + math.Log(a) + 1) / tightAt
}

// always is the confidence sequence of a difference after some units, and its p-value:
// see the package.
func always(value, variance, units, alpha float64) (Interval, float64) {
	if variance == 0 { // both scored the same rows alike
		return Interval{value, value, value}, 1
	}
	t := units * mixture(alpha)
	half := math.Sqrt(variance * (1 + 1/t) * math.Log((1+t)/(alpha*alpha)))
	p := math.Sqrt(1+t) * math.Exp(-t/(1+t)*value*value/variance/2)
	return Interval{value, value - half, value + half}, min(1, p)
}

// figure returns the metric of a sample, as of one look.
func (m Metric) figure(s sample, alpha float64) Interval {
	e := m.estimate(s)
	p := newPulls(s.units)
	p.add(s.units, e.pull, 1)
	if variance := p.squares(); e.enough && p.units >= minRows && variance > 0 {
		return fixed(e.value, variance, alpha)
	}
	return Interval{e.value, nan, nan}
}

// difference returns the metric of a sample less that of another, at any number of
// looks; false where the rows are too few to tell.
func (m Metric) difference(s, less sample, alpha float64) (diff Interval, p float64, enough bool) {
	a, b := m.estimate(s), m.estimate(less)
	ours, both := newPulls(s.units), newPulls(less.units, s.units)
	ours.add(s.units, a.pull, 1)
	both.add(less.units, b.pull, -1)
	theirs := both.units
	both.add(s.units, a.pull, 1)
	if !a.enough || !b.enough || min(ours.units, theirs) < minRows {
		return diff, 1, false
	}
	diff, p = always(a.value-b.value, both.squares(), float64(both.units), alpha)
	return diff, p, true
}

// pulls are those of units, which are numbered from 0.
type pulls struct {
	sums  []float64
	pull  []bool
	units int // that pull
}

func newPulls(units ...[]int32) *pulls {
	most := int32(-1)
	for _, u := range units {
		if len(u) > 0 {
			most = max(most, slices.Max(u))
		}
	}
	return &pulls{sums: make([]float64, most+1), pull: make([]bool, most+1)}
}

func (p *pulls) add(units []int32, pull []float64, sign float64) {
	for i, unit := range units {
		if pull[i] == 0 {
			continue
		}
		if !p.pull[unit] {
			p.pull[unit] = true
			p.units++
		}
		p.sums[unit] += sign * pull[i]
	}
}

// squares adds up those of the units' pulls.
func (p *pulls) squares() float64 {
	total := 0.0
	for _, sum := range p.sums {
		total += sum * sum
	}
	return total
}

// SampleRatio says whether versions have their shares of the units: where they don't,
// something loses units of one of them, and no difference means what it seems to.
type SampleRatio struct {
	Units      []int     // of each version
	Expected   []float64 // by the weights
	ChiSquared float64
	P          float64
}

// mismatchP is the p-value below which shares are not what they should be: as low as
// is usual, for it is looked at often (Fabijan and others, "Diagnosing sample ratio
// mismatch in online controlled experiments", KDD 2019).
const mismatchP = 0.001

// Mismatch tells whether the versions don't have their shares.
func (r *SampleRatio) Mismatch() bool { return r.P < mismatchP }

// sampleRatio is Pearson's chi-squared test of units against weights; nil where
// fewer than 5 units are expected of a version.
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
