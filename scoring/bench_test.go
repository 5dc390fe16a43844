package scoring_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
)

// BenchmarkScore scores rows of 50 features under a deadline, as a request does:
// acquire, fill, score, release. Each run has other rows: with the same few rows
// again and again a small forest seems two to four times as fast as it is, for the
// processor has its branches and nodes at hand.
func BenchmarkScore(b *testing.B) {
	const features, many = 50, 10_000
	for _, c := range []struct {
		name      string
		isolation schema.Isolation
		file      []byte
	}{
		{"trees=100", "", onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 100, Depth: 6, Features: features, Seed: 1})},
		{"trees=500", "", onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 500, Depth: 6, Features: features, Seed: 1})},
		{"mlp", "", onnxmodel.MLP(onnxmodel.MLPOptions{Features: features, Hidden: []int{64, 32}, Seed: 1})},
		{"mlp/process", schema.ProcessIsolation, onnxmodel.MLP(onnxmodel.MLPOptions{Features: features, Hidden: []int{64, 32}, Seed: 1})},
	} {
		x := normal(2 * many * features)
		m := loadCatalog(b, compileModel(b, numbers(features), schema.Model{Isolation: c.isolation}, c.file), c.file)
		for _, rows := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/rows=%d", c.name, rows), func(b *testing.B) {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r := acquire(b, m, rows)
					copy(r.Dense(), x[i*rows%many*features:][:rows*features])
					if err := r.Score(ctx); err != nil {
						b.Fatal(err)
					}
					r.Release()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
			})
		}
	}
}

// BenchmarkScoreAtOnce scores 100 rows with 100 trees from 32 goroutines.
func BenchmarkScoreAtOnce(b *testing.B) {
	const features, rows = 50, 100
	m := load(b, numbers(features), onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 100, Depth: 6, Features: features, Seed: 1}))
	x := normal(rows * features)
	var mu sync.Mutex
	var all []time.Duration
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		var own []time.Duration
		for pb.Next() {
			began := time.Now()
			r := acquire(b, m, rows)
			copy(r.Dense(), x)
			if err := r.Score(b.Context()); err != nil {
				b.Error(err)
			}
			r.Release()
			own = append(own, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, own...)
	})
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

func normal(n int) []float32 {
	rng := rand.New(rand.NewPCG(7, 7))
	all := make([]float32, n)
	for i := range all {
		all[i] = float32(rng.NormFloat64())
	}
	return all
}
