package forest

import (
	"errors"
	"fmt"
	"math"
)

// A Table is an ensemble of trees as ONNX stores it: column by column, an entry for
// each node and for each weight of a leaf. The names are those of the attributes of
// TreeEnsembleRegressor and TreeEnsembleClassifier, ai.onnx.ml version 3.
type Table struct {
	NodesTreeIDs, NodesNodeIDs, NodesFeatureIDs []int64
	NodesTrueNodeIDs, NodesFalseNodeIDs         []int64
	NodesMissingValueTracksTrue                 []int64 // empty: NaN is never true
	NodesModes                                  []string
	NodesValues                                 []float32

	WeightTreeIDs, WeightNodeIDs, WeightTargets []int64
	Weights                                     []float32
}

// leafMode is the mode of a leaf.
const leafMode = "LEAF"

// A place names a node.
type place struct{ tree, node int64 }

// A branch is a node of a Table, turned so that a value that is less or equal goes
// left.
type branch struct {
	place
	leaf        bool
	feature     uint16
	key         uint32
	nanLeft     bool
	left, right int64 // node ids
	placed      bool  // a tree has it
}

// Check compares the lengths of the columns, and refuses ids and weights that the package
// comment names. New checks too; the other methods need a table that passes.
func (t *Table) Check() error {
	n, weights := len(t.NodesTreeIDs), len(t.Weights)
	same := len(t.NodesNodeIDs) == n && len(t.NodesFeatureIDs) == n && len(t.NodesTrueNodeIDs) == n && len(t.NodesFalseNodeIDs) == n &&
		len(t.NodesModes) == n && len(t.NodesValues) == n &&
		len(t.WeightTreeIDs) == weights && len(t.WeightNodeIDs) == weights && len(t.WeightTargets) == weights
	if nan := len(t.NodesMissingValueTracksTrue); !same || nan != 0 && nan != n {
		return fmt.Errorf("the columns do not all have the length of their %d nodes or %d weights", n, weights)
	}
	if n == 0 || n > maxNodes {
		return fmt.Errorf("there are %d nodes; the limit is 1 to %d", n, maxNodes)
	}
	for i := range n {
		if !isID(t.NodesTreeIDs[i]) || !isID(t.NodesNodeIDs[i]) {
			return fmt.Errorf("node %d of tree %d has an id outside of 0 to 2^31-1", t.NodesNodeIDs[i], t.NodesTreeIDs[i])
		}
	}
	for _, w := range t.Weights {
		if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
			return fmt.Errorf("a weight is %v", w)
		}
	}
	return nil
}

// isID reports whether ONNX Runtime keeps an id: it cuts ids to 32 bits, and takes -1
// for no tree.
func isID(id int64) bool { return id >= 0 && id <= math.MaxInt32 }

// branch returns node i.
func (t *Table) branch(i int) (branch, error) {
	b := branch{place: place{t.NodesTreeIDs[i], t.NodesNodeIDs[i]}, left: t.NodesTrueNodeIDs[i], right: t.NodesFalseNodeIDs[i]}
	mode := t.NodesModes[i]
	if mode == leafMode {
		b.leaf = true
		return b, nil
	}
	feature, value := t.NodesFeatureIDs[i], t.NodesValues[i]
	if feature < 0 || feature > maxFeature {
		return b, fmt.Errorf("a node reads column %d; the last column allowed is %d", feature, maxFeature)
	}
	if value != value {
		return b, errors.New("a node compares with NaN")
	}
	b.feature, b.key = uint16(feature), key(value, nanHigh)
	b.nanLeft = len(t.NodesMissingValueTracksTrue) > 0 && t.NodesMissingValueTracksTrue[i] == 1
	switch mode {
	case "BRANCH_LEQ":
	case "BRANCH_LT":
		b.key--
	case "BRANCH_GT":
		b.left, b.right, b.nanLeft = b.right, b.left, !b.nanLeft
	case "BRANCH_GTE":
		b.key--
		b.left, b.right, b.nanLeft = b.right, b.left, !b.nanLeft
	default:
		return b, fmt.Errorf("a node compares by %.20q", mode)
	}
	return b, nil
}

// leaves returns the weight of each leaf that has a weight for a target.
func (t *Table) leaves(target int64) (map[place]float32, error) {
	leaf := make(map[place]bool, len(t.NodesTreeIDs))
	for i, mode := range t.NodesModes {
		leaf[place{t.NodesTreeIDs[i], t.NodesNodeIDs[i]}] = mode == leafMode
	}
	all := make(map[place]float32, len(t.Weights))
	for i, w := range t.Weights {
		at := place{t.WeightTreeIDs[i], t.WeightNodeIDs[i]}
		if !leaf[at] {
			return nil, errors.New("a weight belongs to no leaf")
		}
		if t.WeightTargets[i] != target {
			continue
		}
		if _, twice := all[at]; twice {
			return nil, errors.New("a leaf has two weights for one target")
		}
		all[at] = w
	}
	return all, nil
}

// Unweighted returns the leaves without a weight for a target, as indexes of nodes.
func (t *Table) Unweighted(target int64) []int {
	has := make(map[place]bool, len(t.Weights))
	for i, id := range t.WeightTargets {
		if id == target {
			has[place{t.WeightTreeIDs[i], t.WeightNodeIDs[i]}] = true
		}
	}
	var without []int
	for i, mode := range t.NodesModes {
		if mode == leafMode && !has[place{t.NodesTreeIDs[i], t.NodesNodeIDs[i]}] {
			without = append(without, i)
		}
	}
	return without
}
