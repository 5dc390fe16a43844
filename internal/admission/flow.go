package admission

import (
	"math"
	"sync/atomic"
	"time"
)

// A Flow is whoever shares the server with others: a caller, or a connection. In an
// overload, what was done for a flow lately decides which goes first among requests of
// the same priority, so that one that asks for much keeps out none that asks for little. The zero
// Flow is ready to use. Its requests share it by pointer.
type Flow struct {
	waiting atomic.Int64
	light   atomic.Bool // little was done for it when it queued last
	used    float64     // work of its requests, the later the heavier; the limiter's lock guards it
	epoch   int
}

// memory is how fast what was done for a flow is forgotten: to 1/e.
const memory = 300 * time.Millisecond

// A ledger weighs work by when it is done (forward decay: Cormode and others, ICDE
// 2009), so that what was done before needs no change.
type ledger struct {
	epoch int
	since time.Time
	most  float64 // used of the flow for which most was done
}

// weight returns what work counts that is done now.
func (l *ledger) weight(now time.Time) float64 {
	const longest = 100 * memory // the weight must stay a number
	if now.Sub(l.since) > longest {
		l.epoch++
		l.since, l.most = now, 0
	}
	return math.Exp(float64(now.Sub(l.since)) / float64(memory))
}

// charge counts work done for a flow.
func (l *ledger) charge(f *Flow, cost time.Duration, now time.Time) {
	if f == nil {
		return
	}
	weight := l.weight(now)
	if f.epoch != l.epoch {
		f.used, f.epoch = 0, l.epoch
	}
	f.used += max(cost.Seconds(), 1e-9) * weight
	l.most = max(l.most, f.used)
}

// light reports whether little was done for a flow lately, beside the one for which most was.
func (l *ledger) light(f *Flow) bool { return f != nil && l.used(f) < littleUsed*l.most }

// used returns what was done for a flow lately, for comparison with others.
func (l *ledger) used(f *Flow) float64 {
	if f == nil || f.epoch != l.epoch {
		return 0
	}
	return f.used
}
