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
	Ratios        Ratios   `json:"ratios"`
	// RowsMaterialized is how many source rows the server materialized meanwhile.
	RowsMaterialized int64 `json:"rows_materialized,omitempty"`
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

// Ratios are Larder's figures over the echo's.
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

func ratios(larder, echo Figures) Ratios {
	return Ratios{
		P50: larder.P50 / echo.P50, P90: larder.P90 / echo.P90, P99: larder.P99 / echo.P99, P999: larder.P999 / echo.P999,
		Max: larder.Max / echo.Max, RequestsPerSecond: larder.RequestsPerSecond / echo.RequestsPerSecond,
	}
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	s := r.Scenario
	fmt.Fprintf(w, "%d rows × %d features of %d views, model %s, %d entities, %d in flight%s; request %d bytes, answer %d bytes\n\n",
		s.Rows, s.Views*s.Features, s.Views, s.Model, s.Entities, s.Concurrency, rateText(s.Rate), r.RequestBytes, r.ResponseBytes)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tp50 µs\tp90 µs\tp99 µs\tp99.9 µs\tmax µs\trequests/s\trows/s\t")
	for _, line := range []struct {
		name string
		f    Figures
	}{{"larder", r.Larder}, {"echo", r.Echo}} {
		f := line.f
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", line.name, f.P50, f.P90, f.P99, f.P999, f.Max, f.RequestsPerSecond, f.RowsPerSecond)
	}
	x := r.Ratios
	fmt.Fprintf(t, "larder / echo\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\t\n", x.P50, x.P90, x.P99, x.P999, x.Max, x.RequestsPerSecond)
	if err := t.Flush(); err != nil {
		return err
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
