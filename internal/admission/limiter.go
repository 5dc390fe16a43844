package admission

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Refusal says which limit refused a request.
type Refusal string

// The limits of a Limiter.
const (
	Full      Refusal = "in_flight" // as many requests run and wait as may
	Overload  Refusal = "overload"  // the line is full
	Waited    Refusal = "waited"    // it waited in line for too long
	Displaced Refusal = "displaced" // a request of higher priority took its place in line
	NoTime    Refusal = "deadline"  // it can't be done before its deadline
)

// Error implements error.
func (r Refusal) Error() string { return "refused by the limit " + string(r) }

// Options configure a Limiter.
type Options struct {
	// Most bounds the requests that run and wait. Required.
	Most int
	// Cores is how many requests the machine works on at once. Required.
	Cores int
}

// The limiter's constants. Times of requests are those that they take alone.
const (
	target        = 2 * time.Millisecond // of the wait in line during an overload, or targetOf requests' time
	targetOf      = 2
	burst         = 50 * target // of the wait in line otherwise, or burstOf requests' time
	burstOf       = 16
	calm          = 200 * time.Millisecond // in which fewer than one of calmShare is refused ends an overload
	calmest       = 3 * calm               // the same, when there are fewer than calmLeast
	calmShare     = 12
	calmLeast     = 24
	littleUsed    = 0.8                    // of what another flow used lately makes a flow go first
	lightPatience = 4                      // times as long as others its requests may wait
	surely        = 0.7                    // of the mean time of requests is what each of them takes at least
	window        = 20 * time.Millisecond  // between two looks at the limit
	leastEnds     = 8                      // requests that must have ended in it
	tolerance     = 1.5                    // how many times as long as alone requests may take
	floorWork     = 500 * time.Microsecond // of each core may always run
	firstLimit    = 16                     // of each core
	serviceKeep   = 0.98                   // weight of the past in the mean time of requests
)

// A Limiter admits requests. Safe for concurrent use.
type Limiter struct {
	opts Options

	mu      sync.Mutex
	limit   float64 // of requests that run
	running int
	line    line
	service float64 // mean time of requests alone, in seconds
	over    bool    // since the line outgrew a burst
	calmed  tally
	ledger  ledger
	crowded time.Time // when more requests ran than there are cores
	seen    sample

	shedding atomic.Int32 // priorities up to this one are refused; see Sheds
	shed     atomic.Int64 // how many were, since calmed began
}

// A tally counts the requests since some time of an overload.
type tally struct {
	since       time.Time
	came, ended int // of those that came, those that were refused
}

// A sample is what was seen since the last look at the limit.
type sample struct {
	since       time.Time
	ends        int
	took, alone float64 // seconds of the requests that ended, and what they take alone
	bound       bool    // the limit was reached
}

// NewLimiter returns a limiter.
func NewLimiter(opts Options) *Limiter {
	l := &Limiter{opts: opts}
	l.limit = min(float64(opts.Most), firstLimit*float64(opts.Cores))
	l.shedding.Store(nobody)
	return l
}

const nobody = int32(Shadow) - 1

// Sheds reports whether a request of a priority is refused before it enters. One of a flow
// that has none in line, or for which little was done, is not. It takes no lock.
func (l *Limiter) Sheds(f *Flow, p Priority) bool {
	if int32(p) > l.shedding.Load() || f != nil && (f.waiting.Load() == 0 || f.light.Load()) {
		return false
	}
	l.shed.Add(1)
	return true
}

// A State is what a limiter does now.
type State struct {
	Limit      int // requests that may run
	Running    int
	Waiting    int
	Overloaded bool
}

// State returns what the limiter does now.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return State{l.places(), l.running, l.line.length, l.over}
}

// Enter admits a request that takes cost alone, at once or after a wait in line; 0 means
// that nobody knows. The flow may be nil. The caller calls Leave at its end. Enter returns a
// Refusal, or the error of ctx, for a request that must not run.
func (l *Limiter) Enter(ctx context.Context, f *Flow, p Priority, cost time.Duration) error {
	at, has := ctx.Deadline()
	if has && cost > 0 && time.Until(at).Seconds() < surely*cost.Seconds() {
		return NoTime
	}
	l.mu.Lock()
	l.calmed.came++
	if l.line.length == 0 && l.running < l.places() {
		l.run()
		l.mu.Unlock()
		return nil
	}
	w, refusal := l.queue(at, f, p, cost)
	l.mu.Unlock()
	if refusal != "" {
		return refusal
	}
	return l.wait(ctx, w)
}

// Admit counts a request that has to run whatever the limits are.
func (l *Limiter) Admit() {
	l.mu.Lock()
	l.run()
	l.mu.Unlock()
}

func (l *Limiter) run() {
	l.running++
	if l.running > l.opts.Cores {
		l.crowded = time.Now()
	}
}

// queue puts a request in line.
func (l *Limiter) queue(deadline time.Time, f *Flow, p Priority, cost time.Duration) (*waiter, Refusal) {
	now := time.Now()
	l.seen.bound = true
	l.look(now)
	if cost == 0 {
		cost = time.Duration(l.service * float64(time.Second))
	}
	patience := l.patience(p)
	if l.over && f != nil {
		light := l.ledger.light(f)
		f.light.Store(light)
		if light { // it goes first
			patience *= lightPatience
		}
	}
	most := patience
	if !deadline.IsZero() {
		if patience = min(patience, deadline.Sub(now)-cost); patience <= 0 {
			return nil, NoTime
		}
	}
	for {
		full := l.full(most, cost)
		if full == "" {
			break
		}
		if full == Overload && !l.over {
			l.overload(now)
			most = l.patience(p) // of an overload
			patience = min(patience, most)
			continue
		}
		victim := l.line.lowest(p)
		if victim == nil && full == Overload {
			victim = l.line.greedier(f, p, &l.ledger)
		}
		if victim == nil {
			l.calmed.ended++
			l.note()
			return nil, full
		}
		l.refuse(victim, Displaced)
	}
	w := l.line.join(f, p, cost, now, patience)
	l.grant(now)
	return w, ""
}

// refuse refuses a request in line.
func (l *Limiter) refuse(w *waiter, why Refusal) {
	l.line.take(w)
	l.calmed.ended++
	w.ready <- why
}

// overload begins an overload: who has waited longer than one may from now on is refused.
func (l *Limiter) overload(now time.Time) {
	l.over, l.calmed = true, tally{since: now}
	l.shed.Store(0)
	for _, w := range l.line.first {
		for w != nil && now.Sub(w.since) > l.patience(w.priority) {
			late := w
			w = w.after
			l.refuse(late, Waited)
		}
	}
}

// settle ends an overload when few were refused for a while.
func (l *Limiter) settle(now time.Time) {
	if !l.over || now.Sub(l.calmed.since) < calm {
		return
	}
	shed := int(l.shed.Load())
	if l.calmed.came+shed < calmLeast && now.Sub(l.calmed.since) < calmest {
		return
	}
	l.shed.Store(0)
	l.over = (l.calmed.ended+shed)*calmShare > l.calmed.came+shed
	l.calmed = tally{since: now}
}

// full returns why the line has no place for a request that would wait for so long; "" when it
// has one.
func (l *Limiter) full(most, cost time.Duration) Refusal {
	switch {
	case l.running+l.line.length >= l.opts.Most:
		return Full
	case l.line.length >= l.opts.Cores && l.line.work+cost > most*time.Duration(l.opts.Cores):
		return Overload
	}
	return ""
}

// patience returns how long a request may wait in line. A critical one may wait long even
// in an overload: it is the first that may run.
func (l *Limiter) patience(p Priority) time.Duration {
	service := time.Duration(l.service * float64(time.Second))
	if l.over && p < Critical {
		return max(target, targetOf*service)
	}
	return max(burst, burstOf*service)
}

// wait waits in line.
func (l *Limiter) wait(ctx context.Context, w *waiter) error {
	defer l.line.free(w)
	w.timer.Reset(w.patience)
	var why error
	select {
	case r := <-w.ready:
		return l.answered(ctx, r)
	case <-w.timer.C:
		why = Waited
		if at, has := ctx.Deadline(); has && time.Until(at) <= w.cost {
			why = NoTime
		}
	case <-ctx.Done():
		why = ctx.Err()
	}
	l.mu.Lock()
	if !w.in { // it was answered meanwhile
		l.mu.Unlock()
		return l.answered(ctx, <-w.ready)
	}
	defer l.mu.Unlock()
	l.line.take(w)
	l.calmed.ended++
	l.note()
	return why
}

func (l *Limiter) answered(ctx context.Context, r Refusal) error {
	if r != "" {
		return r
	}
	if err := ctx.Err(); err != nil { // its caller left meanwhile
		l.Leave(0, time.Time{}, time.Time{})
		return err
	}
	return nil
}

// Leave ends a request that was admitted, which ran from began to ended and takes alone
// when no other runs. Began is zero where this says nothing about others, and alone 0 where
// nobody knows. Leave returns how many times as long the request took because of others, if all
// of them only compute; 1 when there was a core for each.
func (l *Limiter) Leave(alone time.Duration, began, ended time.Time) (contended float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	contended = 1
	if l.crowded.After(began) {
		contended = max(1.01, float64(l.running)/float64(l.opts.Cores))
	}
	l.running--
	if l.running >= l.opts.Cores {
		l.crowded = ended
	}
	if alone > 0 && !began.IsZero() {
		l.seen.ends++
		l.seen.took += ended.Sub(began).Seconds()
		l.seen.alone += alone.Seconds()
		if l.service == 0 {
			l.service = alone.Seconds()
		}
		l.service = serviceKeep*l.service + (1-serviceKeep)*alone.Seconds()
		l.look(ended)
	}
	l.settle(ended)
	if l.line.length > 0 {
		l.grant(time.Now())
	}
	return contended
}

// grant lets requests in line run.
func (l *Limiter) grant(now time.Time) {
	for l.line.length > 0 && l.running < l.places() {
		var w *waiter
		if l.over {
			w = l.line.newest(&l.ledger)
			l.ledger.charge(w.flow, w.cost, now)
		} else {
			w = l.line.oldest()
		}
		l.line.take(w)
		l.run()
		w.ready <- ""
	}
	l.note()
}

// note notes which priorities would be refused.
func (l *Limiter) note() {
	level := nobody
	if l.over && l.full(l.patience(Default), time.Duration(l.service*float64(time.Second))) == Overload {
		level = min(int32(l.line.bottom()), int32(Default))
	}
	l.shedding.Store(level)
}

// places returns how many requests may run.
func (l *Limiter) places() int { return min(int(max(l.limit, l.floor())), l.opts.Most) }

// floor returns how many may run whatever they take: those that take a little work of each
// core.
func (l *Limiter) floor() float64 {
	cores := float64(l.opts.Cores)
	if l.service == 0 {
		return cores
	}
	return max(cores, cores*floorWork.Seconds()/l.service)
}

// look changes the limit by what was seen, when that is enough.
func (l *Limiter) look(now time.Time) {
	s := &l.seen
	if s.since.IsZero() {
		s.since = now
	}
	if s.ends < leastEnds || now.Sub(s.since) < window {
		return
	}
	gradient := min(1, max(0.5, tolerance*s.alone/s.took))
	next := l.limit*gradient + max(1, math.Sqrt(l.limit)/2)
	if next < l.limit || s.bound {
		l.limit = min(max(next, float64(min(l.opts.Cores, l.opts.Most))), float64(l.opts.Most))
	}
	*s = sample{since: now}
}
