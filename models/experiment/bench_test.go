package experiment_test

import (
	"fmt"
	"runtime"
	"testing"

	"larder/models/experiment"
)

// BenchmarkReport takes rows of two versions and a label of each, and compares; it
// tells the memory that they hold.
func BenchmarkReport(b *testing.B) {
	const rows = 1_000_000
	metric, err := experiment.ParseMetric(experiment.AUC, 0.5, nil)
	if err != nil {
		b.Fatal(err)
	}
	units, requests := make([]string, rows/10), make([]string, rows)
	for i := range units {
		units[i] = fmt.Sprint("customer-", i)
	}
	for i := range requests {
		requests[i] = fmt.Sprintf("%016x", i*7919)
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		data := experiment.NewData(experiment.Options{})
		for i := range rows {
			row := experiment.Row{Version: int64(1 + (i%len(units))%2), Request: requests[i], At: int64(i), Score: float64(i*31%1000) / 1000, Unit: units[i%len(units)]}
			if err := data.Add(&row); err != nil {
				b.Fatal(err)
			}
		}
		for i := range rows {
			data.AddOutcome(&experiment.Outcome{Request: requests[i], Label: count(i/7%10 == 0)})
		}
		r := data.Report(experiment.Question{
			Metric: metric, Alpha: alpha, Control: 1, Weights: []experiment.Weight{{Version: 1, Share: 50}, {Version: 2, Share: 50}},
			Assigned: func(unit string) int64 { return 1 + int64(unit[len(unit)-1]-48)%2 },
		})
		if r.Versions[1].Difference == nil {
			b.Fatal("no difference")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(data)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/rows, "B/row")
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/rows, "ns/row")
}
