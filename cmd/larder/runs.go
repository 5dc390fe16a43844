package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
)

// showRuns shows how far runs are, all together.
func showRuns(p *progress, runs []*larderv1.Run) { p.set(runsProgress(runs)) }

// runsProgress returns the rows that were read and the estimate of all: 0 when a run that
// goes on has none yet, and less than read when one has read more than its own.
func runsProgress(runs []*larderv1.Run) (read, total int64) {
	known, beyond := true, false
	for _, r := range runs {
		read += r.GetRowsRead()
		switch {
		case r.GetEndedAt() != 0:
			total += r.GetRowsRead()
			continue
		case r.GetRowsTotal() == 0:
			known = false
		case r.GetRowsRead() > r.GetRowsTotal():
			beyond = true
		}
		total += r.GetRowsTotal()
	}
	switch {
	case !known:
		return read, 0
	case beyond:
		return read, min(total, read-1)
	}
	return read, total
}

func printRuns(w io.Writer, runs []*larderv1.Run) {
	var rows [][]string
	for _, r := range runs {
		id := r.GetId()
		if r.GetState() == larderv1.Run_STATE_SUCCEEDED && r.GetRowsBad() == 0 {
			id = "-" // nobody needs it any more
		}
		rows = append(rows, []string{
			r.GetFeatureView(), id, paintState(w, runState(r)), count(r.GetRowsRead()), count(r.GetRowsWritten()),
			count(r.GetRowsSuperseded()), count(r.GetRowsBad()), runTook(r), runRate(r),
		})
	}
	header, rows := withoutEmpty("VIEW RUN STATE READ WRITTEN OLDER BAD TOOK ROWS/S", rows, "RUN", "OLDER", "BAD")
	_ = table(w, header, rows)
	for _, r := range runs {
		printBad(w, r)
	}
}

// printBad says what was wrong with rows that a run skipped, and what is suspicious.
func printBad(w io.Writer, r *larderv1.Run) {
	for _, b := range r.GetBad() {
		fmt.Fprintf(w, "%s: %s, %s", r.GetFeatureView(), counted(b.GetCount(), "bad row"), b.GetReason())
		for _, sample := range b.GetSamples() {
			fmt.Fprintf(w, "\n    %s", sample)
		}
		fmt.Fprintln(w)
	}
	for _, warning := range r.GetWarnings() {
		fmt.Fprintf(w, "%s: %s\n", r.GetFeatureView(), warning)
	}
}

// printExpectations says what a run saw of all that its view expects.
func printExpectations(w io.Writer, r *larderv1.Run) error {
	var rows [][]string
	for _, e := range r.GetExpectations() {
		met := paint(w, green, "yes")
		if e.GetFailed() {
			met = paint(w, red, "no")
		}
		rows = append(rows, []string{met, e.GetText()})
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return table(w, "MET EXPECTATION", rows)
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
	took := time.Duration(r.GetEndedAt()-r.GetStartedAt()) * time.Microsecond
	return count(int64(float64(r.GetRowsRead()) / took.Seconds()))
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

// paintState colours the state of a run, a version or a view by its first word.
func paintState(w io.Writer, state string) string {
	word, _, _ := strings.Cut(state, " ")
	switch word {
	case "succeeded", "serves":
		return paint(w, green, state)
	case "failed", "quarantined", "not": // not loaded
		return paint(w, red, state)
	case "queued", "running", "cancelled", "no": // no version yet
		return paint(w, yellow, state)
	}
	return state
}
