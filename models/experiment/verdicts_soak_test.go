//go:build soak

package experiment_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"larder/models/experiment"
)

// rowsFor returns enough rows for about 200 true rows of the smaller version, within
// what a simulation can take.
func rowsFor(positives, small float64, most int) int {
	return min(most, max(10_000, int(200/positives/small)))
}

// A row of the table in docs/experiments.md is all cells of a metric and a share of true
// rows, or a width of values.
type tableRow struct {
	metric           string
	positives, sigma float64
}

func (r tableRow) String() string {
	if r.sigma > 0 {
		return fmt.Sprintf("`%s`, lognormal, σ %v", r.metric, r.sigma)
	}
	return fmt.Sprintf("`%s`, %v %% true", r.metric, 100*r.positives)
}

var (
	tableSplits = []float64{0.5, 0.1, 0.05, 0.01}
	tableUnits  = []int{1, 10}
)

// TestSoakNoFalseVerdicts prints the table of docs/experiments.md: in how many percent of
// 60 experiments without a difference one is shown, and in brackets how many have an
// interval at some look.
func TestSoakNoFalseVerdicts(t *testing.T) {
	const mean = experiment.MeanOf + "value"
	var table []tableRow
	for _, metric := range append(slices.Clone(experiment.Metrics), mean) {
		for _, positives := range []float64{0.001, 0.005, 0.01, 0.02, 0.05} {
			table = append(table, tableRow{metric: metric, positives: positives})
		}
	}
	for _, sigma := range []float64{0.5, 1, 1.5, 2} {
		table = append(table, tableRow{metric: mean, positives: 0.1, sigma: sigma})
	}
	cellsOf := func(r tableRow) (cells []cell) {
		for _, rowsOfUnit := range tableUnits {
			for _, small := range tableSplits {
				c := cell{metric: r.metric, positives: r.positives, small: small, rowsOfUnit: rowsOfUnit, sigma: r.sigma, rows: rowsFor(r.positives, small, 30_000)}
				if r.sigma > 0 || r.metric == experiment.AUC {
					c.rows = 10_000
				}
				cells = append(cells, c)
			}
		}
		return cells
	}
	var cells []cell
	for _, r := range table {
		cells = slices.Concat(cells, cellsOf(r))
	}
	results := checkCells(t, cells, 60)
	var out strings.Builder
	for _, r := range table {
		fmt.Fprintf(&out, "| %s |", r)
		for _, c := range cellsOf(r) {
			fmt.Fprintf(&out, " %.1f (%.0f) |", 100*results[c][0], 100*results[c][1])
		}
		fmt.Fprintln(&out)
	}
	t.Log("\n" + out.String())
}

// TestSoakVerdictsOfRareRows goes on until the smaller version has about 200 true rows,
// where verdicts of the table above have just begun, or not yet.
func TestSoakVerdictsOfRareRows(t *testing.T) {
	var cells []cell
	for _, metric := range []string{experiment.Brier, experiment.LogLoss, experiment.Calibration, experiment.MeanOf + "value"} {
		for _, rare := range []cell{{positives: 0.005, small: 0.05}, {positives: 0.01, small: 0.05}, {positives: 0.02, small: 0.01}, {positives: 0.05, small: 0.01}} {
			for _, rowsOfUnit := range tableUnits {
				rare.metric, rare.rowsOfUnit, rare.rows = metric, rowsOfUnit, rowsFor(rare.positives, rare.small, 800_000)
				cells = append(cells, rare)
			}
		}
	}
	checkCells(t, cells, 60)
}
