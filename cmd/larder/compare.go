package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/models/comparison"
	"larder/models/experiment"
)

func newModelCompareCommand() *cobra.Command {
	var dir, labels string
	var most int
	var threshold float64
	cmd := &cobra.Command{
		Use:   "compare NAME@VERSION NAME@VERSION",
		Short: "Compare two models on logged vectors: size, latency, agreement and, with labels, quality",
		Long: `Have the server score the vectors of a feature log with two models that it has loaded,
and compare them: the size of their files, how long a run takes by the number of its
rows, how far their scores are apart and, where rows have labels, how well each tells
what turned out to be true: those of the model's definition, or of a file. The vectors
are those of the first model's log.`,
		Example: `  larder models compare fraud@3 fraud@4 --log /var/lib/larder/log
  larder models compare fraud@3 fraud@4 --log /var/lib/larder/log --labels chargebacks.csv --threshold 0.8`,
		Args: wrongArgs(cobra.ExactArgs(2)),
	}
	f := cmd.Flags()
	f.StringVar(&dir, "log", "", "folder of the feature log")
	f.StringVar(&labels, "labels", "", "instead of the labels of the definition a CSV, Parquet or Arrow file: log:request_id, log:row when a request has several, and label, which is true or false, 1 or 0")
	f.IntVar(&most, "rows", 10_000, "how many logged rows are scored at most; fewer of wide vectors, which must fit into a message")
	f.Float64Var(&threshold, "threshold", 0.5, "the score from which on a decision is yes")
	if err := cmd.MarkFlagRequired("log"); err != nil {
		panic(err) // it was declared above
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, errA := parseModelRef(args[0])
		b, errB := parseModelRef(args[1])
		if err := errors.Join(errA, errB); err != nil {
			return usageError(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		if most < 1 {
			return usageError("--rows is 1 or more")
		}
		log, err := readVectors(cmd.Context(), dir, a.Model, most)
		if err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			r, err := compareModels(cmd.Context(), control, log, a, b, threshold)
			if err != nil {
				return err
			}
			truth, err := log.labels(cmd.Context(), control, labels)
			if err != nil {
				return err
			}
			r.measure(truth, threshold)
			if c.json {
				return r.printJSON(cmd.OutOrStdout())
			}
			return r.print(cmd.OutOrStdout(), threshold)
		})
	}
	return cmd
}

// A modelRef names a version of a model: fraud@3.
type modelRef struct {
	Model   string `json:"model"`
	Version int64  `json:"version"`
}

func (m modelRef) String() string { return fmt.Sprintf("%s@%d", m.Model, m.Version) }

func parseModelRef(text string) (modelRef, error) {
	name, version, found := strings.Cut(text, "@")
	number, err := strconv.ParseInt(version, 10, 64)
	if !found || name == "" || err != nil || number < 1 {
		return modelRef{}, fmt.Errorf("%q is no NAME@VERSION, as in fraud@3", text)
	}
	return modelRef{Model: name, Version: number}, nil
}

// A compared is one of two models, and what was found of it.
type compared struct {
	modelRef
	Engine   string    `json:"engine"`
	Provider string    `json:"provider"`
	Bytes    int64     `json:"bytes"`
	Runs     []runTime `json:"runs"`

	scores []float64
}

// A runTime is how long a run takes: the median of those that were timed.
type runTime struct {
	Rows   int     `json:"rows"`
	Micros float64 `json:"micros"`
}

// A comparisonReport is what is said of two models.
type comparisonReport struct {
	a, b      *compared
	rows      int
	agreement comparison.Agreement
	quality   *quality // nil without labels
}

// comparedRows are the sizes of runs that are timed.
var comparedRows = []int{1, 10, 100, 1000}

func compareModels(ctx context.Context, control larderv1.ControlServiceClient, log *loggedVectors, a, b modelRef, threshold float64) (*comparisonReport, error) {
	r := &comparisonReport{a: &compared{modelRef: a}, b: &compared{modelRef: b}, rows: log.rows}
	for _, m := range []*compared{r.a, r.b} {
		if err := m.describe(ctx, control); err != nil {
			return nil, err
		}
		const rowsOfRun = 100
		answer, err := control.ScoreVectors(ctx, log.request(m.modelRef, log.rows, rowsOfRun))
		if err != nil {
			return nil, err
		}
		m.scores = answer.GetScores()
	}
	for _, rows := range comparedRows {
		if rows > log.rows {
			break
		}
		if err := r.time(ctx, control, log, rows); err != nil {
			return nil, err
		}
	}
	r.agreement = comparison.Agree(r.a.scores, r.b.scores, threshold)
	return r, nil
}

// describe finds what the server says of a model.
func (m *compared) describe(ctx context.Context, control larderv1.ControlServiceClient) error {
	answer, err := control.ListModels(ctx, &larderv1.ListModelsRequest{Model: m.Model})
	if err != nil {
		return err
	}
	for _, v := range answer.GetModels()[0].GetVersions() {
		if v.GetModelVersion() == m.Version {
			m.Engine, m.Provider, m.Bytes = v.GetEngine(), v.GetProvider(), v.GetSize()
			return nil
		}
	}
	return fmt.Errorf("model %q has no version %d; larder models show %s lists them", m.Model, m.Version, m.Model)
}

// time times runs of so many rows, of one model after the other in turn, so that
// what else the machine does meets both.
func (r *comparisonReport) time(ctx context.Context, control larderv1.ControlServiceClient, log *loggedVectors, rows int) error {
	const turns, runsOfTurn = 6, 20
	var took [2][]float64
	for turn := range turns {
		for i, m := range []*compared{r.a, r.b} {
			answer, err := control.ScoreVectors(ctx, log.request(m.modelRef, min(log.rows/rows, runsOfTurn)*rows, rows))
			if err != nil {
				return err
			}
			if turn == 0 {
				continue // the first turn finds nothing at hand
			}
			for _, nanos := range answer.GetTookNanos() {
				took[i] = append(took[i], float64(nanos)/float64(time.Microsecond))
			}
		}
	}
	for i, m := range []*compared{r.a, r.b} {
		slices.Sort(took[i])
		m.Runs = append(m.Runs, runTime{Rows: rows, Micros: took[i][len(took[i])/2]})
	}
	return nil
}

// labels returns what turned out to be true of each row, NaN where nobody says, by a
// file or else by the labels of the model; none where it has none.
func (v *loggedVectors) labels(ctx context.Context, control larderv1.ControlServiceClient, path string) ([]float64, error) {
	if path == "" {
		answer, err := control.JoinLabels(ctx, v.asked)
		return answer.GetLabels(), err
	}
	found, err := readLabels(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	truth, any := make([]float64, len(v.ids)), false
	for i, id := range v.ids {
		label, has := found[id]
		if truth[i] = label; !has {
			truth[i] = math.NaN()
		}
		any = any || has
	}
	if !any {
		return nil, fmt.Errorf("%s: none of its %d labels is of a row that was compared; log:request_id is the request's in the feature log", path, len(found))
	}
	return truth, nil
}

// measure adds how well each tells what turned out to be true.
func (r *comparisonReport) measure(labels []float64, threshold float64) {
	var truth, a, b []float64
	positives := 0
	for i, label := range labels {
		if math.IsNaN(label) || math.IsNaN(r.a.scores[i]) || math.IsNaN(r.b.scores[i]) {
			continue // which the agreement counts, but for the first
		}
		truth, a, b = append(truth, label), append(a, r.a.scores[i]), append(b, r.b.scores[i])
		positives += int(label)
	}
	if len(truth) == 0 {
		return
	}
	r.quality = &quality{len(truth), positives, experiment.ComparePairs(a, b, truth, threshold, 0.05)}
}

func (r *comparisonReport) print(w io.Writer, threshold float64) error {
	g := r.agreement
	fmt.Fprintf(w, "%s and %s on %d logged rows\n\n", r.a, r.b, r.rows)
	rows := [][]string{
		{"scored by", r.a.by(), r.b.by(), ""},
		{"bytes", fmt.Sprint(r.a.Bytes), fmt.Sprint(r.b.Bytes), change(float64(r.a.Bytes), float64(r.b.Bytes))},
	}
	for i, run := range r.a.Runs {
		other := r.b.Runs[i]
		rows = append(rows, []string{fmt.Sprintf("µs, %d in a run", run.Rows), figure(run.Micros), figure(other.Micros), change(run.Micros, other.Micros)})
	}
	if r.quality != nil {
		for _, p := range r.quality.pairs {
			rows = append(rows, []string{metricTitle(p.Metric), figure(p.A), figure(p.B), changed(p.Difference)})
		}
	}
	if err := table(w, fmt.Sprintf("WHAT %s %s CHANGE", r.a, r.b), rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nscores differ by %.3g at most and %.3g in the mean; their ranks correlate by %.5f\n", g.MaxDifference, g.MeanDifference, g.RankCorrelation)
	fmt.Fprintf(w, "%.3g %% of the decisions at %g change\n", 100*g.Changed, threshold)
	if g.Undefined > 0 {
		fmt.Fprintf(w, "%d rows, which one of the two scores NaN, are left out\n", g.Undefined)
	}
	if q := r.quality; q != nil {
		fmt.Fprintf(w, "%d rows have a label, of which %d are true; of a change, 95 %% intervals\n", q.rows, q.positives)
	}
	return nil
}

func (m *compared) by() string {
	if m.Engine == "onnxruntime" {
		return m.Engine + "/" + m.Provider
	}
	return m.Engine
}

// A quality is how well both tell what turned out to be true.
type quality struct {
	rows, positives int
	pairs           []experiment.Pair
}

// changed returns by how much a metric changes, and where the truth may be.
func changed(d experiment.Interval) string {
	if math.IsNaN(d.Low) {
		return fmt.Sprintf("%+.4g", d.Value)
	}
	return fmt.Sprintf("%+.4g (%.3g to %.3g)", d.Value, d.Low, d.High)
}

func figure(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

func change(from, to float64) string { return fmt.Sprintf("%+.1f %%", 100*(to/from-1)) }

func (r *comparisonReport) printJSON(w io.Writer) error {
	g := r.agreement
	out := map[string]any{
		"rows": r.rows, "models": []*compared{r.a, r.b},
		"agreement": map[string]any{
			"rows": g.Rows, "undefined": g.Undefined, "max_difference": defined(g.MaxDifference), "mean_difference": defined(g.MeanDifference),
			"rank_correlation": defined(g.RankCorrelation), "changed": defined(g.Changed),
		},
	}
	if q := r.quality; q != nil {
		figures := map[string]any{"rows": q.rows, "positives": q.positives}
		for _, p := range q.pairs {
			figures[p.Metric] = map[string]any{
				"values": []*float64{defined(p.A), defined(p.B)}, "difference": defined(p.Difference.Value),
				"interval": []*float64{defined(p.Difference.Low), defined(p.Difference.High)},
			}
		}
		out["quality"] = figures
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// defined returns what JSON has for a number: null for NaN and infinities.
func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
