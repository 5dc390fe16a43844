package training

import (
	"cmp"
	"slices"
	"strings"
)

// The bounds of counters.
const (
	maxCounted   = 1024 // different values
	maxTopValues = 10
	maxTopBytes  = 256 // of a text; longer texts are not counted
)

// A TopValue is a value and how many rows have it.
type TopValue struct {
	Value any   `json:"value"`
	Count int64 `json:"count"`
}

// A counter counts values in bounded memory. It counts all of them while there are
// few, and then works as Misra and Gries do (Finding repeated elements, 1982): counts
// are too low by at most lost.
type counter[T cmp.Ordered] struct {
	counts map[T]int64
	lost   int64
}

func newCounter[T cmp.Ordered]() *counter[T] { return &counter[T]{counts: make(map[T]int64)} }

func (c *counter[T]) add(v T) {
	if _, known := c.counts[v]; known || len(c.counts) < maxCounted {
		c.counts[v]++
		return
	}
	c.lost++
	for k, n := range c.counts {
		if n == 1 {
			delete(c.counts, k)
		} else {
			c.counts[k] = n - 1
		}
	}
}

// addText is add for a text that may be in shared memory.
func (c *counter[T]) addText(v T) {
	s, text := any(v).(string)
	if !text || len(s) > maxTopBytes {
		return
	}
	if _, known := c.counts[v]; !known {
		v = any(strings.Clone(s)).(T)
	}
	c.add(v)
}

// top returns the most common values, sorted by value where counts are equal.
func (c *counter[T]) top(value func(T) any) ([]TopValue, int64) {
	all := make([]T, 0, len(c.counts))
	for v := range c.counts {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b T) int { return cmp.Or(cmp.Compare(c.counts[b], c.counts[a]), cmp.Compare(a, b)) })
	var top []TopValue
	for _, v := range all[:min(len(all), maxTopValues)] {
		top = append(top, TopValue{value(v), c.counts[v]})
	}
	return top, c.lost
}
