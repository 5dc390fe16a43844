package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"larder/bench"
)

// A report is what one run measured, and of whom.
type report struct {
	Scenario  bench.Scenario   `json:"scenario"`
	Deadline  string           `json:"deadline"`
	Peers     []config         `json:"peers"`
	Standings []bench.Standing `json:"standings"`
}

type config struct {
	Name   string   `json:"name"`
	Config []string `json:"config"`
}

func (r *report) print(w io.Writer) error {
	s := r.Scenario
	fmt.Fprintf(w, "%d features of %d views, %d entities, a model of %d trees; %s each, in turns; success: answered within %s\n\n",
		s.Views*s.Features, s.Views, s.Entities, s.Trees, s.Duration, r.Deadline)
	for _, p := range r.Peers {
		fmt.Fprintln(w, p.Name)
		for _, line := range p.Config {
			fmt.Fprintln(w, "  "+line)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, standing := range r.Standings {
		rows := fmt.Sprint(standing.Rows, " rows")
		if standing.Rows == 1 {
			rows = "1 row"
		}
		fmt.Fprintf(t, "\n%s, %d in flight\tp50 µs\t× Larder\tp99 µs\t× Larder\trequests/s\t× Larder\tsuccess\t\n", rows, standing.InFlight)
		larder := standing.Entries[0]
		for _, e := range standing.Entries {
			fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f %%\t\n", e.Name, e.P50, e.P50/larder.P50, e.P99, e.P99/larder.P99,
				e.RequestsPerSecond, e.RequestsPerSecond/larder.RequestsPerSecond, 100*e.Success)
			if e.Error != "" {
				fmt.Fprintf(t, "%s failed\t%s\t\n", e.Name, e.Error)
			}
		}
	}
	return t.Flush()
}
