package admission

import (
	"sync"
	"time"
)

// A waiter is a request in line.
type waiter struct {
	flow     *Flow
	priority Priority
	cost     time.Duration
	patience time.Duration
	since    time.Time
	in       bool
	before   *waiter // the one that came before it, of its priority
	after    *waiter

	ready chan Refusal // of one place: "" when it may run
	timer *time.Timer
}

// A line is the requests that wait, by priority and in the order in which they came.
// The limiter's lock guards it.
type line struct {
	first, last [priorities]*waiter // the oldest and the newest
	length      int
	work        time.Duration // what those in line take alone

	unused sync.Pool // of waiters
}

// join puts a request at the end of its priority's line.
func (l *line) join(f *Flow, p Priority, cost time.Duration, now time.Time, patience time.Duration) *waiter {
	w, _ := l.unused.Get().(*waiter)
	if w == nil {
		w = &waiter{ready: make(chan Refusal, 1), timer: time.NewTimer(patience)}
	}
	w.flow, w.priority, w.cost, w.patience, w.since, w.in = f, p, cost, patience, now, true
	i := p.index()
	w.before = l.last[i]
	if w.before == nil {
		l.first[i] = w
	} else {
		w.before.after = w
	}
	l.last[i] = w
	l.length++
	l.work += cost
	if f != nil {
		f.waiting.Add(1)
	}
	return w
}

// take takes a request out of the line.
func (l *line) take(w *waiter) {
	i := w.priority.index()
	if w.before == nil {
		l.first[i] = w.after
	} else {
		w.before.after = w.after
	}
	if w.after == nil {
		l.last[i] = w.before
	} else {
		w.after.before = w.before
	}
	w.before, w.after, w.in = nil, nil, false
	l.length--
	l.work -= w.cost
	if w.flow != nil {
		w.flow.waiting.Add(-1)
	}
}

// free gives back the memory of a request that is not in line.
func (l *line) free(w *waiter) {
	w.timer.Stop()
	w.flow = nil
	l.unused.Put(w)
}

// top returns the highest priority in line, which is not empty.
func (l *line) top() int {
	i := priorities - 1
	for l.last[i] == nil {
		i--
	}
	return i
}

// oldest returns the request of the highest priority that has waited longest.
func (l *line) oldest() *waiter { return l.first[l.top()] }

// newest returns the request that runs first in an overload: of the highest priority, of
// the flow for which least was done, the newest. Critical ones go in order.
func (l *line) newest(done *ledger) *waiter {
	i := l.top()
	if i == Critical.index() {
		return l.first[i]
	}
	best := l.last[i]
	least := done.used(best.flow)
	for w := best.before; w != nil; w = w.before {
		if used := done.used(w.flow); used < least {
			best, least = w, used
		}
	}
	return best
}

// greedier returns the request that gives its place to one of the same priority of flow f:
// of the flow for which most was done, if much more than for f, the one that has waited longest.
// It returns nil when there is none.
func (l *line) greedier(f *Flow, p Priority, done *ledger) *waiter {
	var worst *waiter
	most := done.used(f) / littleUsed
	for w := l.first[p.index()]; w != nil; w = w.after {
		if used := done.used(w.flow); used > most {
			worst, most = w, used
		}
	}
	return worst
}

// lowest returns the request that gives its place to one of priority p: of the lowest
// priority below p, the one that has waited longest. It returns nil when there is none.
func (l *line) lowest(p Priority) *waiter {
	for i := range p.index() {
		if l.first[i] != nil {
			return l.first[i]
		}
	}
	return nil
}

// bottom returns the lowest priority in line.
func (l *line) bottom() Priority {
	for i := range l.first {
		if l.first[i] != nil {
			return Priority(i) + Shadow
		}
	}
	return Critical
}
