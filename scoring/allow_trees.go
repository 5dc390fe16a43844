package scoring

import (
	"fmt"
	"maps"
	"slices"

	"larder/schema"
)

func treeClassifier(c *call) ([]fact, string) {
	label, classes, why := c.labelFact("classlabels_int64s")
	if why != "" {
		return nil, why
	}
	if why := c.soundTrees("class", int64(classes)); why != "" {
		return nil, why
	}
	return []fact{label, {elem: Float32, dims: []int64{-1, int64(classes)}}}, ""
}

func treeRegressor(c *call) ([]fact, string) {
	targets := c.integer("n_targets", 1)
	if targets < 1 || targets > schema.MaxFeatures {
		return nil, fmt.Sprintf("it has %d targets", targets)
	}
	if why := c.soundTrees("target", targets); why != "" {
		return nil, why
	}
	return []fact{{elem: Float32, dims: []int64{-1, targets}}}, ""
}

// soundTrees says why trees could make ONNX Runtime read or write memory that isn't theirs.
func (c *call) soundTrees(prefix string, columns int64) string {
	attrs := maps.Clone(c.attrs)
	delete(attrs, "aggregate_function")
	e, _ := readEnsemble(attrs, prefix, columns, 0)
	if e == nil {
		return "its attributes are not those that converters write"
	}
	t := e.table
	if n := int64(len(e.base)); n > 1 && n != columns {
		return fmt.Sprintf("it has %d base values for %d columns", n, columns)
	}
	x := newTreeIndex(t.NodesTreeIDs, t.NodesNodeIDs)
	if !x.unique {
		return "two nodes of a tree have the same id"
	}
	for i, mode := range t.NodesModes {
		switch {
		case mode == "LEAF":
		case !branches[mode]:
			return fmt.Sprintf("a node compares by %.20q", mode)
		case x.find(t.NodesTreeIDs[i], t.NodesTrueNodeIDs[i]) < 0 || x.find(t.NodesTreeIDs[i], t.NodesFalseNodeIDs[i]) < 0:
			return fmt.Sprintf("node %d of tree %d has a child that doesn't exist", t.NodesNodeIDs[i], t.NodesTreeIDs[i])
		}
	}
	for i, id := range t.WeightNodeIDs {
		if leaf := x.find(t.WeightTreeIDs[i], id); leaf < 0 || t.NodesModes[leaf] != "LEAF" {
			return fmt.Sprintf("a weight is for node %d of tree %d, which is not a leaf", id, t.WeightTreeIDs[i])
		}
	}
	return c.readsWithin(t.NodesFeatureIDs)
}

var branches = map[string]bool{
	"BRANCH_LEQ": true, "BRANCH_LT": true, "BRANCH_GTE": true, "BRANCH_GT": true, "BRANCH_EQ": true, "BRANCH_NEQ": true,
}

// readsWithin says which column trees read that their input may not have.
func (c *call) readsWithin(columns []int64) string {
	last := slices.Max(columns)
	width, ok := c.in[0].columns()
	if !ok && c.in[0].matrix {
		return "" // Bind compares the columns with the features
	}
	if !ok || slices.Min(columns) < 0 || last >= width {
		return fmt.Sprintf("its input may not have the column %d, which it reads", last)
	}
	return ""
}
