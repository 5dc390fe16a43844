package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newMaterializeCommand() *cobra.Command {
	var from, to string
	var wait bool
	req := new(larderv1.MaterializeRequest)
	cmd := &cobra.Command{
		Use:   "materialize [VIEW...]",
		Short: "Move rows of feature views from Postgres to the online store",
		Long: `Have the server read the rows that became visible since each view's watermark
and keep the newest of every key. Without names, all views. The runs go on when
this command is interrupted; larder status shows them.`,
		Example: `  larder materialize
  larder materialize customer_spend --full
  larder materialize --to 2026-01-31T00:00:00Z
  larder materialize customer_spend --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z`,
	}
	f := cmd.Flags()
	f.BoolVar(&req.Full, "full", false, "from the beginning, whatever the watermark says")
	f.StringVar(&from, "from", "", "only rows with an event time from this time on (RFC 3339)")
	f.StringVar(&to, "to", "", "up to this time (RFC 3339); now when not given")
	f.BoolVar(&wait, "wait", true, "wait for the runs; with --wait=false their ids are printed at once")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.FeatureViews, req.NoWait = args, !wait
		var err error
		if req.From, err = parseMoment("--from", from); err != nil {
			return err
		}
		if req.To, err = parseMoment("--to", to); err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			last, err := followRuns(cmd.Context(), control, req, runProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if c.json {
				if err := printJSON(cmd.OutOrStdout(), last); err != nil {
					return err
				}
			} else {
				printRuns(cmd.OutOrStdout(), last.GetRuns())
			}
			return failedRuns(last.GetRuns())
		})
	}
	return cmd
}

func parseMoment(flag, text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, usageError(fmt.Sprintf("%s %q is no time; write it as 2026-01-31T10:00:00Z", flag, text))
	}
	micros := t.UnixMicro()
	return &micros, nil
}

// followRuns returns the last state of the runs.
func followRuns(ctx context.Context, control larderv1.ControlServiceClient, req *larderv1.MaterializeRequest, show func([]*larderv1.Run)) (*larderv1.MaterializeResponse, error) {
	stream, err := control.Materialize(ctx, req)
	if err != nil {
		return nil, err
	}
	last := new(larderv1.MaterializeResponse)
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			show(nil)
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		last = msg
		show(msg.GetRuns())
	}
}

// runProgress shows rows, rows per second and time left: on a terminal in one
// line, else every five seconds. Nil ends it.
func runProgress(w io.Writer) func([]*larderv1.Run) {
	const calm = 5 * time.Second
	live, began, shown := onTerminal(os.Stderr), time.Now(), time.Now()
	wrote := false
	return func(runs []*larderv1.Run) {
		if runs == nil {
			if live && wrote {
				fmt.Fprint(w, "\r\033[K")
			}
			return
		}
		var read, total int64
		for _, r := range runs {
			read, total = read+r.GetRowsRead(), total+max(r.GetRowsTotal(), r.GetRowsRead())
		}
		seconds := time.Since(began).Seconds()
		if seconds < 1 || !live && time.Since(shown) < calm {
			return
		}
		shown, wrote = time.Now(), true
		rate := float64(read) / seconds
		line := fmt.Sprintf("%d rows, %.0f per second", read, rate)
		if total > read && rate > 0 {
			line = fmt.Sprintf("%d of about %d rows, %.0f per second, %s left", read, total, rate, time.Duration(float64(total-read)/rate*float64(time.Second)).Round(time.Second))
		}
		if live {
			fmt.Fprintf(w, "\r\033[K%s", line)
			return
		}
		fmt.Fprintln(w, line)
	}
}

func printRuns(w io.Writer, runs []*larderv1.Run) {
	var rows [][]string
	for _, r := range runs {
		rows = append(rows, []string{
			r.GetFeatureView(), r.GetId(), runState(r), r.GetMode(), fmt.Sprint(r.GetRowsRead()), fmt.Sprint(r.GetRowsWritten()),
			fmt.Sprint(r.GetRowsSuperseded()), fmt.Sprint(r.GetRowsBad()), runTook(r), runRate(r),
		})
	}
	_ = table(w, "VIEW RUN STATE MODE READ WRITTEN OLDER BAD TOOK ROWS/S", rows)
	for _, r := range runs {
		for _, b := range r.GetBad() {
			fmt.Fprintf(w, "%s: %d bad rows, %s", r.GetFeatureView(), b.GetCount(), b.GetReason())
			for _, sample := range b.GetSamples() {
				fmt.Fprintf(w, "\n    %s", sample)
			}
			fmt.Fprintln(w)
		}
	}
}

func runTook(r *larderv1.Run) string {
	if r.GetStartedAt() == 0 || r.GetEndedAt() == 0 {
		return "-"
	}
	return span(r.GetEndedAt() - r.GetStartedAt())
}

func runRate(r *larderv1.Run) string {
	if r.GetEndedAt() <= r.GetStartedAt() {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(r.GetRowsRead())/(time.Duration(r.GetEndedAt()-r.GetStartedAt())*time.Microsecond).Seconds())
}

func runState(r *larderv1.Run) string {
	names := map[larderv1.Run_State]string{
		larderv1.Run_STATE_QUEUED: "queued", larderv1.Run_STATE_RUNNING: "running", larderv1.Run_STATE_SUCCEEDED: "succeeded",
		larderv1.Run_STATE_FAILED: "failed", larderv1.Run_STATE_CANCELLED: "cancelled",
	}
	return names[r.GetState()]
}

// failedRuns makes one error of the runs that did not succeed.
func failedRuns(runs []*larderv1.Run) error {
	var errs []error
	for _, r := range runs {
		if s := r.GetState(); s == larderv1.Run_STATE_FAILED || s == larderv1.Run_STATE_CANCELLED {
			errs = append(errs, fmt.Errorf("%s %s: %s", r.GetFeatureView(), runState(r), r.GetError()))
		}
	}
	return errors.Join(errs...)
}
