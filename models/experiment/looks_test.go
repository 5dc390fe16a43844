package experiment_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"larder/models/experiment"
)

const (
	alpha      = 0.05
	looks      = 10
	rowsOfLook = 1000
)

// An arm is what one version scored so far.
type arm struct {
	scores, labels []float64
	units          []int32
}

// add draws a row: one in five is true, and a skilful version tells more of it. Rows
// of a unit have an effect in common.
func (a *arm) add(r *rand.Rand, unit int32, skill, effect float64) {
	label := 0.0
	if r.Float64() < 1/(1+math.Exp(1.5-effect)) {
		label = 1
	}
	logit := skill*(2*label-1) + effect + r.NormFloat64()
	a.scores, a.labels, a.units = append(a.scores, 1/(1+math.Exp(1-logit))), append(a.labels, label), append(a.units, unit)
}

// shown runs experiments and returns in which share of them a difference is shown at
// some look, by the sequence and by the interval of one look that doesn't know of others.
// Each unit has so many rows, at random moments.
func shown(t *testing.T, experiments int, metric string, skillA, skillB float64, rowsOfUnit int) (always, naive float64) {
	t.Helper()
	for number := range experiments {
		r := rand.New(rand.NewPCG(uint64(number), 2026))
		population := rowsOfLook * looks / rowsOfUnit
		effects := make([]float64, population)
		for i := range effects {
			if rowsOfUnit > 1 {
				effects[i] = r.NormFloat64()
			}
		}
		var arms [2]arm
		byLook, once := false, false
		for look := 0; look < looks && !(byLook && once); look++ {
			for range rowsOfLook {
				unit := r.IntN(population)
				if rowsOfUnit == 1 {
					unit = len(arms[0].units) + len(arms[1].units)
				}
				arms[unit%2].add(r, int32(unit), []float64{skillA, skillB}[unit%2], effects[unit%population])
			}
			a, b := arms[0], arms[1]
			diff, p, enough := experiment.Look(metric, a.scores, a.labels, a.units, b.scores, b.labels, b.units, alpha)
			if !enough {
				continue
			}
			outside := diff.Low > 0 || diff.High < 0
			if outside != (p < alpha) {
				t.Fatalf("the interval %+v and p = %v do not say the same", diff, p)
			}
			byLook = byLook || outside
			once = once || math.Abs(diff.Value) > oneLook(metric, a, b, diff, rowsOfUnit)
		}
		always, naive = always+count(byLook), naive+count(once)
	}
	return always / float64(experiments), naive / float64(experiments)
}

// oneLook is half of the interval that takes rows for units and knows of no other
// look: by the package's formula where all rows are units, else by both arms'.
func oneLook(metric string, a, b arm, diff experiment.Interval, rowsOfUnit int) float64 {
	const quantile = 1.959963984540054
	if rowsOfUnit == 1 && metric != experiment.Precision {
		two := -2 * math.Log(alpha)
		t := float64(len(a.units)+len(b.units)) * (two + math.Log(two) + 1) / 10_000
		half := diff.High - diff.Value
		return quantile * half / math.Sqrt((1+1/t)*math.Log((1+t)/alpha/alpha))
	}
	x, y := experiment.Figure(metric, a.scores, a.labels, ids(0, len(a.units)), alpha), experiment.Figure(metric, b.scores, b.labels, ids(0, len(b.units)), alpha)
	return math.Hypot(x.High-x.Value, y.High-y.Value)
}

func count(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// TestLookingOften: of experiments without a difference, looked at after every
// thousand rows, at most as many show one as was declared; an interval that is made
// for one look shows many more. Where there is a difference, it is found.
func TestLookingOften(t *testing.T) {
	for _, metric := range []string{experiment.AUC, experiment.Brier, experiment.Precision} {
		t.Run(metric, func(t *testing.T) {
			t.Parallel()
			always, naive := shown(t, 200, metric, 0.5, 0.5, 1)
			t.Logf("no difference: shown in %.3f of the experiments, by an interval of one look in %.3f", always, naive)
			if always > alpha {
				t.Errorf("a difference that is not there is shown in %.3f of the experiments; at most %v was declared", always, alpha)
			}
			if naive < 2*alpha {
				t.Errorf("an interval of one look shows one in %.3f only: these experiments are too easy", naive)
			}
			if always, _ := shown(t, 40, metric, 0.5, 0.8, 1); always < 0.9 {
				t.Errorf("a difference that is there is shown in %.3f of the experiments", always)
			}
		})
	}
}

// TestReturningUnits: twenty rows each of a unit are not twenty units.
func TestReturningUnits(t *testing.T) {
	for _, metric := range []string{experiment.AUC, experiment.Calibration} {
		t.Run(metric, func(t *testing.T) {
			t.Parallel()
			always, naive := shown(t, 60, metric, 0.5, 0.5, 20)
			t.Logf("no difference: shown in %.3f of the experiments, with rows for units by an interval of one look in %.3f", always, naive)
			if always > alpha {
				t.Errorf("a difference that is not there is shown in %.3f of the experiments; at most %v was declared", always, alpha)
			}
			if naive < 2*alpha {
				t.Errorf("rows for units show one in %.3f only: these experiments are too easy", naive)
			}
		})
	}
}

// TestIntervalsCover: the interval of one look has the truth inside as often as it
// says, of rows and of units that return.
func TestIntervalsCover(t *testing.T) {
	const rows, runs = 2000, 400
	for _, metric := range []string{experiment.AUC, experiment.Brier, experiment.Recall} {
		for _, rowsOfUnit := range []int{1, 10} {
			var values []experiment.Interval
			mean := 0.0
			for number := range runs {
				r := rand.New(rand.NewPCG(uint64(number), 7))
				var a arm
				effect := 0.0
				for i := range rows {
					if i%rowsOfUnit == 0 && rowsOfUnit > 1 {
						effect = r.NormFloat64()
					}
					a.add(r, int32(i/rowsOfUnit), 0.5, effect)
				}
				v := experiment.Figure(metric, a.scores, a.labels, a.units, alpha)
				values, mean = append(values, v), mean+v.Value/runs
			}
			inside := 0.0
			for _, v := range values {
				inside += count(v.Low <= mean && mean <= v.High) / runs
			}
			if inside < 0.92 || inside > 0.98 { // 0.95, three standard deviations of the share around it
				t.Errorf("%s, %d rows a unit: the truth is inside %.3f of the intervals; want 0.95", metric, rowsOfUnit, inside)
			}
		}
	}
}
