package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema"
)

func newMaterializeCommand() *cobra.Command {
	var from, to, cancel string
	var wait bool
	req := new(larderv1.MaterializeRequest)
	cmd := &cobra.Command{
		Use:   "materialize [VIEW...]",
		Short: "Move rows of feature views from Postgres to the online store",
		Long: `Have the server read the rows that became visible since each view's watermark
and keep the newest of every key, for the named views or for all. The runs go on
when this command is interrupted; larder status shows them, and --cancel ends one.`,
		Example: `  larder materialize
  larder materialize customer_spend --full
  larder materialize --to 2026-01-31T00:00:00Z
  larder materialize customer_spend --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z
  larder materialize --cancel qbsd252uxfarvite`,
	}
	f := cmd.Flags()
	f.BoolVar(&req.Full, "full", false, "read from the beginning, not from the watermark")
	f.StringVar(&from, "from", "", "read only rows with an event time from this time on (RFC 3339)")
	f.StringVar(&to, "to", "", "read up to this time (RFC 3339); defaults to now")
	f.BoolVar(&wait, "wait", true, "wait for the runs to end; --wait=false only starts them and prints their ids")
	f.StringVar(&cancel, "cancel", "", "end the run with this id instead; rows that it has written stay")
	for _, other := range []string{"full", "from", "to", "wait"} {
		cmd.MarkFlagsMutuallyExclusive("cancel", other)
	}
	cmd.MarkFlagsMutuallyExclusive("from", "full")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cancel != "" {
			return cancelRun(cmd, c, args, cancel)
		}
		req.FeatureViews, req.NoWait = args, !wait
		var err error
		if req.From, err = parseMoment("--from", from); err != nil {
			return err
		}
		if req.To, err = parseMoment("--to", to); err != nil {
			return err
		}
		return c.with(func(server *larder.Client) error {
			p := showProgress(cmd, "materializing", "rows")
			runs, err := server.Materialize(cmd.Context(), req, func(runs []*larderv1.Run) { showRuns(p, runs) })
			p.end()
			if cmd.Context().Err() != nil {
				return errors.New("interrupted; the runs go on in the server: larder status shows them")
			}
			if err != nil {
				return err
			}
			if c.json {
				if err := printJSON(cmd.OutOrStdout(), &larderv1.MaterializeResponse{Runs: runs}); err != nil {
					return err
				}
			} else {
				printMaterialized(cmd, server.Control, runs)
			}
			return failedRuns(runs)
		})
	}
	return cmd
}

// printMaterialized prints runs, but those that had nothing to do in words.
func printMaterialized(cmd *cobra.Command, control larderv1.ControlServiceClient, runs []*larderv1.Run) {
	out := cmd.OutOrStdout()
	var idle, others []*larderv1.Run
	for _, r := range runs {
		if r.GetState() == larderv1.Run_STATE_SUCCEEDED && r.GetMode() == string(schema.Incremental) && r.GetRowsRead() == 0 && len(r.GetWarnings()) == 0 {
			idle = append(idle, r)
		} else {
			others = append(others, r)
		}
	}
	if len(others) > 0 {
		printRuns(out, others)
	}
	if len(idle) == 0 {
		return
	}
	stored := map[string]int64{}
	if status, err := control.GetStatus(cmd.Context(), &larderv1.GetStatusRequest{}); err == nil { // else without the rows
		for _, v := range status.GetViews() {
			stored[v.GetFeatureView()] = v.GetRows()
		}
	}
	for _, r := range idle {
		fmt.Fprintln(out, upToDate(r, stored, time.Now()))
	}
}

// upToDate says that a run found no rows that weren't stored before.
func upToDate(r *larderv1.Run, stored map[string]int64, now time.Time) string {
	rows, known := stored[r.GetFeatureView()]
	at := clock(r.GetTo(), now)
	switch {
	case !known:
		return fmt.Sprintf("%s: up to date (at %s)", r.GetFeatureView(), at)
	case rows == 0:
		return fmt.Sprintf("%s: its source has no rows up to %s, so nothing was read", r.GetFeatureView(), at)
	}
	return fmt.Sprintf("%s: up to date (%s at %s)", r.GetFeatureView(), counted(rows, "row"), at)
}

func cancelRun(cmd *cobra.Command, c *client, views []string, id string) error {
	if len(views) > 0 {
		return usageError("--cancel takes the id of a run; leave out the feature views")
	}
	return c.control(func(control larderv1.ControlServiceClient) error {
		answer, err := control.CancelRun(cmd.Context(), &larderv1.CancelRunRequest{Id: id})
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd.OutOrStdout(), answer)
		}
		printRuns(cmd.OutOrStdout(), []*larderv1.Run{answer.GetRun()})
		return nil
	})
}

func parseMoment(flag, text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, usageError(fmt.Sprintf("%s %q is not a time; write it as 2026-01-31T10:00:00Z", flag, text))
	}
	micros := t.UnixMicro()
	return &micros, nil
}
