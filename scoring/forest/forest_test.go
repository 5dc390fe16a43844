package forest_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larder/scoring/forest"
)

// oracle adds up the trees of a table, by the words of the ONNX specification.
type oracle struct {
	t     *forest.Table
	at    map[[2]int64]int
	roots []int
}

func newOracle(t *forest.Table) *oracle {
	o := &oracle{t: t, at: map[[2]int64]int{}}
	for i := range t.NodesTreeIDs {
		if i == 0 || t.NodesTreeIDs[i] != t.NodesTreeIDs[i-1] {
			o.roots = append(o.roots, i)
		}
		o.at[[2]int64{t.NodesTreeIDs[i], t.NodesNodeIDs[i]}] = i
	}
	return o
}

func (o *oracle) sum(x []float32, target int64) (sum float32) {
	for _, i := range o.roots {
		for o.t.NodesModes[i] != "LEAF" {
			next := o.t.NodesFalseNodeIDs[i]
			if o.goes(i, x[o.t.NodesFeatureIDs[i]]) {
				next = o.t.NodesTrueNodeIDs[i]
			}
			i = o.at[[2]int64{o.t.NodesTreeIDs[i], next}]
		}
		for w := range o.t.Weights {
			if o.t.WeightTreeIDs[w] == o.t.NodesTreeIDs[i] && o.t.WeightNodeIDs[w] == o.t.NodesNodeIDs[i] && o.t.WeightTargets[w] == target {
				sum += o.t.Weights[w]
			}
		}
	}
	return sum
}

func (o *oracle) goes(i int, v float32) bool {
	if v != v && len(o.t.NodesMissingValueTracksTrue) > 0 && o.t.NodesMissingValueTracksTrue[i] == 1 {
		return true
	}
	switch threshold := o.t.NodesValues[i]; o.t.NodesModes[i] {
	case "BRANCH_LEQ":
		return v <= threshold
	case "BRANCH_LT":
		return v < threshold
	case "BRANCH_GT":
		return v > threshold
	default:
		return v >= threshold
	}
}

var edges = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32,
	float32(math.Inf(1)), float32(math.Inf(-1)),
}

func value(t *rapid.T) float32 {
	if rapid.IntRange(0, 2).Draw(t, "edge") > 0 {
		return rapid.SampledFrom(edges).Draw(t, "value")
	}
	return rapid.Float32().Draw(t, "value")
}

const features = 3

// grow draws a tree of any shape, with ids in any order, and adds it to a table.
func grow(t *rapid.T, to *forest.Table, tree int64, modes []string) {
	inner := rapid.IntRange(0, 9).Draw(t, "inner")
	ids := rapid.Permutation([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}[:2*inner+1]).Draw(t, "ids")
	open, next := []int64{ids[0]}, 1
	for len(open) > 0 {
		i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
		if len(to.NodesTreeIDs) == 0 || to.NodesTreeIDs[len(to.NodesTreeIDs)-1] != tree {
			i = 0 // the root comes first
		}
		id := open[i]
		open = append(open[:i:i], open[i+1:]...)
		to.NodesTreeIDs, to.NodesNodeIDs = append(to.NodesTreeIDs, tree), append(to.NodesNodeIDs, id)
		if next == len(ids) || len(open) > 0 && rapid.Bool().Draw(t, "leaf") {
			to.NodesModes, to.NodesValues = append(to.NodesModes, "LEAF"), append(to.NodesValues, 0)
			to.NodesFeatureIDs, to.NodesMissingValueTracksTrue = append(to.NodesFeatureIDs, 0), append(to.NodesMissingValueTracksTrue, 0)
			to.NodesTrueNodeIDs, to.NodesFalseNodeIDs = append(to.NodesTrueNodeIDs, 0), append(to.NodesFalseNodeIDs, 0)
			for target := range int64(rapid.IntRange(0, 2).Draw(t, "targets")) {
				to.WeightTreeIDs, to.WeightNodeIDs = append(to.WeightTreeIDs, tree), append(to.WeightNodeIDs, id)
				to.WeightTargets, to.Weights = append(to.WeightTargets, target), append(to.Weights, rapid.Float32Range(-10, 10).Draw(t, "weight"))
			}
			continue
		}
		to.NodesModes = append(to.NodesModes, rapid.SampledFrom(modes).Draw(t, "mode"))
		to.NodesValues = append(to.NodesValues, value(t))
		to.NodesFeatureIDs = append(to.NodesFeatureIDs, int64(rapid.IntRange(0, features-1).Draw(t, "feature")))
		to.NodesMissingValueTracksTrue = append(to.NodesMissingValueTracksTrue, int64(rapid.IntRange(0, 1).Draw(t, "nan")))
		to.NodesTrueNodeIDs, to.NodesFalseNodeIDs = append(to.NodesTrueNodeIDs, ids[next]), append(to.NodesFalseNodeIDs, ids[next+1])
		open, next = append(open, ids[next], ids[next+1]), next+2
	}
}

// TestSumIsTheOracles: trees of any shape, compared by any of the four, are walked
// as the specification says, by rows of anything, NaN among it.
func TestSumIsTheOracles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := &forest.Table{}
		modes := [][]string{{"BRANCH_LEQ"}, {"BRANCH_LT"}, {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"}}[rapid.IntRange(0, 2).Draw(t, "modes")]
		for tree := range int64(rapid.IntRange(1, 10).Draw(t, "trees")) {
			grow(t, table, 7*tree%5+tree*5, modes)
		}
		if rapid.Bool().Draw(t, "never left") {
			table.NodesMissingValueTracksTrue = nil
		}
		rows, width := rapid.IntRange(1, 70).Draw(t, "rows"), features+rapid.IntRange(0, 2).Draw(t, "wider")
		x := make([]float32, rows*width)
		for i := range x {
			if x[i] = value(t); rapid.IntRange(0, 4).Draw(t, "nan") == 0 {
				x[i] = float32(math.NaN())
			}
		}
		o := newOracle(table)
		for target := range int64(2) {
			f, err := forest.New(table, target)
			if err != nil {
				t.Fatal(err)
			}
			sums := make([]float32, rows)
			f.Sum(x, width, sums)
			for row, got := range sums {
				if want := o.sum(x[row*width:][:width], target); math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("row %d %v, target %d: %v, want %v", row, x[row*width:][:width], target, got, want)
				}
			}
		}
	})
}

// TestRefusals: what can't be read for sure is refused, and nothing of it panics.
func TestRefusals(t *testing.T) {
	f := func(want string, change func(*forest.Table)) {
		t.Helper()
		table := table(2, 2, 3, 1)
		change(table)
		if _, err := forest.New(table, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("do not all have the length", func(t *forest.Table) { t.NodesValues = t.NodesValues[1:] })
	f("do not all have the length", func(t *forest.Table) { t.Weights = t.Weights[1:] })
	f("0 nodes", func(t *forest.Table) { *t = forest.Table{} })
	f("reads column 32768", func(t *forest.Table) { t.NodesFeatureIDs[0] = 1 << 15 })
	f("reads column -1", func(t *forest.Table) { t.NodesFeatureIDs[0] = -1 })
	f("compares with NaN", func(t *forest.Table) { t.NodesValues[0] = float32(math.NaN()) })
	f(`compares by "BRANCH_EQ"`, func(t *forest.Table) { t.NodesModes[0] = "BRANCH_EQ" })
	f("two nodes of one tree", func(t *forest.Table) { t.NodesNodeIDs[1] = 0 })
	f("missing", func(t *forest.Table) { t.NodesTrueNodeIDs[0] = 99 })
	f("belongs to another", func(t *forest.Table) { t.NodesTrueNodeIDs[0] = 2 })
	f("belongs to another", func(t *forest.Table) { t.NodesTrueNodeIDs[1] = 0 })
	f("belong to no tree", func(t *forest.Table) { t.NodesModes[0] = "LEAF" })
	f("two weights", func(t *forest.Table) { t.WeightNodeIDs[1] = t.WeightNodeIDs[0] })
	f("belongs to no leaf", func(t *forest.Table) { t.WeightNodeIDs[0] = 0 })
	f("a weight is NaN", func(t *forest.Table) { t.Weights[0] = float32(math.NaN()) })
	f("a weight is +Inf", func(t *forest.Table) { t.Weights[0] = float32(math.Inf(1)) })
	f("node 0 of tree -1", func(t *forest.Table) { t.NodesTreeIDs[0] = -1 })
	f("outside of 0 to 2^31-1", func(t *forest.Table) { t.NodesNodeIDs[0] = 1 << 32 })
	f("has two parts", func(t *forest.Table) {
		last := len(t.NodesTreeIDs) - 1
		t.NodesTreeIDs[last], t.NodesNodeIDs[last] = 0, 99
	})
}

// TestLimits: a tree that is as deep as may be is walked to its end; a deeper one
// and one with a child too far away are refused.
func TestLimits(t *testing.T) {
	f, err := forest.New(list(64), 0)
	if err != nil {
		t.Fatal(err)
	}
	sums := make([]float32, 3)
	f.Sum([]float32{-1, 50, 1e9}, 1, sums)
	if sums[0] != 1 || sums[1] != 51 || sums[2] != 128 {
		t.Errorf("got %v", sums)
	}
	if _, err := forest.New(list(65), 0); err == nil || !strings.Contains(err.Error(), "64 nodes deep") {
		t.Errorf("a deep tree: %v", err)
	}
	if _, err := forest.New(table(1, 17, 3, 1), 0); err == nil || !strings.Contains(err.Error(), "65535 leaves") {
		t.Errorf("a tree with 2^17 leaves: %v", err)
	}
}

// list returns a tree whose left children are leaves: leaf 2i+1 is for what is over
// 2i-2 and up to 2i.
func list(deep int64) *forest.Table {
	t := &forest.Table{}
	node := func(id, whenTrue, whenFalse int64, mode string) {
		t.NodesTreeIDs, t.NodesNodeIDs = append(t.NodesTreeIDs, 0), append(t.NodesNodeIDs, id)
		t.NodesFeatureIDs, t.NodesValues = append(t.NodesFeatureIDs, 0), append(t.NodesValues, float32(id))
		t.NodesTrueNodeIDs, t.NodesFalseNodeIDs = append(t.NodesTrueNodeIDs, whenTrue), append(t.NodesFalseNodeIDs, whenFalse)
		if t.NodesModes = append(t.NodesModes, mode); mode == "LEAF" {
			t.WeightTreeIDs, t.WeightNodeIDs = append(t.WeightTreeIDs, 0), append(t.WeightNodeIDs, id)
			t.WeightTargets, t.Weights = append(t.WeightTargets, 0), append(t.Weights, float32(id))
		}
	}
	for i := range deep {
		node(2*i, 2*i+1, 2*i+2, "BRANCH_LEQ")
		node(2*i+1, 0, 0, "LEAF")
	}
	node(2*deep, 0, 0, "LEAF")
	return t
}
