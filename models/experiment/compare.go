package experiment

import (
	"math"
	"slices"
)

// minEvents is the least effective number of units, of either version, for a verdict:
// see the package comment. It is what keeps the promise of the confidence sequence where
// few rows decide, so it was chosen by simulation: TestNoFalseVerdicts.
const minEvents = 50

// difference returns the metric of one sample minus that of another, valid for any
// number of looks. It returns false where there are too few rows. The samples are paired
// if they are of the same rows, in the same order.
func (m Metric) difference(s, less sample, paired bool, alpha float64) (diff Interval, p float64, enough bool) {
	a, b := m.estimate(s), m.estimate(less)
	ours, theirs := newPulls(s.units), newPulls(less.units)
	ours.add(s.units, a.pull, 1)
	theirs.add(less.units, b.pull, 1)
	if !a.enough || !b.enough || min(ours.units, theirs.units) < minRows {
		return diff, 1, false
	}
	d := a.value - b.value
	both := newPulls(s.units, less.units)
	both.add(s.units, a.pull, 1)
	both.add(less.units, b.pull, -1)
	variance, events := both.powers(2), 0.0
	if paired {
		// The pulls of a difference d sum to 0, but if there is no difference d belongs to
		// their variance.
		variance += d * d / float64(both.units)
		events = both.events()
	} else {
		var split float64
		split, events = compareArms(ours, theirs, d)
		variance = max(variance, split)
	}
	if m.Name != AUC && events < minEvents { // an area has its own least number of rows, of either class
		return diff, 1, false
	}
	diff, p = always(d, variance, float64(both.units), alpha)
	return diff, p, true
}

// compareArms returns the variance of a difference d of two groups of units, and the
// effective number of units in the smaller one. If there is no difference, both groups
// have the same distribution, which is that of all units. So a group's own variance
// counts only where it is the larger one: a group that met no rare row yet, or whose
// scores are constant, knows nothing of the variance.
func compareArms(a, b *pulls, d float64) (variance, events float64) {
	n, m := float64(a.units), float64(b.units)
	all := n + m
	// A pull is the influence of a unit divided by the units of its group.
	squares := (n*n*a.powers(2) + m*m*b.powers(2)) / all
	fourths := (n*n*n*n*a.powers(4) + m*m*m*m*b.powers(4)) / all
	pooled := squares + n*m/all/all*d*d
	variance = max(a.powers(2), pooled/n) + max(b.powers(2), pooled/m)
	events = min(n, m)
	if fourths > 0 {
		events *= squares * squares / fourths
	}
	return variance, events
}

// pulls are the pulls of units. Units are numbered from 0.
type pulls struct {
	sums  []float64
	in    []bool
	units int // that have a row that counts
}

func newPulls(units ...[]int32) *pulls {
	most := int32(-1)
	for _, u := range units {
		if len(u) > 0 {
			most = max(most, slices.Max(u))
		}
	}
	return &pulls{sums: make([]float64, most+1), in: make([]bool, most+1)}
}

// add adds the pulls of rows; NaN for a row that doesn't count.
func (p *pulls) add(units []int32, pull []float64, sign float64) {
	for i, unit := range units {
		if math.IsNaN(pull[i]) {
			continue
		}
		if !p.in[unit] {
			p.in[unit] = true
			p.units++
		}
		p.sums[unit] += sign * pull[i]
	}
}

// powers adds up the powers of the units' pulls, of exponent 2 or 4.
func (p *pulls) powers(exponent int) float64 {
	total := 0.0
	for _, sum := range p.sums {
		square := sum * sum
		if exponent == 4 {
			square *= square
		}
		total += square
	}
	return total
}

// events returns the effective number of units: all of them if all pull alike, and the
// number of the rare ones if only these pull.
func (p *pulls) events() float64 {
	squares, fourths := p.powers(2), p.powers(4)
	if fourths == 0 {
		return float64(p.units)
	}
	return squares * squares / fourths
}
