package scoring

import (
	"slices"
	"sort"
)

// maxTreeDepth bounds the nodes on the longest path of a decision tree. ONNX Runtime reads
// trees by recursion, and its stack holds about twenty times as many.
const maxTreeDepth = 1000

// treeOperators are those that hold decision trees.
var treeOperators = map[string]bool{"TreeEnsemble": true, "TreeEnsembleClassifier": true, "TreeEnsembleRegressor": true}

// checkTrees refuses trees that are deeper than maxTreeDepth, and nodes that are their own
// descendants.
func (n *node) checkTrees() error {
	if n.domain != "ai.onnx.ml" || !treeOperators[n.op] {
		return nil
	}
	attrs, err := n.attributes()
	if err != nil {
		return err
	}
	for name, a := range attrs {
		if a.refers {
			return bad("%s takes its attribute %q from the function that it is in; export the trees as a node of the main graph", n, printable(name))
		}
	}
	if err := n.checkWritten(attrs); err != nil {
		return err
	}
	links := linksOfTable(attrs)
	if n.op == "TreeEnsemble" {
		links = linksOfRoots(attrs)
	}
	switch depth := links.depth(); {
	case depth == endless:
		return bad("%s: a node of a decision tree is below itself; export the model again", n)
	case depth > maxTreeDepth:
		return bad("%s: a decision tree is %d nodes deep (limit %d); train it with a smaller max_depth", n, depth, maxTreeDepth)
	}
	return nil
}

// links are the children of each node of some trees; -1 is none.
type links struct{ left, right []int32 }

// linksOfTable reads the trees of version 1 to 3 of ai.onnx.ml, whose children are named by
// the ids of nodes. It leaves out children that don't exist.
func linksOfTable(attrs map[string]attribute) links {
	trees, ids := attrs["nodes_treeids"].ints, attrs["nodes_nodeids"].ints
	left, right, modes := attrs["nodes_truenodeids"].ints, attrs["nodes_falsenodeids"].ints, attrs["nodes_modes"].texts
	n := min(len(trees), len(ids), len(left), len(right))
	table := newTreeIndex(trees[:n], ids[:n])
	l := links{make([]int32, n), make([]int32, n)}
	for i := range n {
		l.left[i], l.right[i] = -1, -1
		if i < len(modes) && modes[i] == "LEAF" {
			continue
		}
		l.left[i], l.right[i] = table.find(trees[i], left[i]), table.find(trees[i], right[i])
	}
	return l
}

// linksOfRoots reads the trees of version 5 of ai.onnx.ml, whose children are numbers of
// nodes, or of leaves.
func linksOfRoots(attrs map[string]attribute) links {
	children := func(side string) []int32 {
		ids, leaves := attrs["nodes_"+side+"nodeids"].ints, attrs["nodes_"+side+"leafs"].ints
		all := make([]int32, len(ids))
		for i, id := range ids {
			all[i] = -1
			if isLeaf := i < len(leaves) && leaves[i] != 0; !isLeaf && id >= 0 && id < int64(len(ids)) {
				all[i] = int32(id)
			}
		}
		return all
	}
	l := links{children("true"), children("false")}
	n := min(len(l.left), len(l.right))
	for _, side := range [][]int32{l.left, l.right} {
		for i, child := range side {
			if int(child) >= n {
				side[i] = -1
			}
		}
	}
	return links{l.left[:n], l.right[:n]}
}

// endless is the depth of a tree that has a cycle.
const endless = -1

// depth returns the number of nodes on the longest path.
func (l links) depth() int {
	const unknown, below = 0, -1 // else the depth below a node, with it
	depths := make([]int32, len(l.left))
	deepest := int32(0)
	var path []int32
	for root := range depths {
		path = append(path[:0], int32(root))
		for len(path) > 0 {
			at := path[len(path)-1]
			if depths[at] > 0 {
				path = path[:len(path)-1]
				continue
			}
			depths[at] = below
			longest, waits := int32(0), false
			for _, child := range [...]int32{l.left[at], l.right[at]} {
				switch {
				case child < 0:
				case depths[child] == below:
					return endless
				case depths[child] == unknown:
					path, waits = append(path, child), true
				default:
					longest = max(longest, depths[child])
				}
				if waits {
					break
				}
			}
			if !waits {
				depths[at] = longest + 1
				deepest = max(deepest, depths[at])
				path = path[:len(path)-1]
			}
		}
	}
	return int(deepest)
}

// A treeIndex finds a node by the ids of its tree and its own.
type treeIndex struct {
	trees, ids []int64
	order      []int32 // by tree and id
	unique     bool
}

func newTreeIndex(trees, ids []int64) *treeIndex {
	x := &treeIndex{trees: trees, ids: ids, order: make([]int32, len(ids)), unique: true}
	for i := range x.order {
		x.order[i] = int32(i)
	}
	if !slices.IsSortedFunc(x.order, x.compare) {
		slices.SortStableFunc(x.order, x.compare)
	}
	for i := 1; i < len(x.order); i++ {
		x.unique = x.unique && x.compare(x.order[i-1], x.order[i]) != 0
	}
	return x
}

func (x *treeIndex) compare(a, b int32) int { return x.against(a, x.trees[b], x.ids[b]) }

// against compares node i with the one that ids name.
func (x *treeIndex) against(i int32, tree, id int64) int {
	switch {
	case x.trees[i] < tree || x.trees[i] == tree && x.ids[i] < id:
		return -1
	case x.trees[i] == tree && x.ids[i] == id:
		return 0
	}
	return 1
}

// find returns the number of a node, or -1.
func (x *treeIndex) find(tree, id int64) int32 {
	at, found := sort.Find(len(x.order), func(i int) int { return -x.against(x.order[i], tree, id) })
	if !found {
		return -1
	}
	return x.order[at]
}
