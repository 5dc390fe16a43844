package experiment_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/models/experiment"
)

// drawRows draws rows of few requests, keys and moments, so that they collide.
func drawRows(t *rapid.T) []experiment.Row {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) experiment.Row {
		request := rapid.IntRange(0, 3).Draw(t, "request")
		return experiment.Row{
			Version: rapid.Int64Range(1, 2).Draw(t, "version"), Shadow: rapid.Bool().Draw(t, "shadow"),
			Request: []string{"a", "b", "c", "d"}[request], Number: rapid.Int32Range(0, 1).Draw(t, "number"),
			At: rapid.Int64Range(0, 9).Draw(t, "at"), Score: float64(rapid.IntRange(0, 1000).Draw(t, "score")) / 1000, Unit: "u",
			Keys: [][]string{{"1", "23"}, {"12", "3"}, {"5", "x"}, {"5", "x"}}[request],
		}
	}), 1, 30).Draw(t, "rows")
}

func drawOutcomes(t *rapid.T) []experiment.Outcome {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) experiment.Outcome {
		return experiment.Outcome{
			Request: rapid.SampledFrom([]string{"a", "b", "d"}).Draw(t, "request"), Number: rapid.Int32Range(0, 1).Draw(t, "number"),
			Keys: rapid.SampledFrom([][]string{{"1", "23"}, {"5", "x"}, {"", "5x"}}).Draw(t, "keys"),
			At:   rapid.Int64Range(0, 12).Draw(t, "at"), Arrived: rapid.Int64Range(0, 2).Draw(t, "arrived"),
			Deleted: rapid.IntRange(0, 5).Draw(t, "deleted") == 0,
			Label:   rapid.SampledFrom([]float64{0, 1, math.NaN()}).Draw(t, "label"),
		}
	}), 0, 30).Draw(t, "outcomes")
}

// TestJoin: what a slow join finds, which looks at all outcomes for each row.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, outcomes := drawRows(t), drawOutcomes(t)
		within := rapid.SampledFrom([]int64{0, 1, 3}).Draw(t, "within")
		data := experiment.NewData(experiment.Options{Within: within})
		for i := range rows {
			if err := data.Add(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i := range outcomes {
			data.AddOutcome(&outcomes[i])
		}
		metric, err := experiment.ParseMetric(experiment.Brier, 0.5, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			want := math.NaN()
			if o := newest(r, first(rows), outcomes, within); o != nil && !o.Deleted {
				want = o.Label
			}
			if label := data.LabelOf(&r); within == 0 && !near(label, want) {
				t.Fatalf("the label of %+v is %v; want %v", r, label, want)
			}
		}
		got := map[string]string{}
		report := data.Report(experiment.Question{Metric: metric, Alpha: 0.05, Control: 1})
		for _, v := range report.Versions {
			if v.Rows > 0 {
				got[fmt.Sprint(v.Version, " ", v.Role == experiment.Shadow)] += fmt.Sprintf("%d rows, %d labelled, %d true, Brier %.9f", v.Rows, v.Labelled, v.Positives, v.Figure.Value)
			}
		}
		if diff := cmp.Diff(slowJoin(rows, outcomes, within), got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// slowJoin counts each row once, as it was logged first, with the newest of the
// outcomes that are of it.
func slowJoin(rows []experiment.Row, outcomes []experiment.Outcome, within int64) map[string]string {
	type figures struct {
		rows, labelled, positives int
		squares                   float64
	}
	all := map[string]*figures{}
	counted := first(rows)
	for _, r := range counted {
		at := fmt.Sprint(r.Version, " ", r.Shadow)
		if all[at] == nil {
			all[at] = &figures{}
		}
		f := all[at]
		f.rows++
		o := newest(r, counted, outcomes, within)
		if o == nil || o.Deleted || math.IsNaN(o.Label) {
			continue
		}
		f.labelled++
		f.positives += int(o.Label)
		f.squares += (r.Score - o.Label) * (r.Score - o.Label)
	}
	out := map[string]string{}
	for at, f := range all {
		out[at] = fmt.Sprintf("%d rows, %d labelled, %d true, Brier %.9f", f.rows, f.labelled, f.positives, f.squares/float64(f.labelled))
	}
	return out
}

// first returns each row once, as it was logged first.
func first(rows []experiment.Row) (out []experiment.Row) {
	type name struct {
		request string
		number  int32
		version int64
		shadow  bool
	}
	at := map[name]int{}
	for _, r := range rows {
		n := name{r.Request, r.Number, r.Version, r.Shadow}
		i, again := at[n]
		if !again {
			at[n] = len(out)
			out = append(out, r)
		} else if old := out[i]; r.At < old.At || r.At == old.At && r.Score < old.Score {
			out[i] = r
		}
	}
	return out
}

func newest(r experiment.Row, rows []experiment.Row, outcomes []experiment.Outcome, within int64) *experiment.Outcome {
	var found *experiment.Outcome
	for i := range outcomes {
		o := &outcomes[i]
		if within == 0 {
			if o.Request != r.Request || o.Number != r.Number {
				continue
			}
		} else {
			last := int64(-1)
			for _, other := range rows {
				if slices.Equal(other.Keys, o.Keys) && other.At <= o.At {
					last = max(last, other.At)
				}
			}
			if !slices.Equal(o.Keys, r.Keys) || last != r.At || o.At-r.At > within {
				continue
			}
		}
		if found == nil || o.At > found.At || o.At == found.At && o.Arrived > found.Arrived {
			found = o
		}
	}
	return found
}

func TestTooManyRows(t *testing.T) {
	data := experiment.NewData(experiment.Options{MaxRows: 1})
	if err := data.Add(&experiment.Row{}); err != nil {
		t.Fatal(err)
	}
	if err := data.Add(&experiment.Row{}); err == nil || !strings.Contains(err.Error(), "more than 1 logged rows") {
		t.Errorf("%v", err)
	}
}
