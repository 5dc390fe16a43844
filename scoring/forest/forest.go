package forest

import (
	"errors"
	"fmt"
	"math"
	"sync"
)

const (
	maxNodes   = 1 << 26
	maxFeature = 1<<15 - 1 // a feature has two keys, and its index 16 bits
	farthest   = 1<<16 - 1 // from a node to its left child
	maxDepth   = 64        // of a tree; every row would walk the full depth of a deeper one
	leafKey    = math.MaxUint32
	nanHigh    = math.MaxUint32
	nanLow     = 0

	group     = 4        // trees that are walked at once
	blockRows = 64       // rows whose keys are made at once
	blockSize = 16 << 10 // bytes of nodes that all rows of a block go through before the next
)

// A Forest adds up trees. It is immutable, and safe for concurrent use.
type Forest struct {
	width  int // columns that the trees read: 1 + the last of them
	stride int // keys of a row: width, or twice that if NaN goes left in any node
	nodes  []uint64
	leaves []float32 // the weight of each node; 0 unless it is a leaf
	groups []walk
	blocks []int // where each block of groups ends
	keys   sync.Pool
}

// A walk is a group of trees that are walked at once. The last group of a forest may
// be filled up with a tree that is walked without effect.
type walk struct {
	roots [group]uint32
	trees int
	depth int
}

// New reads the trees of a table and adds up the weights for one target. The package
// comment says what it refuses.
func New(t *Table, target int64) (*Forest, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	b := builder{Forest: &Forest{}, at: make(map[place]int, len(t.NodesTreeIDs))}
	if err := b.read(t); err != nil {
		return nil, err
	}
	var err error
	if b.weights, err = t.leaves(target); err != nil {
		return nil, err
	}
	f := b.Forest
	f.stride = f.width
	if b.nanLeft() {
		f.stride *= 2
	}
	for _, root := range b.roots {
		if err := b.add(root); err != nil {
			return nil, err
		}
	}
	if len(f.nodes) != len(b.branches) {
		return nil, errors.New("some nodes belong to no tree")
	}
	b.cut()
	f.keys.New = func() any { return new([]uint32) }
	return f, nil
}

// Width returns the least number of columns of a row.
func (f *Forest) Width() int { return f.width }

// A builder lays out the nodes of a forest.
type builder struct {
	*Forest
	branches []branch
	at       map[place]int // in branches
	weights  map[place]float32
	roots    []int // the first node of each tree
	trees    []walked
}

// walked is a tree that was laid out.
type walked struct {
	root  uint32
	depth int
}

func (b *builder) read(t *Table) error {
	seen := map[int64]bool{}
	for i := range t.NodesTreeIDs {
		n, err := t.branch(i)
		if err != nil {
			return err
		}
		if _, twice := b.at[n.place]; twice {
			return errors.New("two nodes of one tree have the same id")
		}
		if i == 0 || n.tree != t.NodesTreeIDs[i-1] {
			if seen[n.tree] {
				return errors.New("a tree has two parts")
			}
			seen[n.tree] = true
			b.roots = append(b.roots, i)
		}
		b.at[n.place] = i
		b.branches = append(b.branches, n)
		if !n.leaf {
			b.width = max(b.width, int(n.feature)+1)
		}
	}
	return nil
}

func (b *builder) nanLeft() bool {
	for i := range b.branches {
		if !b.branches[i].leaf && b.branches[i].nanLeft {
			return true
		}
	}
	return false
}

// add lays out a tree, level by level.
func (b *builder) add(root int) error {
	first := len(b.nodes)
	queue := []int{root}
	depth, levelEnd := 0, 1
	b.branches[root].placed = true
	b.nodes = append(b.nodes, 0)
	for i := 0; i < len(queue); i++ {
		if i == levelEnd {
			if depth, levelEnd = depth+1, len(queue); depth > maxDepth {
				return fmt.Errorf("a tree is more than %d nodes deep", maxDepth)
			}
		}
		n := &b.branches[queue[i]]
		own := first + i
		if n.leaf {
			b.nodes[own] = uint64(leafKey) << 32
			b.leaves = append(b.leaves, b.weights[n.place])
			continue
		}
		b.leaves = append(b.leaves, 0)
		distance := len(b.nodes) - own
		if distance > farthest {
			return fmt.Errorf("a tree has more than %d leaves", farthest)
		}
		feature := uint64(n.feature)
		if n.nanLeft {
			feature += uint64(b.width)
		}
		b.nodes[own] = uint64(n.key)<<32 | uint64(distance)<<16 | feature
		for _, id := range []int64{n.left, n.right} {
			child, found := b.at[place{n.tree, id}]
			if !found || b.branches[child].placed {
				return errors.New("a node has a child that is missing or belongs to another node")
			}
			b.branches[child].placed = true
			queue = append(queue, child)
			b.nodes = append(b.nodes, 0)
		}
	}
	b.trees = append(b.trees, walked{uint32(first), depth})
	return nil
}

// cut puts the trees into groups, and the groups into blocks.
func (b *builder) cut() {
	size := 0
	for i := 0; i < len(b.trees); i += group {
		w := walk{trees: min(group, len(b.trees)-i)}
		for k := range group {
			tree := b.trees[i+min(k, w.trees-1)]
			w.roots[k], w.depth = tree.root, max(w.depth, tree.depth)
		}
		end := len(b.nodes)
		if i+group < len(b.trees) {
			end = int(b.trees[i+group].root)
		}
		if size += 8 * (end - int(w.roots[0])); size > blockSize && len(b.groups) > 0 {
			b.blocks, size = append(b.blocks, len(b.groups)), 8*(end-int(w.roots[0]))
		}
		b.groups = append(b.groups, w)
	}
	b.blocks = append(b.blocks, len(b.groups))
}
