package experiment_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"larder/models/experiment"
)

// A cell is a kind of experiment that is simulated many times.
type cell struct {
	metric     string
	positives  float64 // the share of true rows
	small      float64 // the share of the smaller version
	rowsOfUnit int
	sigma      float64 // of the logarithm of the values of a mean
	rows       int
	lift       float64 // added to the skill of the smaller version
}

// simulate runs one experiment and returns whether some look shows a difference, and
// whether some look has an interval.
func (c cell) simulate(seed uint64) (shown, said bool) {
	r := rand.New(rand.NewPCG(seed, 99))
	var arms [2]arm
	var values [2][][]float64
	population := max(1, c.rows/c.rowsOfUnit)
	effects := make([]float64, population)
	for i := range effects {
		if c.rowsOfUnit > 1 {
			effects[i] = r.NormFloat64()
		}
	}
	version := make([]int, population) // of each unit
	for i := range version {
		version[i] = one(r.Float64() < c.small)
	}
	base := math.Log(c.positives / (1 - c.positives))
	const looks = 12
	for look := 1; look <= looks; look++ {
		// Looks are closer together at the beginning.
		until := int(float64(c.rows) * math.Pow(2, float64(look-looks)/2))
		for len(arms[0].units)+len(arms[1].units) < until {
			unit := r.IntN(population)
			if c.rowsOfUnit == 1 {
				unit = len(arms[0].units) + len(arms[1].units)
			}
			at := version[unit]
			label := 0.0
			if r.Float64() < 1/(1+math.Exp(-base-effects[unit])) {
				label = 1
			}
			skill := 1.5 + c.lift*float64(at)
			score := 1 / (1 + math.Exp(-base-skill*(label-c.positives)-effects[unit]/2-r.NormFloat64()))
			a := &arms[at]
			a.scores, a.labels, a.units = append(a.scores, score), append(a.labels, label), append(a.units, int32(unit))
			value := 100 * label
			if c.sigma > 0 {
				value = math.Exp(c.sigma*r.NormFloat64() + effects[unit]/2)
			}
			values[at] = append(values[at], []float64{value})
		}
		x, y := arms[0], arms[1]
		diff, _, enough := experiment.LookAt(c.metric, min(0.5, 3*c.positives), x.scores, x.labels, values[0], x.units, y.scores, y.labels, values[1], y.units, alpha)
		if !enough {
			continue
		}
		said = true
		if diff.Low > 0 || diff.High < 0 {
			return true, true
		}
	}
	return false, said
}

// one is 1 for true.
func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// shares returns in which share of the experiments of a cell a difference is shown, and
// in which there is an interval at all.
func (c cell) shares(experiments int) (shown, said float64) {
	for number := range experiments {
		a, b := c.simulate(uint64(number))
		shown, said = shown+count(a), said+count(b)
	}
	return shown / float64(experiments), said / float64(experiments)
}

func (c cell) String() string {
	if c.sigma > 0 {
		return fmt.Sprintf("%s of lognormal values, sigma %v, %.0f/%.0f, %d rows a unit", c.metric, c.sigma, 100*(1-c.small), 100*c.small, c.rowsOfUnit)
	}
	return fmt.Sprintf("%s, %v %% true, %.0f/%.0f, %d rows a unit", c.metric, 100*c.positives, 100*(1-c.small), 100*c.small, c.rowsOfUnit)
}

// checkCells simulates cells, and fails where a difference that is not there is shown
// more often than declared. Shares over alpha by chance alone are told apart by their
// standard deviation.
func checkCells(t *testing.T, cells []cell, experiments int) map[cell][2]float64 {
	t.Helper()
	results := map[cell][2]float64{}
	var mu sync.Mutex
	var all sync.WaitGroup
	work := make(chan cell)
	for range 2 {
		all.Go(func() {
			for c := range work {
				shown, said := c.shares(experiments)
				mu.Lock()
				results[c] = [2]float64{shown, said}
				mu.Unlock()
				t.Logf("%s, %d rows: a difference is shown in %.3f, an interval in %.2f", c, c.rows, shown, said)
			}
		})
	}
	for _, c := range cells {
		work <- c
	}
	close(work)
	all.Wait()
	for c, r := range results {
		if r[0] > alpha {
			t.Errorf("%s: %.3f of the experiments without a difference show one; at most %v is declared", c, r[0], alpha)
		}
	}
	return results
}

// TestNoFalseVerdicts: of experiments without a difference at most as many show one as
// declared, however rare the true rows and however uneven the split. These are the cells
// where normal intervals fail; TestSoakNoFalseVerdicts has the whole table.
func TestNoFalseVerdicts(t *testing.T) {
	var cells []cell
	for _, metric := range []string{experiment.Brier, experiment.LogLoss, experiment.Calibration, experiment.Recall, experiment.MeanOf + "value"} {
		for _, positives := range []float64{0.005, 0.02} {
			cells = append(cells, cell{metric: metric, positives: positives, small: 0.05, rowsOfUnit: 1, rows: 20_000})
		}
	}
	for _, sigma := range []float64{1.5, 2} {
		cells = append(cells, cell{metric: experiment.MeanOf + "value", positives: 0.1, small: 0.05, rowsOfUnit: 1, sigma: sigma, rows: 10_000})
	}
	checkCells(t, cells, 40)
}

// TestRealDifferencesAreFound with the rows that docs/experiments.md names.
func TestRealDifferencesAreFound(t *testing.T) {
	for _, c := range []cell{
		{metric: experiment.AUC, positives: 0.01, small: 0.1, rowsOfUnit: 1, rows: 100_000, lift: 1},
		{metric: experiment.LogLoss, positives: 0.01, small: 0.1, rowsOfUnit: 1, rows: 100_000, lift: 1.5},
		{metric: experiment.Recall, positives: 0.02, small: 0.5, rowsOfUnit: 1, rows: 20_000, lift: 1},
	} {
		if shown, _ := c.shares(10); shown < 0.9 {
			t.Errorf("%s, %d rows: a real difference is shown in %.2f of the experiments", c, c.rows, shown)
		} else {
			t.Logf("%s, %d rows: shown in %.2f", c, c.rows, shown)
		}
	}
}
