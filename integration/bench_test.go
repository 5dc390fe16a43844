package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A benchReport is what larder bench --json prints.
type benchReport struct {
	RequestBytes  int       `json:"request_bytes"`
	ResponseBytes int       `json:"response_bytes"`
	Larder        latencies `json:"larder"`
	Echo          latencies `json:"echo"`
	Ratios        struct {
		P50 float64 `json:"p50"`
	} `json:"ratios"`
	Idle             *latencies     `json:"idle"`
	ToIdle           map[string]any `json:"ratios_to_idle"`
	RowsMaterialized int64          `json:"rows_materialized"`
}

type latencies struct {
	Requests          int64   `json:"requests"`
	P50               float64 `json:"p50_us"`
	P99               float64 `json:"p99_us"`
	Max               float64 `json:"max_us"`
	RequestsPerSecond float64 `json:"requests_per_second"`
}

// TestBench runs the smallest benchmarks from end to end. It checks that everything is
// measured, not the figures, because the machine may be busy.
func TestBench(t *testing.T) {
	f := func(args ...string) benchReport {
		t.Helper()
		stdout, stderr, code := runLarder(t, append([]string{"bench", "--entities", "500", "--duration", "1s", "--json"}, args...)...)
		if code != 0 {
			t.Fatalf("larder bench %v: exit code %d\n%s", args, code, stderr)
		}
		var r benchReport
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string]latencies{"larder": r.Larder, "echo": r.Echo} {
			if x.Requests == 0 || x.P50 <= 0 || x.P50 > x.P99 || x.P99 > x.Max || x.RequestsPerSecond <= 0 {
				t.Errorf("larder bench %v: %s: %+v", args, name, x)
			}
		}
		if got, want := r.Ratios.P50, r.Larder.P50/r.Echo.P50; got != want {
			t.Errorf("ratio %v, want %v", got, want)
		}
		if r.RequestBytes == 0 || r.ResponseBytes == 0 {
			t.Errorf("messages of %d and %d bytes", r.RequestBytes, r.ResponseBytes)
		}
		return r
	}
	profiles := t.TempDir()
	f("--model", "mlp", "--rows", "10", "--rate", "100", "--profile", profiles)
	for _, name := range []string{"cpu.pprof", "heap.pprof"} {
		if info, err := os.Stat(filepath.Join(profiles, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("--model", "none", "--views", "1")
	if r := f("--concurrency", "4", "--while-materializing"); r.RowsMaterialized == 0 || r.Idle == nil || r.ToIdle == nil {
		t.Errorf("%d rows materialized, %+v before", r.RowsMaterialized, r.Idle)
	}
}
