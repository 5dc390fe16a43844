package scoring_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// BenchmarkBatching scores requests of one row and of eight from 64 goroutines,
// with batching and without. Trees are walked by Larder, and by ONNX Runtime as one
// that can't be walked is.
func BenchmarkBatching(b *testing.B) {
	const features, many = 50, 10_000
	x := normal(many * features)
	for _, c := range []struct {
		name        string
		file        []byte
		onnxruntime bool
	}{
		{"trees=500", onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 500, Depth: 6, Features: features, Seed: 1}), false},
		{"trees=500/onnxruntime", onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 500, Depth: 6, Features: features, Seed: 1}), true},
		{"layers=3", onnxmodel.MLP(onnxmodel.MLPOptions{Features: features, Hidden: []int{64, 32}, Seed: 1}), false},
		{"layers=3/wide", onnxmodel.MLP(onnxmodel.MLPOptions{Features: features, Hidden: []int{512, 256}, Seed: 1}), false},
	} {
		m, session := loadBoth(b, catalog(b, numbers(features), c.file), c.file)
		if c.onnxruntime {
			m = session
		}
		for _, how := range []string{"alone", "batched"} {
			if how == "batched" {
				m.ShareRuns(&schema.Batching{MaxBatch: 64, MaxDelay: schema.Duration(200 * time.Microsecond)})
			}
			for _, rows := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/rows=%d/%s", c.name, rows, how), func(b *testing.B) {
					atOnce(b, m, x, rows)
				})
			}
		}
	}
}

// atOnce scores rows from 64 goroutines.
func atOnce(b *testing.B, m *scoring.Model, x []float32, rows int) {
	const inFlight = 64
	const features = 50
	n := rows * features
	b.SetParallelism(inFlight / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for at := 0; pb.Next(); at = (at + n) % (len(x) - n) {
			r := acquire(b, m, rows)
			copy(r.Dense(), x[at:])
			if err := r.Score(b.Context()); err != nil {
				b.Error(err)
			}
			r.Release()
		}
	})
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}
