package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"larder/internal/launch"
)

// A variation is scenarios on one store, which is filled and served once.
type variation struct {
	base Scenario
	more []func(*Scenario)
}

// variations are the scenarios of the suite: rows, features, models, keys, callers, with
// and without a cache. The models of one store are one.
func variations(duration time.Duration) []variation {
	base := DefaultScenario()
	base.Entities, base.Duration = 100_000, duration
	with := func(change func(*Scenario)) Scenario {
		s := base
		change(&s)
		return s
	}
	rows := func(n int) func(*Scenario) { return func(s *Scenario) { s.Rows = n } }
	inFlight := func(n int) func(*Scenario) { return func(s *Scenario) { s.Concurrency = n } }
	return []variation{
		{base, []func(*Scenario){
			rows(1), rows(10), rows(100), rows(1000), inFlight(8), inFlight(32),
			func(s *Scenario) { s.Rate, s.Concurrency = 1000, 32 },
			func(s *Scenario) { s.Keys = "zipf" },
		}},
		{with(func(s *Scenario) { s.Views = 1 }), []func(*Scenario){rows(1), rows(100)}},
		{with(func(s *Scenario) { s.Views = 25 }), []func(*Scenario){rows(1), rows(10), rows(100)}},
		{with(func(s *Scenario) { s.Trees = 500 }), []func(*Scenario){rows(1), rows(100)}},
		{with(func(s *Scenario) { s.Model = "mlp" }), []func(*Scenario){rows(1), rows(100)}},
		{with(func(s *Scenario) { s.Model = "none" }), []func(*Scenario){rows(1), rows(100)}},
		{with(func(s *Scenario) { s.Cold = true }), []func(*Scenario){rows(1), rows(100)}},
	}
}

// Scenarios measures one scenario after the other, for as long as duration each.
func Scenarios(ctx context.Context, duration time.Duration, opts Options) ([]*Report, error) {
	s := &suite{opts: opts}
	var reports []*Report
	for _, v := range variations(duration) {
		err := s.serve(ctx, v.base, func(server *served, echo *launch.Process) error {
			for _, change := range v.more {
				scenario := v.base
				change(&scenario)
				r, err := measure(ctx, scenario, s.quiet(), server, echo)
				if err != nil {
					return fmt.Errorf("%s: %w", scenario.flags(), err)
				}
				opts.Progress(fmt.Sprintf("%s: p50 %.0f µs, %.2f of the echo's", scenario.flags(), r.Larder.P50, r.Ratios.P50))
				reports = append(reports, r)
			}
			return nil
		})
		if err != nil {
			return reports, err
		}
	}
	return reports, nil
}

// PrintScenarios writes reports as a table, or as JSON.
func PrintScenarios(w io.Writer, reports []*Report, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(reports)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tP50 µs\tP99 µs\tOF ECHO\tP99 OF ECHO\tREQUESTS/S\tROWS/S")
	for _, r := range reports {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\n", r.Scenario.flags(), r.Larder.P50, r.Larder.P99, r.Ratios.P50, r.Ratios.P99, r.Larder.RequestsPerSecond, r.Larder.RowsPerSecond)
	}
	return t.Flush()
}
