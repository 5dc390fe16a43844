package forest_test

import (
	"testing"

	"pgregory.net/rapid"

	"larder/scoring/forest"
)

// leafOf returns the leaf that a row reaches, by the oracle's comparisons.
func (o *oracle) leafOf(root int, x []float32) int {
	i := root
	for o.t.NodesModes[i] != "LEAF" {
		next := o.t.NodesFalseNodeIDs[i]
		if o.goes(i, x[o.t.NodesFeatureIDs[i]]) {
			next = o.t.NodesTrueNodeIDs[i]
		}
		i = o.at[[2]int64{o.t.NodesTreeIDs[i], next}]
	}
	return i
}

// TestProbeReachesEveryLeaf: the rows of a probe reach each leaf that rows
// of the values that nodes compare with, of the floats beside them and of NaN reach.
func TestProbeReachesEveryLeaf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := &forest.Table{}
		for tree := range int64(rapid.IntRange(1, 4).Draw(t, "trees")) {
			grow(t, table, tree, []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"})
		}
		o := newOracle(table)
		probe, err := forest.NewProbe(table, 1)
		if err != nil {
			t.Fatal(err)
		}
		probed, leaves := map[int]bool{}, 0
		row := make([]float32, features)
		for probe.Next(row) {
			before := len(probed)
			for _, root := range o.roots {
				probed[o.leafOf(root, row)] = true
			}
			if len(probed) == before {
				t.Fatalf("row %v reaches no new leaf", row)
			}
			leaves++
		}
		for range 50 {
			for i := range row {
				row[i] = value(t)
			}
			for _, root := range o.roots {
				if leaf := o.leafOf(root, row); !probed[leaf] {
					t.Fatalf("row %v reaches node %d, which none of %d rows of the probe reaches", row, leaf, leaves)
				}
			}
		}
	})
}
