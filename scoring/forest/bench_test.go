package forest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"larder/scoring/forest"
)

// table returns a table of random complete trees.
func table(trees, depth, features int, seed uint64) *forest.Table {
	rng := rand.New(rand.NewPCG(seed, 1))
	t := &forest.Table{}
	inner := int64(1)<<depth - 1
	for tree := range int64(trees) {
		for id := range 2*inner + 1 {
			t.NodesTreeIDs, t.NodesNodeIDs = append(t.NodesTreeIDs, tree), append(t.NodesNodeIDs, id)
			t.NodesFeatureIDs = append(t.NodesFeatureIDs, int64(rng.IntN(features)))
			t.NodesMissingValueTracksTrue = append(t.NodesMissingValueTracksTrue, int64(rng.IntN(2)))
			t.NodesValues = append(t.NodesValues, float32(rng.NormFloat64()))
			t.NodesTrueNodeIDs, t.NodesFalseNodeIDs = append(t.NodesTrueNodeIDs, 2*id+1), append(t.NodesFalseNodeIDs, 2*id+2)
			mode := "BRANCH_LEQ"
			if id >= inner {
				mode = "LEAF"
				t.WeightTreeIDs, t.WeightNodeIDs = append(t.WeightTreeIDs, tree), append(t.WeightNodeIDs, id)
				t.WeightTargets, t.Weights = append(t.WeightTargets, 0), append(t.Weights, float32(rng.NormFloat64()))
			}
			t.NodesModes = append(t.NodesModes, mode)
		}
	}
	return t
}

func BenchmarkSum(b *testing.B) {
	const features, many = 50, 10_000
	rng := rand.New(rand.NewPCG(7, 7))
	x := make([]float32, 2*many*features)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for _, trees := range []int{100, 500} {
		f, err := forest.New(table(trees, 6, features, 1), 0)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("trees=%d/rows=%d", trees, rows), func(b *testing.B) {
				sums := make([]float32, rows)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					f.Sum(x[i*rows%many*features:], features, sums)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
			})
		}
	}
}
