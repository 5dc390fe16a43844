package materialize

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"larder/internal/background"
	"larder/schema"
)

// Why a run was cancelled.
var (
	errCancelled = errors.New("the run was cancelled")
	errStopping  = errors.New("the server stopped during the run; the next one reads its window again")
)

// The delays between a failed scheduled run and the next try. They double from the
// first to the last, and each is reduced by up to half at random.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// pollInterval bounds the delay until the runner notices a new catalog's schedules.
const pollInterval = time.Second

// A pace says when a view with a schedule is due.
type pace struct {
	viewID  uint32    // a view that is stored again under a new id starts over
	started time.Time // when its last run began; zero before the first
	fails   int       // successive failed scheduled runs
	retry   time.Time // when to try again after a failure
}

// Run starts requested runs and due runs until ctx ends. It returns when all runs have
// stopped.
func (r *Runner) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	defer r.stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		r.mu.Lock()
		r.enqueueDue(time.Now())
		for _, t := range r.startable() {
			running, cancel := context.WithCancelCause(ctx)
			t.cancel = cancel
			workers.Go(func() {
				defer cancel(nil)
				background.Thread()
				r.execute(running, t)
			})
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// stop cancels the waiting and the running runs.
func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, t := range r.running {
		t.cancel(errStopping)
	}
	for _, t := range r.queue {
		r.end(t, errStopping)
	}
	r.queue = nil
}

// startable takes the runs that may start now from the queue and marks them as
// running. The caller holds mu.
func (r *Runner) startable() []*task {
	var start []*task
	rest := r.queue[:0]
	for _, t := range r.queue {
		if !r.hasSlot(time.Now()) || r.running[t.run.slot()] != nil {
			rest = append(rest, t)
			continue
		}
		now := time.Now()
		t.run.State, t.run.StartedAt = Running, now.UnixMicro()
		r.running[t.run.slot()], r.last[t.run.slot()] = t, t
		if p := r.pace[t.run.slot()]; p != nil && t.run.Mode != schema.Range {
			p.started = now
		}
		start = append(start, t)
		r.publish(t)
	}
	clear(r.queue[len(rest):])
	r.queue = rest
	return start
}

// waitsLong is how long a run may wait for its first row and still take a slot of its
// own. Then as many other runs start beside it: a source that doesn't answer must not
// keep other views from being materialized.
const waitsLong = time.Minute

// hasSlot reports whether another run may start. The caller holds mu.
func (r *Runner) hasSlot(now time.Time) bool {
	working := 0
	for _, t := range r.running {
		if t.run.RowsRead > 0 || now.Sub(time.UnixMicro(t.run.StartedAt)) < waitsLong {
			working++
		}
	}
	return working < r.Workers && len(r.running) < 2*r.Workers
}

// enqueueDue queues a run of each view that is due, and of each view that the next
// catalog waits for. The caller holds mu.
func (r *Runner) enqueueDue(now time.Time) {
	catalog := r.Catalog()
	for _, view := range catalog.Views() {
		s := slot{view: view.Name}
		if view.Schedule == 0 || r.busy(s) || r.due(s, view).After(now) {
			continue
		}
		r.enqueue(Run{View: view.Name, Mode: schema.Incremental, Scheduled: true, Attempt: r.pace[s].fails + 1})
	}
	next := r.Building()
	if next != nil {
		r.enqueueBuilding(catalog, next, now)
	}
	for s := range r.pace {
		in := catalog
		if s.building {
			in = next
		}
		if in == nil {
			delete(r.pace, s)
		} else if _, err := in.View(s.view); err != nil {
			delete(r.pace, s)
		}
	}
}

// enqueueBuilding queues a run of each view that next waits for. The caller holds mu.
func (r *Runner) enqueueBuilding(serving, next *schema.Catalog, now time.Time) {
	unfilled, err := r.Unfilled(serving, next)
	if err != nil {
		r.Logger.Error("cannot find which views the next catalog waits for", "error", err)
		return
	}
	for _, name := range unfilled {
		view, err := next.View(name)
		s := slot{name, true}
		if err != nil || view.Stream != nil || r.busy(s) {
			continue
		}
		p := r.paceOf(s, view)
		if p.fails > 0 && p.retry.After(now) {
			continue
		}
		r.enqueue(Run{View: name, Mode: schema.Incremental, Scheduled: true, Building: true, Attempt: p.fails + 1})
	}
}

// busy reports whether a slot has a run that is running or waiting. The caller holds mu.
func (r *Runner) busy(s slot) bool {
	if r.running[s] != nil {
		return true
	}
	for _, t := range r.queue {
		if t.run.slot() == s {
			return true
		}
	}
	return false
}

// due returns the time of the next materialization of a view. The caller holds mu.
func (r *Runner) due(s slot, view *schema.View) time.Time {
	p := r.paceOf(s, view)
	switch {
	case p.fails > 0:
		return p.retry
	case p.started.IsZero():
		return time.Time{}
	}
	return p.started.Add(view.Schedule.Std())
}

// paceOf returns the pace of a slot. The caller holds mu.
func (r *Runner) paceOf(s slot, view *schema.View) *pace {
	if p := r.pace[s]; p != nil && p.viewID == view.ID {
		return p
	}
	p := &pace{viewID: view.ID}
	// The watermark shows what the previous server did.
	if mark, found, err := r.Store.Watermark(view.ID); err == nil && found {
		now := time.Now()
		p.started = now.Add(min(0, time.UnixMicro(mark.Time).Sub(now))) // a watermark ahead of the clock doesn't delay the next run
	}
	r.pace[s] = p
	return p
}

// NextRun returns the time of the next materialization of a view, in microseconds
// since 1970 UTC; 0 for a view without a schedule.
func (r *Runner) NextRun(name string) int64 {
	view, err := r.Catalog().View(name)
	if err != nil || view.Schedule == 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.due(slot{view: name}, view).UnixMicro(), time.Now().UnixMicro())
}

// end marks a run as failed with err, or as succeeded if err is nil. The caller holds
// mu.
func (r *Runner) end(t *task, err error) {
	now := time.Now()
	t.run.EndedAt, t.cancel = now.UnixMicro(), nil
	switch {
	case err == nil:
		t.run.State = Succeeded
	case errors.Is(err, errCancelled), errors.Is(err, errStopping):
		t.run.State, t.run.Error = Cancelled, err.Error()
	default:
		t.run.State, t.run.Error = Failed, tell(err)
	}
	if p := r.pace[t.run.slot()]; p != nil {
		switch {
		case t.run.State == Succeeded && t.run.Mode != schema.Range:
			p.fails = 0
		case t.run.State == Failed && t.run.Scheduled:
			p.fails++
			p.retry = now.Add(backoff(p.fails))
		}
	}
	if r.running[t.run.slot()] == t {
		delete(r.running, t.run.slot())
	}
	r.metrics.ended(&t.run)
	r.ended = append(r.ended, t)
	r.forget()
	r.publish(t)
	close(t.done)
	r.poke()
}

// backoff returns the delay after a number of failures.
func backoff(fails int) time.Duration {
	wait := lastRetry
	if doublings := fails - 1; doublings < 16 {
		wait = min(firstRetry<<doublings, lastRetry)
	}
	return wait - rand.N(wait/2)
}

// tell returns the text of an error that is safe to show: the whole text of a public
// error, and a general text for any other. The log has the rest.
func tell(err error) string {
	var said *schema.Error
	if errors.As(err, &said) {
		return said.Message
	}
	return "internal error; see the server's log"
}
