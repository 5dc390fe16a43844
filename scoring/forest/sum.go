package forest

import "math"

// Sum adds up the trees for len(sums) rows of width columns each, which lie in x
// one after the other.
func (f *Forest) Sum(x []float32, width int, sums []float32) {
	clear(sums)
	buffer := f.keys.Get().(*[]uint32)
	defer f.keys.Put(buffer)
	for len(sums) > 0 {
		rows := min(len(sums), blockRows)
		if need := rows * f.stride; cap(*buffer) < need {
			*buffer = make([]uint32, need)
		}
		keys := (*buffer)[:rows*f.stride]
		f.makeKeys(x, width, keys)
		f.sum(keys, sums[:rows])
		x, sums = x[rows*width:], sums[rows:]
	}
}

// makeKeys makes the keys of the rows of a block.
func (f *Forest) makeKeys(x []float32, width int, keys []uint32) {
	for ; len(keys) > 0; x, keys = x[min(width, len(x)):], keys[f.stride:] {
		high := keys[:f.width]
		for i, v := range x[:f.width] {
			high[i] = key(v, nanHigh)
		}
		if f.stride > f.width {
			low := keys[f.width:f.stride]
			for i, k := range high {
				if k == nanHigh {
					k = nanLow
				}
				low[i] = k
			}
		}
	}
}

// key returns an integer that sorts as v does, and nan for NaN.
func key(v float32, nan uint32) uint32 {
	bits := math.Float32bits(v)
	switch {
	case v != v:
		return nan
	case bits == 1<<31:
		return 1 << 31 // -0 is 0
	}
	return bits ^ (uint32(int32(bits)>>31) | 1<<31)
}

// sum adds up the trees, block by block, for the rows of keys.
func (f *Forest) sum(keys []uint32, sums []float32) {
	first := 0
	for _, end := range f.blocks {
		for row := range sums {
			sums[row] = f.add(f.groups[first:end], keys[row*f.stride:(row+1)*f.stride], sums[row])
		}
		first = end
	}
}

// add walks groups of trees for one row, and adds their leaves to sum.
func (f *Forest) add(groups []walk, keys []uint32, sum float32) float32 {
	nodes, leaves := f.nodes, f.leaves
	for i := range groups {
		w := &groups[i]
		a, b, c, d := uint64(w.roots[0]), uint64(w.roots[1]), uint64(w.roots[2]), uint64(w.roots[3])
		for range w.depth {
			a = step(nodes[a], keys, a)
			b = step(nodes[b], keys, b)
			c = step(nodes[c], keys, c)
			d = step(nodes[d], keys, d)
		}
		sum += leaves[a]
		if w.trees > 1 {
			sum += leaves[b]
		}
		if w.trees > 2 {
			sum += leaves[c]
		}
		if w.trees > 3 {
			sum += leaves[d]
		}
	}
	return sum
}

// step returns where a row goes from node n, which is at at.
func step(n uint64, keys []uint32, at uint64) uint64 {
	return at + n>>16&0xffff + (n>>32-uint64(keys[n&0xffff]))>>63
}
