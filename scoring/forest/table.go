package forest

import "fmt"

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

// check compares the lengths of the columns.
func (t *Table) check() error {
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
	return nil
}

// branch returns node i.
func (t *Table) branch(i int) (branch, error) {
	b := branch{place: place{t.NodesTreeIDs[i], t.NodesNodeIDs[i]}, left: t.NodesTrueNodeIDs[i], right: t.NodesFalseNodeIDs[i]}
	mode := t.NodesModes[i]
	if mode == "LEAF" {
		b.leaf = true
		return b, nil
	}
	feature, value := t.NodesFeatureIDs[i], t.NodesValues[i]
	if feature < 0 || feature > maxFeature {
		return b, fmt.Errorf("a node reads column %d; the last column allowed is %d", feature, maxFeature)
	}
	if value != value {
		return b, fmt.Errorf("a node compares with NaN")
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
	all := make(map[place]float32, len(t.Weights))
	for i, w := range t.Weights {
		if t.WeightTargets[i] != target {
			continue
		}
		at := place{t.WeightTreeIDs[i], t.WeightNodeIDs[i]}
		if _, twice := all[at]; twice {
			return nil, fmt.Errorf("a leaf has two weights for one target")
		}
		all[at] = w
	}
	return all, nil
}
