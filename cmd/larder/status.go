package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [RUN]",
		Short: "Show the state of the server and its views, or of one run",
		Long: `List the feature views: how many rows they have, up to what time the source was
read, how fresh the rows are, and the last run with its error. With the id of a
run, show that run, what was wrong with the rows that it skipped, and what it saw
of all that its view expects.

The exit code is 1 when something needs a person: Postgres doesn't answer, the newest
definitions can't be served, or the last run of a view failed.`,
		Example: `  larder status
  larder status qqloncb2v3vmih4i --json`,
		Args: wrongArgs(cobra.MaximumNArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			out := cmd.OutOrStdout()
			if len(args) == 1 {
				answer, err := control.GetRun(cmd.Context(), &larderv1.GetRunRequest{Id: args[0]})
				if err != nil {
					return err
				}
				runs := []*larderv1.Run{answer.GetRun()}
				if c.json {
					err = printJSON(out, answer)
				} else {
					printRuns(out, runs)
					err = printExpectations(out, answer.GetRun())
				}
				return errors.Join(err, failedRuns(runs))
			}
			answer, err := control.GetStatus(cmd.Context(), &larderv1.GetStatusRequest{})
			if err != nil {
				return err
			}
			if c.json {
				err = printJSON(out, answer)
			} else {
				err = printStatus(out, answer)
			}
			return errors.Join(err, needsAPerson(answer))
		})
	}
	return cmd
}

func printStatus(w io.Writer, s *larderv1.GetStatusResponse) error {
	if s.GetStartedAt() == 0 { // it tells no more to this caller
		fmt.Fprintf(w, "server %s, larder %s\ndefinitions version %d\n", s.GetServer(), s.GetServerVersion(), s.GetCatalogVersion())
	} else {
		fmt.Fprintf(w, "server %s, larder %s, up since %s\n", s.GetServer(), s.GetServerVersion(), moment(s.GetStartedAt()))
		fmt.Fprintf(w, "definitions version %d; %s holds %.1f MiB\n", s.GetCatalogVersion(), s.GetDataDir(), float64(s.GetDataBytes())/(1<<20))
	}
	if s.GetCatalogError() != "" {
		fmt.Fprintf(w, "version %d is not served: %s\n", s.GetRegistryVersion(), s.GetCatalogError())
	}
	if s.GetPostgresError() != "" {
		fmt.Fprintln(w, s.GetPostgresError()+asOf(s.GetPostgresAnsweredAt(), time.Now()))
	}
	for _, awaited := range s.GetAwaited() {
		fmt.Fprintf(w, "not ready yet: %s\n", awaited)
	}
	switch ahead := s.GetClockAhead(); {
	case ahead > 0:
		fmt.Fprintf(w, "the clock of this server is %s ahead of Postgres's; set the clocks by NTP\n", span(ahead))
	case ahead < 0:
		fmt.Fprintf(w, "the clock of this server is %s behind Postgres's; set the clocks by NTP\n", span(-ahead))
	}
	printBuilding(w, s.GetBuilding())
	switch {
	case len(s.GetViews()) > 0:
	case s.GetStartedAt() == 0:
		fmt.Fprintln(w, "there are no feature views that you may observe")
		return nil
	default:
		fmt.Fprintln(w, "no feature views yet; add some with larder apply DIR")
		return nil
	}
	fmt.Fprintln(w)
	var rows [][]string
	now := time.Now()
	for _, v := range s.GetViews() {
		rows = append(rows, []string{v.GetFeatureView(), count(v.GetRows()), clock(v.GetWatermark(), now), freshness(v), schedule(v), lastRun(w, v, now)})
	}
	if err := table(w, "VIEW ROWS WATERMARK FRESHNESS SCHEDULE LAST_RUN", rows); err != nil {
		return err
	}
	for _, v := range s.GetViews() {
		if text := v.GetLastRun().GetError(); text != "" {
			fmt.Fprintf(w, "\n%s: %s\n", v.GetFeatureView(), text)
		}
		for _, warning := range v.GetLastRun().GetWarnings() {
			fmt.Fprintf(w, "\n%s: %s\n", v.GetFeatureView(), warning)
		}
	}
	return nil
}

func freshness(v *larderv1.ViewStatus) string {
	switch f := v.GetFreshness(); {
	case v.GetWatermark() == 0:
		return "-"
	case f < 0:
		return span(-f) + " ahead"
	default:
		return span(f)
	}
}

func schedule(v *larderv1.ViewStatus) string {
	if v.GetSchedule() == 0 {
		return "-"
	}
	return span(v.GetSchedule())
}

// lastRun says how the newest run of a view ended, and how long ago.
func lastRun(w io.Writer, v *larderv1.ViewStatus, now time.Time) string {
	run := v.GetLastRun()
	if run == nil {
		return "-"
	}
	state := runState(run)
	if run.GetEndedAt() != 0 {
		state += " " + ago(now.UnixMicro()-run.GetEndedAt())
	}
	return paintState(w, state)
}

// needsAPerson is an error when something will not get well, or not soon, by itself.
func needsAPerson(s *larderv1.GetStatusResponse) error {
	var faults []string
	if s.GetPostgresError() != "" {
		faults = append(faults, "Postgres doesn't answer")
	}
	if s.GetCatalogError() != "" {
		faults = append(faults, fmt.Sprintf("version %d of the definitions is not served", s.GetRegistryVersion()))
	}
	var failed []string
	for _, v := range s.GetViews() {
		if v.GetLastRun().GetState() == larderv1.Run_STATE_FAILED {
			failed = append(failed, v.GetFeatureView())
		}
	}
	if len(failed) > 0 {
		runs := "run"
		if len(failed) > 1 {
			runs = "runs"
		}
		faults = append(faults, fmt.Sprintf("the last %s of %s failed", runs, strings.Join(failed, ", ")))
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// asOf says how old the state of the registry is while Postgres doesn't answer.
func asOf(answeredAt int64, now time.Time) string {
	if answeredAt == 0 {
		return "; it has not answered since the start"
	}
	return fmt.Sprintf("; versions and runs are as of %s ago", now.Sub(time.UnixMicro(answeredAt)).Round(time.Second))
}

// printBuilding shows how far the views are that the next version waits for.
func printBuilding(w io.Writer, b *larderv1.Building) {
	if b == nil {
		return
	}
	fmt.Fprintf(w, "version %d is being built since %s, and is served when these views are filled, at the latest at %s:\n", b.GetVersion(), moment(b.GetSince()), moment(b.GetUntil()))
	for _, v := range b.GetViews() {
		run := v.GetRun()
		switch {
		case run == nil:
			fmt.Fprintf(w, "    %s: waiting\n", v.GetFeatureView())
		case run.GetError() != "":
			fmt.Fprintf(w, "    %s: %s: %s\n", v.GetFeatureView(), runState(run), run.GetError())
		case run.GetRowsTotal() > 0:
			fmt.Fprintf(w, "    %s: %s, %s of about %s rows read\n", v.GetFeatureView(), runState(run), count(run.GetRowsRead()), count(max(run.GetRowsTotal(), run.GetRowsRead())))
		default:
			fmt.Fprintf(w, "    %s: %s, %s rows read\n", v.GetFeatureView(), runState(run), count(run.GetRowsRead()))
		}
	}
}
