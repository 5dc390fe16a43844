package window

import (
	"math"
	"math/big"
	"math/bits"
	"sync"
)

// Weights of decayed sums are powers of two on a grid of 4,096 steps a half-life: the
// nearest step, so that a weight is off by 1 part in 11,800 at most. Powers and roots are
// exact or rounded once, so that every architecture has the same.
const decaySteps = 4096

// powers returns 2^(i/4096) for i below 4,096, rounded once: twelve square roots of 2,
// then products, in far more bits than a float has.
var powers = sync.OnceValue(func() *[decaySteps]float64 {
	const precision = 160
	step := new(big.Float).SetPrec(precision).SetInt64(2)
	for range 12 {
		step.Sqrt(step)
	}
	var table [decaySteps]float64
	x := new(big.Float).SetPrec(precision).SetInt64(1)
	for i := range table {
		table[i], _ = x.Float64()
		x.Mul(x, step)
	}
	return &table
})

// steps returns d / halfLife in steps, rounded to the nearest, up when half.
func steps(d, halfLife int64) int64 {
	minus := d < 0
	hi, lo := bits.Mul64(magnitude64(d), 2*decaySteps)
	lo, carry := bits.Add64(lo, uint64(halfLife), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(2*halfLife))
	if minus {
		return -int64(q)
	}
	return int64(q)
}

// weight returns 2^(steps/4096).
func weight(table *[decaySteps]float64, steps int64) float64 {
	whole := floor(steps, decaySteps)
	return math.Ldexp(table[steps-whole], int(whole/decaySteps))
}

// decayedSum rounds each tile's sum, with its pending entries as if they were folded, and
// brings it to t.
func (s *State) decayedSum(o *outputPlan, v *view, at int64) Value {
	p := &v.row.level.layout.sums[o.part]
	table := powers()
	all, one := &s.view.combined, &s.view.single
	all.reset()
	i, j := 0, 0
	for {
		for j < len(s.pending) && v.pending&(1<<j) == 0 {
			j++
		}
		start := int64(math.MaxInt64)
		if i < len(v.tiles) {
			start = v.tiles[i].start
		}
		if j < len(s.pending) {
			start = min(start, v.row.start(s.pending[j].time))
		}
		if start == math.MaxInt64 {
			break
		}
		one.reset()
		if i < len(v.tiles) && v.tiles[i].start == start {
			one.merge(&v.tiles[i].sums[o.part])
			i++
		}
		for ; j < len(s.pending) && v.row.start(s.pending[j].time) == start; j++ {
			if x := s.pending[j].values[p.field]; v.pending&(1<<j) != 0 && !x.IsNull() {
				one.addFloat(float64(x.number() * weight(table, steps(s.pending[j].time-start, p.halfLife))))
			}
		}
		x, special := one.special()
		if !special {
			x = float64(one.magnitude(floatUnit).float() * weight(table, steps(start-at, p.halfLife)))
		}
		all.addFloat(x)
	}
	if x, ok := all.special(); ok {
		return OfFloat(x)
	}
	return OfFloat(all.magnitude(floatUnit).float())
}
