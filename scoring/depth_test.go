package scoring_test

import (
	"fmt"
	"testing"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// chain returns a tree of which each node but the last has the next as a child. With a loop,
// the last is its own descendant.
func chain(op string, nodes int, loop bool) onnxmodel.Node {
	if op == "TreeEnsemble" {
		return rootedChain(nodes, loop)
	}
	n := onnxmodel.Node{Op: op, Domain: "ai.onnx.ml", Name: "trees", In: []string{"x"}, Out: []string{"y"}}
	trees, ids, left, right := make([]int64, nodes), make([]int64, nodes), make([]int64, nodes), make([]int64, nodes)
	modes, values := make([]string, nodes), make([]float32, nodes)
	for i := range ids {
		ids[i], left[i], right[i], modes[i] = int64(i), int64(i+1), int64(i+1), "BRANCH_LEQ"
	}
	if left[nodes-1], right[nodes-1] = 0, 0; !loop {
		modes[nodes-1] = "LEAF"
	}
	n.Attrs = []onnxmodel.Attr{
		{Name: "nodes_treeids", Value: trees},
		{Name: "nodes_nodeids", Value: ids},
		{Name: "nodes_featureids", Value: trees},
		{Name: "nodes_values", Value: values},
		{Name: "nodes_modes", Value: modes},
		{Name: "nodes_truenodeids", Value: left},
		{Name: "nodes_falsenodeids", Value: right},
	}
	return n
}

// rootedChain is chain in the form of version 5 of ai.onnx.ml, where leaves are a table of
// their own: the last node has two.
func rootedChain(nodes int, loop bool) onnxmodel.Node {
	left, isLeaf := make([]int64, nodes), make([]int64, nodes)
	for i := range left {
		left[i] = int64(i + 1)
	}
	if left[nodes-1] = 0; !loop {
		isLeaf[nodes-1] = 1
	}
	return onnxmodel.Node{
		Op: "TreeEnsemble", Domain: "ai.onnx.ml", Name: "trees", In: []string{"x"}, Out: []string{"y"},
		Attrs: []onnxmodel.Attr{
			{Name: "tree_roots", Value: []int64{0}},
			{Name: "nodes_featureids", Value: make([]int64, nodes)},
			{Name: "nodes_truenodeids", Value: left},
			{Name: "nodes_falsenodeids", Value: left},
			{Name: "nodes_trueleafs", Value: isLeaf},
			{Name: "nodes_falseleafs", Value: isLeaf},
		},
	}
}

func TestInspectRefusesDeepTrees(t *testing.T) {
	for _, op := range []string{"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"} {
		m := identity()
		inspect := func(n onnxmodel.Node) error {
			m.Graph.Nodes = []onnxmodel.Node{n}
			_, err := scoring.Inspect(m.Encode())
			return err
		}
		if err := inspect(chain(op, 1000, false)); err != nil {
			t.Errorf("%s, 1000 nodes deep: %v", op, err)
		}
		for _, nodes := range []int{1001, 20_000, 1_000_000} {
			wantInvalid(t, inspect(chain(op, nodes, false)), `node "trees"`, fmt.Sprintf("%d nodes deep (limit 1000)", nodes), "max_depth")
		}
		for _, nodes := range []int{1, 3, 20_000} {
			wantInvalid(t, inspect(chain(op, nodes, true)), `node "trees"`, "below itself")
		}
	}
}

func TestInspectFindsDeepTreesEverywhere(t *testing.T) {
	deep := chain("TreeEnsembleRegressor", 1001, false)
	m := identity()
	m.Graph.Nodes = append(m.Graph.Nodes, onnxmodel.Node{
		Op: "If", In: []string{"x"}, Out: []string{"z"},
		Attrs: []onnxmodel.Attr{{Name: "then_branch", Value: onnxmodel.Graph{Nodes: []onnxmodel.Node{deep}}}},
	})
	_, err := scoring.Inspect(m.Encode())
	wantInvalid(t, err, "1001 nodes deep")

	m = identity()
	m.Functions = []onnxmodel.Function{{Domain: "own", Name: "f", Inputs: []string{"x"}, Outputs: []string{"y"}, Nodes: []onnxmodel.Node{deep}}}
	_, err = scoring.Inspect(m.Encode())
	wantInvalid(t, err, "1001 nodes deep")
}

// Nodes may be in any order, trees may be mixed, and a child may be missing.
func TestInspectMeasuresTreesInAnyOrder(t *testing.T) {
	m := identity()
	n := chain("TreeEnsembleRegressor", 1200, false)
	trees, ids, left := n.Attrs[0].Value.([]int64), n.Attrs[1].Value.([]int64), n.Attrs[5].Value.([]int64)
	for i := range ids { // every other node is in the second tree, which makes two of half the depth
		trees[i] = int64(i % 2)
		ids[i], left[i] = int64(5000-i), int64(5000-i-2)
	}
	copy(n.Attrs[6].Value.([]int64), left)
	m.Graph.Nodes = []onnxmodel.Node{n}
	if _, err := scoring.Inspect(m.Encode()); err != nil {
		t.Errorf("two trees, 600 nodes deep: %v", err)
	}
	for i := range trees {
		trees[i], left[i] = 0, int64(5000-i-1)
	}
	copy(n.Attrs[6].Value.([]int64), left)
	_, err := scoring.Inspect(m.Encode())
	wantInvalid(t, err, "1200 nodes deep")
	left[600], n.Attrs[6].Value.([]int64)[600] = 1<<40, -7
	if _, err := scoring.Inspect(m.Encode()); err != nil {
		t.Errorf("a tree that misses a node in the middle: %v", err)
	}
}
