package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A Report is what one run measured.
type Report struct {
	Scenario      Scenario `json:"scenario"`
	RequestBytes  int      `json:"request_bytes"`
	ResponseBytes int      `json:"response_bytes"`
	Larder        Figures  `json:"larder"`
	Echo          Figures  `json:"echo"`
	Ratios        Ratios   `json:"ratios"` // Larder's figures over the echo's
	// Parts are those of the mean request; nil unless one request at a time is sent.
	Parts *Parts `json:"parts,omitempty"`
	// Idle is of the same server in the same run, before it materialized; nil
	// unless the scenario materializes, as is ToIdle.
	Idle   *Figures `json:"idle,omitempty"`
	ToIdle *Ratios  `json:"ratios_to_idle,omitempty"` // Larder's figures over Idle's
	// RowsMaterialized is how many source rows the server materialized meanwhile.
	RowsMaterialized int64 `json:"rows_materialized,omitempty"`

	encoding time.Duration // and decoding, of a request's messages
}

// Figures are of one target; latencies are in microseconds.
type Figures struct {
	Requests          int64   `json:"requests"`
	P50               float64 `json:"p50_us"`
	P90               float64 `json:"p90_us"`
	P99               float64 `json:"p99_us"`
	P999              float64 `json:"p999_us"`
	Max               float64 `json:"max_us"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	RowsPerSecond     float64 `json:"rows_per_second"`
}

// Ratios are one target's figures divided by another's.
type Ratios struct {
	P50               float64 `json:"p50"`
	P90               float64 `json:"p90"`
	P99               float64 `json:"p99"`
	P999              float64 `json:"p999"`
	Max               float64 `json:"max"`
	RequestsPerSecond float64 `json:"requests_per_second"`
}

func (r *recording) figures(rows int) Figures {
	at := func(q float64) float64 {
		return float64(r.latencies.ValueAtQuantile(q)) / float64(time.Microsecond)
	}
	rps := r.requestsPerSecond()
	return Figures{
		Requests: r.latencies.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max:               float64(r.latencies.Max()) / float64(time.Microsecond),
		RequestsPerSecond: rps, RowsPerSecond: rps * float64(rows),
	}
}

func ratios(a, b Figures) Ratios {
	return Ratios{
		P50: a.P50 / b.P50, P90: a.P90 / b.P90, P99: a.P99 / b.P99, P999: a.P999 / b.P999,
		Max: a.Max / b.Max, RequestsPerSecond: a.RequestsPerSecond / b.RequestsPerSecond,
	}
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	s := r.Scenario
	fmt.Fprintf(w, "%d rows × %d features of %d views, model %s, %d entities, keys %s, %d in flight%s; request %d bytes, answer %d bytes\n\n",
		s.Rows, s.Views*s.Features, s.Views, s.Model, s.Entities, s.Keys, s.Concurrency, rateText(s.Rate), r.RequestBytes, r.ResponseBytes)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tp50 µs\tp90 µs\tp99 µs\tp99.9 µs\tmax µs\trequests/s\trows/s\t")
	figures := func(name string, f Figures) {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", name, f.P50, f.P90, f.P99, f.P999, f.Max, f.RequestsPerSecond, f.RowsPerSecond)
	}
	ratios := func(name string, x Ratios) {
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\t\n", name, x.P50, x.P90, x.P99, x.P999, x.Max, x.RequestsPerSecond)
	}
	figures("larder", r.Larder)
	figures("echo", r.Echo)
	ratios("larder / echo", r.Ratios)
	if r.Idle != nil {
		figures("larder, not materializing", *r.Idle)
		ratios("materializing / not", *r.ToIdle)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Parts != nil {
		if err := r.Parts.print(w); err != nil {
			return err
		}
	}
	if s.WhileMaterializing {
		fmt.Fprintf(w, "\n%d source rows were materialized meanwhile\n", r.RowsMaterialized)
	}
	return nil
}

func rateText(rate float64) string {
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf(" at most, %.0f requests/s arriving", rate)
}
