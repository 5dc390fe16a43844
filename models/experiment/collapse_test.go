package experiment_test

import (
	"math"
	"strings"
	"testing"

	"larder/models/experiment"
)

// TestAVersionThatCollapses gets a verdict, though its rows don't differ at all. score
// makes the scores of version 2 from labels.
func TestAVersionThatCollapses(t *testing.T) {
	f := func(metric, want string, control, score func(label float64) float64) {
		t.Helper()
		rows, outcomes := draw(6000, map[int64]float64{1: 0.5, 2: 0.5})
		for i := range rows {
			label := outcomes[i/2].Label // a request has a row of its version and one of the shadow
			switch {
			case rows[i].Version == 2:
				rows[i].Score = score(label)
			case rows[i].Version == 1 && control != nil:
				rows[i].Score = control(label)
			}
		}
		for _, v := range gather(t, rows, outcomes).Report(question(t, metric)).Versions {
			if v.Version == 2 && !strings.HasPrefix(v.Verdict, want) {
				t.Errorf("%s: %s (%+v)\nwant %s", metric, v.Verdict, v.Difference, want)
			}
		}
	}
	constant := func(float64) float64 { return 0.3 }
	perfect := func(label float64) float64 { return label }
	wrong := func(label float64) float64 { return 1 - label }
	f(experiment.AUC, "version 2 is worse than version 1: auc is lower", nil, constant)
	f(experiment.Recall, "version 2 is worse than version 1: recall is lower", nil, constant)
	f(experiment.Accuracy, "version 2 is better than version 1: accuracy is higher", nil, perfect)
	f(experiment.Accuracy, "version 2 is worse than version 1: accuracy is lower by 1 ", perfect, wrong)
	f(experiment.Accuracy, "version 2 and version 1 have exactly the same accuracy", perfect, perfect)
	f(experiment.LogLoss, "version 2 is worse than version 1: log_loss is higher", nil, wrong)
}

// TestNaNIsNotBetter: a version that scores NaN where it would be wrong isn't called
// better, nor is one compared with a control that does; the verdict says how many rows.
func TestNaNIsNotBetter(t *testing.T) {
	for _, failing := range []int64{1, 2} {
		rows, outcomes := draw(6000, map[int64]float64{1: 0.5, 2: 0.5, 3: 0.5})
		for i := range rows {
			if rows[i].Version == failing && math.Abs(rows[i].Score-outcomes[i/2].Label) > 0.6 {
				rows[i].Score = math.NaN()
			}
		}
		for _, v := range gather(t, rows, outcomes).Report(question(t, experiment.Brier)).Versions {
			words := []string{"version 2 can't be compared: version 1 scored NaN for ", "version 2 can't be compared: version 2 scored NaN for "}[failing-1]
			if v.Version == 2 && (!strings.HasPrefix(v.Verdict, words) || !strings.Contains(v.Verdict, " of 3000 rows with labels")) {
				t.Errorf("%s; want %s", v.Verdict, words)
			}
			if v.Version == failing && (v.Unscored == 0 || v.Unscored != v.Undefined) {
				t.Errorf("version %d: %d rows with labels are NaN, of %d", v.Version, v.Unscored, v.Undefined)
			}
		}
	}
}
