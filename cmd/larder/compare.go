package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/models/experiment"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
)

func newModelCompareCommand() *cobra.Command {
	var dir, labels string
	var most int
	var threshold float64
	cmd := &cobra.Command{
		Use:   "compare NAME@VERSION NAME@VERSION --log DIR",
		Short: "Compare two versions on logged vectors: size, time, quality",
		Long: `Have the server score logged vectors with two models that it has loaded, and compare
the models: the size of their files, the time of a run by its number of rows, how far
their scores are apart and, for rows with labels, how well each predicts the outcome.
The vectors come from the first model's log. The labels come from the model's
definition or from a file.`,
		Example: `  larder models compare fraud@3 fraud@4 --log /var/lib/larder/log
  larder models compare fraud@3 fraud@4 --log /var/lib/larder/log --labels chargebacks.csv --threshold 0.8`,
		Args: wrongArgs(cobra.ExactArgs(2)),
	}
	f := cmd.Flags()
	f.StringVar(&dir, "log", "", "folder of the feature log")
	f.StringVar(&labels, "labels", "", "read labels from this CSV, Parquet or Arrow file, not from the definition; columns: log:request_id, log:row if requests have several rows, and label (true or false, 1 or 0)")
	f.IntVar(&most, "rows", 10_000, "most logged rows to score; fewer for wide vectors, which must fit into one message")
	f.Float64Var(&threshold, "threshold", 0.5, "scores at or above this count as positive")
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
			return usageError("--rows must be 1 or more")
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			_, err := control.FlushFeatureLog(cmd.Context(), &larderv1.FlushFeatureLogRequest{})
			if err != nil && status.Code(err) != codes.PermissionDenied { // who may not finish the files compares on those that are
				return err
			}
			vectors, err := replay.ReadVectors(cmd.Context(), dir, a.Model, most)
			if err != nil {
				return err
			}
			r, err := replay.Compare(cmd.Context(), control, vectors, a, b, threshold)
			if err != nil {
				return err
			}
			outcomes, err := vectors.Labels(cmd.Context(), control, labels)
			if err != nil {
				return err
			}
			r.Measure(outcomes, threshold)
			if c.json {
				err = printComparisonJSON(cmd.OutOrStdout(), r)
			} else {
				err = printComparison(cmd.OutOrStdout(), r, threshold)
			}
			return errors.Join(err, featurelog.Damaged(vectors.Damaged))
		})
	}
	return cmd
}

func parseModelRef(text string) (replay.Ref, error) {
	name, version, found := strings.Cut(text, "@")
	number, err := strconv.ParseInt(version, 10, 64)
	if !found || name == "" || err != nil || number < 1 {
		return replay.Ref{}, fmt.Errorf("%q is not NAME@VERSION, as in fraud@3", text)
	}
	return replay.Ref{Model: name, Version: number}, nil
}

func printComparison(w io.Writer, r *replay.Comparison, threshold float64) error {
	g := r.Agreement
	fmt.Fprintf(w, "%s and %s on %s\n\n", r.A, r.B, counted(r.Rows, "logged row"))
	rows := [][]string{
		{"scored by", scoredBy(r.A), scoredBy(r.B), ""},
		{"bytes", count(r.A.Bytes), count(r.B.Bytes), change(float64(r.A.Bytes), float64(r.B.Bytes))},
	}
	for i, run := range r.A.Runs {
		other := r.B.Runs[i]
		rows = append(rows, []string{fmt.Sprintf("µs, %d in a run", run.Rows), figure(run.Micros), figure(other.Micros), change(run.Micros, other.Micros)})
	}
	if r.Quality != nil {
		for _, p := range r.Quality.Pairs {
			rows = append(rows, []string{metricTitle(p.Metric), figure(p.A), figure(p.B), changed(p.Difference)})
		}
	}
	if err := table(w, fmt.Sprintf("WHAT %s %s CHANGE", r.A, r.B), rows); err != nil {
		return err
	}
	if err := printOutputAgreement(w, r.Outputs); err != nil {
		return err
	}
	if g.Rows+g.Undefined == 0 {
		fmt.Fprintln(w, "\nthe versions can't be compared by their scores: one of them has only outputs; name the one that is the score in its definition, with output: and column:")
		return nil
	}
	fmt.Fprintf(w, "\nscores differ by %.3g at most and %.3g in the mean; their ranks correlate by %.5f\n", g.MaxDifference, g.MeanDifference, g.RankCorrelation)
	fmt.Fprintf(w, "%.3g %% of the decisions at the threshold %g change\n", 100*g.Changed, threshold)
	if g.Undefined > 0 {
		fmt.Fprintf(w, "%d rows are left out because a model scored them NaN\n", g.Undefined)
	}
	if q := r.Quality; q != nil {
		fmt.Fprintf(w, "%d rows have a label, of which %d are true; changes have 95 %% intervals\n", q.Rows, q.Positives)
	}
	return nil
}

// printOutputAgreement prints how far apart the outputs are.
func printOutputAgreement(w io.Writer, outputs []replay.OutputAgreement) error {
	if len(outputs) == 0 {
		return nil
	}
	var rows [][]string
	for _, o := range outputs {
		rows = append(rows, []string{visible(o.Output), count(int64(o.Rows)), fmt.Sprintf("%.3g %%", 100*o.Changed), figure(o.MaxDifference)})
	}
	fmt.Fprintln(w)
	return table(w, "OUTPUT ROWS CHANGED MAX_DIFFERENCE", rows)
}

func scoredBy(m *replay.Compared) string {
	if m.Engine == "onnxruntime" {
		return m.Engine + "/" + m.Provider
	}
	return m.Engine
}

// changed returns by how much a metric changes, and where the truth may be.
func changed(d experiment.Interval) string {
	if math.IsNaN(d.Low) {
		return fmt.Sprintf("%+.4g", d.Value)
	}
	return fmt.Sprintf("%+.4g (%.3g to %.3g)", d.Value, d.Low, d.High)
}

func printComparisonJSON(w io.Writer, r *replay.Comparison) error {
	g := r.Agreement
	out := map[string]any{
		"rows": r.Rows, "models": []*replay.Compared{r.A, r.B},
		"agreement": map[string]any{
			"rows": g.Rows, "undefined": g.Undefined, "max_difference": defined(g.MaxDifference), "mean_difference": defined(g.MeanDifference),
			"rank_correlation": defined(g.RankCorrelation), "changed": defined(g.Changed),
		},
	}
	if len(r.Outputs) > 0 {
		out["outputs"] = r.Outputs
	}
	if q := r.Quality; q != nil {
		figures := map[string]any{"rows": q.Rows, "positives": q.Positives}
		for _, p := range q.Pairs {
			figures[p.Metric] = map[string]any{
				"values": []*float64{defined(p.A), defined(p.B)}, "difference": defined(p.Difference.Value),
				"interval": []*float64{defined(p.Difference.Low), defined(p.Difference.High)},
			}
		}
		out["quality"] = figures
	}
	return encodeJSON(w, out)
}

// defined returns what JSON has for a number: null for NaN and infinities.
func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
