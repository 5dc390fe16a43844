package forest

import (
	"math"
	"math/rand/v2"
)

// A Probe makes rows that reach every leaf of a table that any row can reach, to
// compare two ways of adding up the trees. The first rows reach leaves of all trees. Not safe for concurrent use.
type Probe struct {
	nodes  []branch
	up     []int32 // the parent of each node; -1 for a root
	left   []int32 // where a branch goes; -1 for a leaf
	right  []int32
	roots  []int32
	todo   []int32 // leaves that may not have been reached
	passed []bool  // leaves that were reached, or that no row reaches
	rng    *rand.Rand
}

// NewProbe returns a probe of a table that New accepts. A seed gives the same rows each
// time.
func NewProbe(t *Table, seed uint64) (*Probe, error) {
	n := len(t.NodesTreeIDs)
	p := &Probe{
		nodes: make([]branch, n), up: make([]int32, n), left: make([]int32, n), right: make([]int32, n), passed: make([]bool, n),
		rng: rand.New(rand.NewPCG(seed, 2)),
	}
	at := make(map[place]int32, n)
	for i := range p.nodes {
		var err error
		if p.nodes[i], err = t.branch(i); err != nil {
			return nil, err
		}
		at[p.nodes[i].place] = int32(i)
		p.up[i] = -1
		if i == 0 || t.NodesTreeIDs[i] != t.NodesTreeIDs[i-1] {
			p.roots = append(p.roots, int32(i))
		}
	}
	for i := range p.nodes {
		b := &p.nodes[i]
		if b.leaf {
			p.left[i], p.right[i] = -1, -1
			p.todo = append(p.todo, int32(i))
			continue
		}
		p.left[i], p.right[i] = at[place{b.tree, b.left}], at[place{b.tree, b.right}]
		p.up[p.left[i]], p.up[p.right[i]] = int32(i), int32(i)
	}
	p.rng.Shuffle(len(p.todo), func(i, j int) { p.todo[i], p.todo[j] = p.todo[j], p.todo[i] })
	return p, nil
}

// Next changes a row so that it reaches a leaf that no row has reached yet. The values
// that it sets are often those that nodes compare with, or the floats next to them. It
// returns false when no leaf is left.
func (p *Probe) Next(row []float32) bool {
	for len(p.todo) > 0 {
		leaf := p.todo[len(p.todo)-1]
		p.todo = p.todo[:len(p.todo)-1]
		if !p.passed[leaf] && p.lead(leaf, row) {
			p.mark(row)
			return true
		}
	}
	return false
}

// A span is the values of a feature that reach a leaf, as keys.
type span struct {
	low, high uint32
	nan       bool
}

// lead sets the features on the path to a leaf so that the row reaches it. It returns
// false if no row does.
func (p *Probe) lead(leaf int32, row []float32) bool {
	spans := map[uint16]span{}
	infinity := float32(math.Inf(1))
	for at := leaf; p.up[at] >= 0; at = p.up[at] {
		b := &p.nodes[p.up[at]]
		s, known := spans[b.feature]
		if !known {
			s = span{low: key(-infinity, nanHigh), high: key(infinity, nanHigh), nan: true}
		}
		if goesLeft := p.left[p.up[at]] == at; goesLeft {
			s.high, s.nan = min(s.high, b.key), s.nan && b.nanLeft
		} else {
			s.low, s.nan = max(s.low, b.key+1), s.nan && !b.nanLeft
		}
		spans[b.feature] = s
	}
	for _, s := range spans {
		if s.trim(); s.low > s.high && !s.nan {
			return false
		}
	}
	for feature := range row {
		if s, on := spans[uint16(feature)]; on {
			row[feature] = s.draw(p.rng)
		}
	}
	return true
}

// noKey is the key that -0 would have if it were less than 0.
const noKey = 1<<31 - 1

// trim leaves out noKey at both ends.
func (s *span) trim() {
	if s.low == noKey {
		s.low++
	}
	if s.high == noKey {
		s.high--
	}
}

// draw returns a value of a span: its ends more often than others.
func (s span) draw(rng *rand.Rand) float32 {
	s.trim()
	if s.nan && (s.low > s.high || rng.IntN(4) == 0) {
		return float32(math.NaN())
	}
	k := s.low
	switch rng.IntN(5) {
	case 0, 1:
		k = s.high
	case 2:
		k = s.low + uint32(rng.Uint64N(uint64(s.high-s.low)+1))
	}
	switch {
	case k == noKey:
		k = s.low
	case k == 1<<31 && rng.IntN(2) == 0:
		return float32(math.Copysign(0, -1))
	}
	if k >= 1<<31 {
		return math.Float32frombits(k - 1<<31)
	}
	return math.Float32frombits(^k)
}

// mark notes which leaves a row reaches.
func (p *Probe) mark(row []float32) {
	for _, at := range p.roots {
		for !p.nodes[at].leaf {
			b := &p.nodes[at]
			v := row[b.feature]
			if v != v && b.nanLeft || v == v && key(v, nanHigh) <= b.key {
				at = p.left[at]
			} else {
				at = p.right[at]
			}
		}
		p.passed[at] = true
	}
}
