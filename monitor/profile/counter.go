package profile

import (
	"cmp"
	"slices"
	"strings"
)

// maxCounted bounds the different values of a counter.
const maxCounted = 1024

// A Counted is a value and how often it came.
type Counted[T any] struct {
	Value T
	Count int64
}

// A Counter counts values in bounded memory. It counts all of them while there are
// few, and then works as Misra and Gries do (Finding repeated elements, 1982): counts
// are too low by at most lost.
type Counter[T cmp.Ordered] struct {
	counts map[T]int64
	lost   int64
}

func NewCounter[T cmp.Ordered]() *Counter[T] { return &Counter[T]{counts: make(map[T]int64)} }

func (c *Counter[T]) Add(v T) {
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

// AddText is Add for a text that may be in shared memory.
func (c *Counter[T]) AddText(v T) {
	s, text := any(v).(string)
	if !text || len(s) > maxTextBytes {
		return
	}
	if _, known := c.counts[v]; !known {
		v = any(strings.Clone(s)).(T)
	}
	c.Add(v)
}

// Top returns the most common values, at most n, sorted by value where counts are equal, and by
// how much counts may be too low.
func (c *Counter[T]) Top(n int) ([]Counted[T], int64) {
	all := make([]Counted[T], 0, len(c.counts))
	for v, count := range c.counts {
		all = append(all, Counted[T]{v, count})
	}
	slices.SortFunc(all, func(a, b Counted[T]) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
	return all[:min(len(all), n)], c.lost
}
