package experiment_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"larder/models/experiment"
)

// question asks about two versions of half of the units each, by the last digit.
func question(t *testing.T, metric string) experiment.Question {
	t.Helper()
	m, err := experiment.ParseMetric(metric, 0.5, []string{"loss"})
	if err != nil {
		t.Fatal(err)
	}
	return experiment.Question{
		Metric: m, Alpha: alpha, Control: 1, Weights: []experiment.Weight{{Version: 1, Share: 50}, {Version: 2, Share: 50}},
		Assigned: func(unit string) int64 { return 1 + int64(unit[len(unit)-1]-'0')%2 },
	}
}

// play adds requests of units, each scored by the version that the unit is sent to and
// tried by version 3, and what became of them. The versions are skilled as said.
func play(t *testing.T, requests int, skill map[int64]float64) *experiment.Data {
	t.Helper()
	rows, outcomes := draw(requests, skill)
	return gather(t, rows, outcomes)
}

func gather(t *testing.T, rows []experiment.Row, outcomes []experiment.Outcome) *experiment.Data {
	t.Helper()
	data := experiment.NewData(experiment.Options{})
	for i := range rows {
		if err := data.Add(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range outcomes {
		data.AddOutcome(&outcomes[i])
	}
	return data
}

func draw(requests int, skill map[int64]float64) (rows []experiment.Row, outcomes []experiment.Outcome) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range requests {
		version := int64(1 + i%2)
		label := count(r.Float64() < 0.3)
		outcomes = append(outcomes, experiment.Outcome{Request: fmt.Sprint("r", i), Label: label, Values: []float64{-100 * label}})
		noise := r.NormFloat64()
		for _, v := range []int64{version, 3} {
			row := experiment.Row{Version: v, Shadow: v == 3, Request: fmt.Sprint("r", i), At: int64(i), Unit: fmt.Sprint("customer-", i%2000)}
			row.Score = 1 / (1 + math.Exp(1-skill[v]*(2*label-1)-noise))
			rows = append(rows, row)
		}
	}
	return rows, outcomes
}

func TestReport(t *testing.T) {
	rows, outcomes := draw(6000, map[int64]float64{1: 0.5, 2: 1, 3: 0.4})
	rows = append(rows, experiment.Row{Version: 2, Request: "pinned", Unit: "customer-0", Score: math.NaN()})
	outcomes = append(outcomes, experiment.Outcome{Request: "nobody's", Label: 1})
	r := gather(t, rows, outcomes).Report(question(t, experiment.AUC))
	var got []string
	for _, v := range r.Versions {
		got = append(got, fmt.Sprintf("%d %s: %d rows of %d units, %d labelled, %d undefined", v.Version, v.Role, v.Rows, v.Units, v.Labelled, v.Undefined))
	}
	want := "1 control: 3000 rows of 1000 units, 3000 labelled, 0 undefined; 2 split: 3000 rows of 1000 units, 3000 labelled, 0 undefined; " +
		"3 shadow: 6000 rows of 2000 units, 6000 labelled, 0 undefined; 2 pinned: 1 rows of 1 units, 0 labelled, 1 undefined"
	if strings.Join(got, "; ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "; "), want)
	}
	if r.Outcomes != 6001 || r.Unknown != 1 || r.Ratio == nil || r.Ratio.P != 1 {
		t.Errorf("%d labels, %d of no row, ratio %+v", r.Outcomes, r.Unknown, r.Ratio)
	}
	split, shadow, pinned := r.Versions[1], r.Versions[2], r.Versions[3]
	if d := split.Difference; d == nil || d.Low <= 0 || d.P >= alpha || d.Paired || !strings.HasPrefix(split.Verdict, "version 2 is better than version 1: auc is higher by 0.") {
		t.Errorf("%+v: %s", d, split.Verdict)
	}
	// A shadow is compared on the rows of the control, with less noise than a split.
	if d := shadow.Difference; d == nil || !d.Paired || d.Rows != 3000 || d.High-d.Low > (split.Difference.High-split.Difference.Low)/2 ||
		!strings.HasPrefix(shadow.Verdict, "version 3 is worse than version 1: auc is lower by 0.0") {
		t.Errorf("%+v: %s", d, shadow.Verdict)
	}
	if pinned.Difference != nil || !strings.Contains(pinned.Verdict, "can't be compared") {
		t.Errorf("%+v: %s", pinned.Difference, pinned.Verdict)
	}
}

func TestVerdicts(t *testing.T) {
	f := func(metric, want string, requests int, skill float64, change func(*experiment.Question)) {
		t.Helper()
		q := question(t, metric)
		if change != nil {
			change(&q)
		}
		r := play(t, requests, map[int64]float64{1: 0.5, 2: skill}).Report(q)
		for _, v := range r.Versions {
			if v.Version == 2 && !strings.Contains(v.Verdict, want) {
				t.Errorf("%s\nwant %s", v.Verdict, want)
			}
		}
	}
	f(experiment.AUC, "no significant difference between version 2 and version 1", 3000, 0.5, nil)
	f(experiment.LogLoss, "version 2 is better than version 1: log_loss is lower by", 4000, 1.2, nil)
	f(experiment.Brier, "version 2 is worse than version 1: brier is higher by", 6000, -0.5, nil)
	f("mean:loss", "no significant difference between version 2 and version 1: mean:loss differs by", 3000, 0.5, nil)
	f(experiment.AUC, "version 2 can't be compared yet: too few", 100, 1, nil)
	f(experiment.AUC, "did not get their shares of the units", 4000, 1, func(q *experiment.Question) { q.Weights[0].Share, q.Weights[1].Share = 40, 60 })
	f(experiment.AUC, "not assigned at random", 1000, 1, func(q *experiment.Question) { q.Weights, q.Assigned = nil, nil })
	f(experiment.AUC, "the control scored no rows", 1000, 1, func(q *experiment.Question) {
		q.Control, q.Weights = 9, []experiment.Weight{{Version: 9, Share: 50}, {Version: 2, Share: 50}}
	})
}

// TestReportsAreTheSame in every bit, for any order of rows and labels.
func TestReportsAreTheSame(t *testing.T) {
	rows, outcomes := draw(3000, map[int64]float64{1: 0.5, 2: 0.7, 3: 0.6})
	report := func() string {
		var out strings.Builder
		for _, v := range gather(t, rows, outcomes).Report(question(t, experiment.AUC)).Versions {
			fmt.Fprintln(&out, v.Figure, v.Verdict)
		}
		return out.String()
	}
	before := report()
	slices.Reverse(rows)
	slices.Reverse(outcomes)
	if after := report(); before != after {
		t.Errorf("%s\n%s", before, after)
	}
}
