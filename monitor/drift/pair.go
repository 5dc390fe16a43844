package drift

import (
	"errors"
	"fmt"
	"math"
)

// A Pair is two samples, counted in the same bins. Its methods compare the shares that
// the bins have of the samples. Where a sample is empty there is nothing to compare:
// each method then returns 0, and ChiSquare a p-value of 1. No method returns NaN or an
// infinity. Safe for concurrent use.
type Pair struct {
	reference, now []int64
	m, n           float64 // rows of the two
}

// NewPair returns the pair of a reference and of what it is compared with. It aliases
// both. The lengths must be equal, and no count may be negative.
func NewPair(reference, now []int64) (Pair, error) {
	if len(reference) != len(now) {
		return Pair{}, fmt.Errorf("the reference has %d bins, but the window has %d", len(reference), len(now))
	}
	m, err := rows(reference)
	if err != nil {
		return Pair{}, fmt.Errorf("reference: %w", err)
	}
	n, err := rows(now)
	if err != nil {
		return Pair{}, fmt.Errorf("window: %w", err)
	}
	return Pair{reference: reference, now: now, m: m, n: n}, nil
}

func rows(counts []int64) (float64, error) {
	sum := 0.0
	for i, c := range counts {
		if c < 0 {
			return 0, fmt.Errorf("bin %d has a count of %d", i, c)
		}
		sum += float64(c)
	}
	return sum, nil
}

// Merge returns the sums of the counts of windows with the same bins, in any order.
func Merge(windows ...[]int64) ([]int64, error) {
	if len(windows) == 0 {
		return nil, nil
	}
	sums := make([]int64, len(windows[0]))
	for _, window := range windows {
		if len(window) != len(sums) {
			return nil, fmt.Errorf("one window has %d bins, but another has %d", len(sums), len(window))
		}
		for i, c := range window {
			if c < 0 {
				return nil, fmt.Errorf("bin %d has a count of %d", i, c)
			}
			if sums[i] > math.MaxInt64-c {
				return nil, errors.New("the sum of the counts is too large")
			}
			sums[i] += c
		}
	}
	return sums, nil
}

// empty reports whether there is nothing to compare.
func (p Pair) empty() bool { return p.m == 0 || p.n == 0 }

// shares returns the shares of bin i.
func (p Pair) shares(i int) (reference, now float64) {
	return float64(p.reference[i]) / p.m, float64(p.now[i]) / p.n
}
