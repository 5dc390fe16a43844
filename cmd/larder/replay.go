package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
	"larder/schema"
)

func newReplayCommand() *cobra.Command {
	var logged loggedFlags
	cmd := &cobra.Command{
		Use:   "replay [--log DIR | --table]",
		Short: "Score logged vectors again and expect the same bits",
		Long: `Have the server score the vectors of a feature log again, each request as it was,
with the definitions that served it, and compare the scores bit for bit. The exit
code is 1 when a score differs: then ONNX Runtime or the machine has changed. It is 1 too when a file of
the log is damaged, or a version is gone with its definitions or its model file. All other rows are compared.

Without --log and --table, the server reads its own log: its folder or, when it has
none, its table.`,
		Example: `  larder replay
  larder replay --log /var/lib/larder/log --model fraud
  larder replay --table`,
		Args: wrongArgs(cobra.NoArgs),
	}
	logged.bind(cmd)
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.with(func(server *larder.Client) (err error) {
			if !logged.given() {
				bar := showProgress(cmd, "replaying", "rows")
				report, found, err := replayThere(cmd.Context(), server.Control, logged.model, bar)
				bar.end()
				if err != nil {
					return err
				}
				return errors.Join(printReplay(cmd.OutOrStdout(), report), found)
			}
			files, done, err := logged.files(cmd.Context(), server)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			bar := showProgress(cmd, "replaying", "rows")
			report, err := replay.Run(cmd.Context(), scoreBy(server), files, func(rows int64) error {
				bar.set(rows, 0)
				return nil
			})
			bar.end()
			if err != nil {
				return err
			}
			print := printReplay
			if c.json {
				print = printReplayJSON
			}
			return errors.Join(print(cmd.OutOrStdout(), report), report.Err(), featurelog.Damaged(report.Damaged), replay.LeftOut(report.Gone))
		})
	}
	return cmd
}

// scoreBy returns the function by which a server scores vectors.
func scoreBy(server *larder.Client) replay.Score {
	return func(ctx context.Context, req *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error) {
		answer, err := server.Control.ScoreVectors(ctx, req)
		return answer, replay.Missing(err, schema.Reason(larder.Reason(err)), status.Convert(err).Message())
	}
}

func printReplay(w io.Writer, r *replay.Report) error {
	var rows, differences [][]string
	for _, c := range r.Counts {
		rows = append(rows, []string{c.Model, fmt.Sprint(c.Version), count(c.Equal + c.Different), count(c.Equal), count(c.Different)})
	}
	for _, d := range r.Differences {
		logged, now := fmt.Sprint(d.Logged), fmt.Sprint(d.Now)
		if d.Output != "" {
			logged, now = d.Output+"="+visible(d.LoggedText), d.Output+"="+visible(d.NowText)
		}
		differences = append(differences, []string{d.File, d.Row.RequestID, fmt.Sprint(d.Row.Row), logged, now})
	}
	err := table(w, "MODEL VERSION ROWS EQUAL DIFFERENT", rows)
	if err == nil && len(differences) > 0 {
		fmt.Fprintln(w)
		err = table(w, "FILE REQUEST ROW LOGGED NOW", differences)
	}
	return err
}

func printReplayJSON(w io.Writer, r *replay.Report) error {
	type version struct {
		Model     string `json:"model"`
		Version   int64  `json:"version"`
		Equal     int64  `json:"equal"`
		Different int64  `json:"different"`
	}
	type difference struct {
		File      string   `json:"file"`
		RequestID string   `json:"request_id"`
		Row       int32    `json:"row"`
		Logged    *float64 `json:"logged"` // null for NaN and infinities
		Now       *float64 `json:"now"`

		Output       string `json:"output,omitempty"` // the one that differs where the score doesn't
		LoggedOutput string `json:"logged_output,omitempty"`
		NowOutput    string `json:"now_output,omitempty"`
	}
	versions, differences := []version{}, []difference{}
	for _, c := range r.Counts {
		versions = append(versions, version(c))
	}
	for _, d := range r.Differences {
		differences = append(differences, difference{d.File, d.Row.RequestID, d.Row.Row, defined(d.Logged), defined(d.Now), d.Output, d.LoggedText, d.NowText})
	}
	type gone struct {
		Model          string `json:"model"`
		Version        int64  `json:"version"`
		CatalogVersion int64  `json:"catalog_version"`
		Rows           int64  `json:"rows"`
		Cause          string `json:"cause"`
	}
	left := []gone{}
	for _, g := range r.Gone {
		left = append(left, gone(g))
	}
	return encodeJSON(w, map[string]any{"versions": versions, "differences": differences, "gone": left})
}
