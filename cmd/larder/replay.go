package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
)

func newReplayCommand() *cobra.Command {
	var dir, model string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Score logged vectors again and expect the same bits",
		Long: `Have the server score the vectors of a feature log again, each request as it was,
and compare the scores bit for bit. The exit code is 1 when a score differs: then
the model file, ONNX Runtime or the machine has changed. It is 1 too when a file of
the log is damaged; the rows before the damage and the other files are compared.`,
		Example: `  larder replay --log /var/lib/larder/log
  larder replay --log /var/lib/larder/log --model fraud`,
		Args: wrongArgs(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&dir, "log", "", "folder of the feature log")
	cmd.Flags().StringVar(&model, "model", "", "only this model's requests")
	if err := cmd.MarkFlagRequired("log"); err != nil {
		panic(err) // it was declared above
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			files, err := flushedFiles(cmd.Context(), control, dir, model)
			if err != nil {
				return err
			}
			bar := newProgress(cmd.ErrOrStderr(), onTerminal(os.Stderr), "replaying", "rows")
			report, err := replay.Run(cmd.Context(), control, files, func(rows int64) { bar.set(rows, 0) })
			bar.end()
			if err != nil {
				return err
			}
			return errors.Join(printReplay(cmd.OutOrStdout(), report), report.Err(), featurelog.Damaged(report.Damaged))
		})
	}
	return cmd
}

// flushedFiles returns the files of a log after the server has finished those that
// it writes, in case the folder is the server's own.
func flushedFiles(ctx context.Context, control larderv1.ControlServiceClient, dir, model string) ([]string, error) {
	if _, err := control.FlushFeatureLog(ctx, &larderv1.FlushFeatureLogRequest{}); err != nil {
		return nil, err
	}
	return featurelog.Files(dir, model)
}

func printReplay(w io.Writer, r *replay.Report) error {
	var rows, differences [][]string
	for _, c := range r.Counts {
		rows = append(rows, []string{c.Model, fmt.Sprint(c.Version), fmt.Sprint(c.Equal + c.Different), fmt.Sprint(c.Equal), fmt.Sprint(c.Different)})
	}
	for _, d := range r.Differences {
		differences = append(differences, []string{d.File, d.Row.RequestID, fmt.Sprint(d.Row.Row), fmt.Sprint(d.Logged), fmt.Sprint(d.Now)})
	}
	err := table(w, "MODEL VERSION ROWS EQUAL DIFFERENT", rows)
	if err == nil && len(differences) > 0 {
		fmt.Fprintln(w)
		err = table(w, "FILE REQUEST ROW LOGGED NOW", differences)
	}
	return err
}
