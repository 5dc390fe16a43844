package admission

import (
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sizes are the sizes of requests whose times are kept apart: those of 1 row, 2 to 3 rows, 4 to 7 and so
// on. Rows of large requests take less than rows of small ones.
const sizes = 20

// mostCosts bounds how many kinds of requests are told apart. Names come from callers.
const mostCosts = 4096

// A Cost is how long requests of one kind take alone, by their number of rows. Safe for
// concurrent use.
type Cost struct {
	alone [sizes]atomic.Int64 // nanoseconds of a request with the fewest rows of its size; 0: unknown
}

// Of returns how long a request takes alone; 0 when nothing is known.
func (c *Cost) Of(rows int) time.Duration {
	if c == nil {
		return 0
	}
	size := sizeOf(rows)
	for off := range sizes { // the nearest size that is known, the smaller of two
		for _, s := range [2]int{size - off, size + off} {
			if s < 0 || s >= sizes {
				continue
			}
			if known := c.alone[s].Load(); known != 0 {
				return time.Duration(float64(known) * float64(max(rows, 1)) / float64(int(1)<<s))
			}
		}
	}
	return 0
}

// Took notes how long a request took. Contended is how many times as long it took because
// of others that ran, 1 or more: where they are the cause, only a shorter time says anything.
func (c *Cost) Took(rows int, took time.Duration, contended float64) {
	const weight = 16
	size := sizeOf(rows)
	sample := max(int64(float64(took)*float64(int(1)<<size)/float64(max(rows, 1))), 1)
	known := c.alone[size].Load()
	switch {
	case known == 0:
		c.alone[size].Store(max(int64(float64(sample)/contended), 1))
	case contended == 1 || sample < known:
		c.alone[size].Store(max(known+(sample-known)/weight, 1)) // a lost update is one sample less
	}
}

// Late notes that a request ran out of time after it took so long: it takes that much at least.
func (c *Cost) Late(rows int, took time.Duration, contended float64) {
	size := sizeOf(rows)
	least := int64(float64(took) * float64(int(1)<<size) / float64(max(rows, 1)) / contended)
	if least > c.alone[size].Load() {
		c.alone[size].Store(least)
	}
}

// Doubt believes what is known a little less. A request that is refused because of its cost shows
// nothing of it: without doubt, one that became cheaper would be refused for ever.
func (c *Cost) Doubt() {
	const weight = 64
	if c == nil {
		return
	}
	for i := range c.alone {
		if known := c.alone[i].Load(); known > 1 {
			c.alone[i].Store(known - max(known/weight, 1))
		}
	}
}

func sizeOf(rows int) int { return min(max(bits.Len(uint(max(rows, 1)))-1, 0), sizes-1) }

type kind struct{ method, name string }

// Costs are the costs of all kinds of requests. The zero value is empty. Safe for
// concurrent use.
type Costs struct {
	mu  sync.RWMutex
	all map[kind]*Cost
}

// Find returns the cost of a kind of requests; nil when none has ended.
func (c *Costs) Find(method, name string) *Cost {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.all[kind{method, name}]
}

// Add returns the cost of a kind of requests, which it makes when there is none. Beyond
// the most kinds, a method's requests are all of one. Call it only for names that exist.
func (c *Costs) Add(method, name string) *Cost {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[kind]*Cost{}
	}
	if len(c.all) >= mostCosts && c.all[kind{method, name}] == nil {
		name = ""
	}
	found := c.all[kind{method, name}]
	if found == nil {
		found = new(Cost)
		c.all[kind{strings.Clone(method), strings.Clone(name)}] = found
	}
	return found
}
