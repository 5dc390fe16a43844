package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newDriftCommand() *cobra.Command {
	req := new(larderv1.GetDriftRequest)
	var since, until string
	cmd := &cobra.Command{
		Use:   "drift MODEL",
		Short: "Compare what a model is fed with what it was trained on",
		Long: `Compare the features and scores of a model, as all servers counted them while they
served, with the training set that its version names or, without one, with the first
1,000 rows that the version was fed. What drifts comes first, the most important first:
IMPORTANCE is the share of rows that changed by more than chance explains. A column
drifts when two of three windows of 1,000 rows or more differ that much.

PSI is the population stability index, KS the largest difference of the two distribution
functions, W1 the Wasserstein distance in standard deviations of the reference, UNSEEN the
share of rows outside of what the reference has, and MISSING that without a value, before
and now. docs/monitoring.md says what each measures. The exit code is 1 when something drifts.`,
		Example: `  larder drift fraud
  larder drift fraud --version 3 --since 2026-11-01T00:00:00Z
  larder drift fraud --json`,
		Args: wrongArgs(cobra.ExactArgs(1)),
	}
	f := cmd.Flags()
	f.Int64Var(&req.ModelVersion, "version", 0, "version of the model; defaults to the one that serves")
	f.StringVar(&since, "since", "", "count rows from this time on (RFC 3339); defaults to a day before --until")
	f.StringVar(&until, "until", "", "count rows up to this time (RFC 3339); defaults to now")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Model = args[0]
		var err error
		if req.Since, err = parseMoment("--since", since); err != nil {
			return err
		}
		if req.Until, err = parseMoment("--until", until); err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.GetDrift(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				err = printJSON(cmd.OutOrStdout(), answer)
			} else {
				err = printDrift(cmd.OutOrStdout(), answer)
			}
			switch n := drifting(answer); {
			case err != nil || n == 0:
			case n == 1:
				err = fmt.Errorf("model %s: 1 column drifts", answer.GetModel())
			default:
				err = fmt.Errorf("model %s: %d columns drift", answer.GetModel(), n)
			}
			return err
		})
	}
	return cmd
}

func drifting(answer *larderv1.GetDriftResponse) (n int) {
	for _, column := range answer.GetColumns() {
		if column.GetDrifts() {
			n++
		}
	}
	return n
}

func printDrift(w io.Writer, answer *larderv1.GetDriftResponse) error {
	fmt.Fprintf(w, "model %s version %d, windows that begin from %s to %s\n", answer.GetModel(), answer.GetModelVersion(), moment(answer.GetSince()), moment(answer.GetUntil()))
	if answer.GetMissing() != "" {
		fmt.Fprintln(w, answer.GetMissing())
		return nil
	}
	reference := "the first rows that it was fed"
	if answer.GetDataset() != "" {
		reference = "training set " + answer.GetDataset()
	}
	fmt.Fprintf(w, "%d rows in %s, compared with the %d of %s\n\n", answer.GetRows(), counted(int(answer.GetWindows()), "window"), answer.GetReferenceRows(), reference)
	var rows [][]string
	for _, c := range answer.GetColumns() {
		state, importance := "-", "-"
		if c.GetDrifts() {
			state, importance = "drifts", fmt.Sprintf("%.2f", c.GetImportance())
		}
		ks, w1 := "-", "-"
		if c.GetKind() == "numbers" {
			ks, w1 = fmt.Sprintf("%.3f", c.GetKolmogorovSmirnov()), fmt.Sprintf("%.2f", c.GetWasserstein())
		}
		rows = append(rows, []string{
			c.GetName(), state, importance, fmt.Sprintf("%.3f", c.GetPsi()), ks, w1, percentText(c.GetUnseen()),
			percentText(c.GetReferenceMissing()) + " → " + percentText(c.GetMissing()),
		})
	}
	if err := table(w, "COLUMN STATE IMPORTANCE PSI KS W1 UNSEEN MISSING", rows); err != nil {
		return err
	}
	for _, c := range answer.GetColumns() {
		if c.GetDrifts() {
			fmt.Fprintf(w, "\n%s since %s: %s", c.GetName(), moment(c.GetDriftsSince()), c.GetChange())
		}
	}
	if drifting(answer) > 0 {
		fmt.Fprintln(w)
	}
	return nil
}

func percentText(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }
