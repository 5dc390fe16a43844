package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/models/experiment"
	"larder/schema"
)

func newExperimentCommand() *cobra.Command {
	req := new(larderv1.GetExperimentRequest)
	var since, until string
	var threshold float64
	cmd := &cobra.Command{
		Use:   "experiment MODEL",
		Short: "Compare versions of a model by the outcomes of their scores",
		Long: `Have the server join the model's feature log to its labels and compare the versions
that share the traffic, and shadows on the rows that the control answered. Look as
often as you like: at most --alpha of all experiments show a difference that doesn't
exist. Without --since, only requests since the last traffic change count.

Metrics: auc, log_loss, brier, calibration, accuracy, precision, recall, and mean: with
the name of a value of the labels. The exit code is 1 when versions don't have their
shares of the traffic: then the comparison means nothing. It is 1 too when a file of
the feature log is damaged: then the report leaves its missing rows out.`,
		Example: `  larder experiment fraud
  larder experiment fraud --metric recall --threshold 0.3
  larder experiment fraud --metric mean:loss --since 2026-11-01T00:00:00Z --json`,
		Args: wrongArgs(cobra.ExactArgs(1)),
	}
	f := cmd.Flags()
	f.StringVar(&req.Metric, "metric", "auc", "metric to compare versions by")
	f.Float64Var(&threshold, "threshold", 0, "scores at or above this count as positive; defaults to the threshold of the labels")
	f.Int64Var(&req.Control, "control", 0, "version to compare the others with; defaults to the first of the traffic split or the version that serves")
	f.StringVar(&since, "since", "", "count requests from this time on (RFC 3339)")
	f.StringVar(&until, "until", "", "count requests up to this time (RFC 3339); defaults to now")
	f.Float64Var(&req.Alpha, "alpha", 0.05, "share of experiments without a difference that may still show one")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Model = args[0]
		if cmd.Flags().Changed("threshold") {
			req.Threshold = &threshold
		}
		var err error
		if req.Since, err = parseMoment("--since", since); err != nil {
			return err
		}
		if req.Until, err = parseMoment("--until", until); err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			report, err := followExperiment(cmd.Context(), control, req, showProgress(cmd, "reading", "rows"))
			if err != nil {
				return err
			}
			if c.json {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = printExperiment(cmd.OutOrStdout(), report)
			}
			if err == nil && report.GetSampleRatio().GetMismatch() {
				err = errors.New("the versions don't have their shares of the traffic; look for requests to one of them that fail, time out or aren't logged")
			}
			return errors.Join(err, missingRows(report))
		})
	}
	return cmd
}

// missingRows is an error when the report leaves rows of damaged files out.
func missingRows(r *larderv1.ExperimentReport) error {
	if len(r.GetMissing()) == 0 {
		return nil
	}
	return fmt.Errorf("files of the server's feature log can't be read to their end, and the report is of the other rows; restore them from a backup or move them away:\n  %s", strings.Join(r.GetMissing(), "\n  "))
}

// followExperiment shows how far the server is, and returns what it found.
func followExperiment(ctx context.Context, control larderv1.ControlServiceClient, req *larderv1.GetExperimentRequest, p *progress) (*larderv1.ExperimentReport, error) {
	defer p.end()
	stream, err := control.GetExperiment(ctx, req)
	if err != nil {
		return nil, err
	}
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the server ended without a report")
		}
		if err != nil {
			return nil, err
		}
		if msg.GetReport() != nil {
			return msg.GetReport(), nil
		}
		p.set(msg.GetRows()+msg.GetLabels(), 0)
	}
}

func printExperiment(w io.Writer, r *larderv1.ExperimentReport) error {
	metric := metricTitle(r.GetMetric())
	fmt.Fprintf(w, "model %s by %s, requests from %s to %s\n\n", r.GetModel(), metric, beginning(r.GetSince()), moment(r.GetUntil()))
	var rows [][]string
	for _, v := range r.GetVersions() {
		rows = append(rows, []string{
			fmt.Sprint(v.GetModelVersion()), v.GetRole(), weightText(v.GetWeight()), count(v.GetRows()), count(v.GetUnits()), labelled(v), count(v.GetPositives()),
			estimate(v.GetFigure(), "%.4g"), estimate(v.GetDifference(), "%+.3g"),
		})
	}
	if err := table(w, "VERSION ROLE WEIGHT ROWS UNITS LABELLED TRUE FIGURE DIFFERENCE", rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\na unit is one %s; %s labels were read, %s of them match no logged row\n", r.GetUnit(), count(r.GetLabels()), count(r.GetLabelsUnknown()))
	if ratio := r.GetSampleRatio(); ratio != nil {
		word := "as expected"
		if ratio.GetMismatch() {
			word = "NOT as expected"
		}
		fmt.Fprintf(w, "shares of the units: %s (chi-squared %.3g, p = %.3g)\n", word, ratio.GetChiSquared(), ratio.GetPValue())
	}
	for _, note := range r.GetNotes() {
		fmt.Fprintln(w, note)
	}
	for _, v := range r.GetVersions() {
		if v.GetUndefined() > 0 {
			fmt.Fprintf(w, "version %d scored %d rows NaN; no figure includes them\n", v.GetModelVersion(), v.GetUndefined())
		}
		if v.GetVerdict() != "" {
			fmt.Fprintf(w, "\n%s\n", v.GetVerdict())
		}
	}
	return nil
}

func beginning(micros int64) string {
	if micros == schema.BeginningOfTime {
		return "the first"
	}
	return moment(micros)
}

func weightText(weight float64) string {
	if weight == 0 {
		return "-"
	}
	return strconv.FormatFloat(weight, 'g', -1, 64) + " %"
}

func labelled(v *larderv1.ExperimentVersion) string {
	if v.GetRows() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(v.GetLabelled())/float64(v.GetRows()))
}

func estimate(e *larderv1.Estimate, format string) string {
	switch {
	case e == nil:
		return "-"
	case e.Low == nil:
		return fmt.Sprintf(format, e.GetValue())
	}
	return fmt.Sprintf(format+" ("+format+" to "+format+")", e.GetValue(), e.GetLow(), e.GetHigh())
}

// metricTitle returns a metric's name as a person writes it.
func metricTitle(metric string) string {
	switch metric {
	case experiment.AUC:
		return "AUC"
	case experiment.LogLoss:
		return "log loss"
	case experiment.Brier:
		return "Brier"
	}
	return metric
}
