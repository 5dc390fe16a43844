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

// The waits between a scheduled run that failed and the next try: they double
// from the first to the last, and each is cut by up to half at random.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// pollInterval bounds how late the runner notices a new catalog's schedules.
const pollInterval = time.Second

// A pace is when a view with a schedule is due.
type pace struct {
	viewID  uint32    // a view that is stored anew starts anew
	started time.Time // when its last run began; zero before the first
	fails   int       // scheduled runs that failed, one after another
	retry   time.Time // when to try again after a failure
}

// Run starts the runs that are asked for and those that are due, until ctx ends.
// It returns when all runs have stopped.
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

// stop cancels what waits and what runs.
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

// startable takes from the queue what may start now and marks it as running.
// The caller holds mu.
func (r *Runner) startable() []*task {
	var start []*task
	rest := r.queue[:0]
	for _, t := range r.queue {
		if len(r.running) >= r.Workers || r.running[t.run.View] != nil {
			rest = append(rest, t)
			continue
		}
		now := time.Now()
		t.run.State, t.run.StartedAt = Running, now.UnixMicro()
		r.running[t.run.View], r.last[t.run.View] = t, t
		if p := r.pace[t.run.View]; p != nil && t.run.Mode != schema.Range {
			p.started = now
		}
		start = append(start, t)
		r.publish(t)
	}
	clear(r.queue[len(rest):])
	r.queue = rest
	return start
}

// enqueueDue queues a run of each view that is due. The caller holds mu.
func (r *Runner) enqueueDue(now time.Time) {
	catalog := r.Catalog()
	for _, view := range catalog.Views() {
		if view.Schedule == 0 || r.busy(view.Name) || r.due(view).After(now) {
			continue
		}
		r.enqueue(Run{View: view.Name, Mode: schema.Incremental, Scheduled: true, Attempt: r.pace[view.Name].fails + 1})
	}
	for name := range r.pace {
		if _, err := catalog.View(name); err != nil {
			delete(r.pace, name)
		}
	}
}

// busy tells whether a run of a view goes on or waits. The caller holds mu.
func (r *Runner) busy(view string) bool {
	if r.running[view] != nil {
		return true
	}
	for _, t := range r.queue {
		if t.run.View == view {
			return true
		}
	}
	return false
}

// due returns when a view is to be materialized next. The caller holds mu.
func (r *Runner) due(view *schema.View) time.Time {
	p := r.pace[view.Name]
	if p == nil || p.viewID != view.ID {
		p = &pace{viewID: view.ID}
		// What the server before this one did shows in the watermark.
		if mark, found, err := r.Store.Watermark(view.ID); err == nil && found {
			p.started = time.UnixMicro(mark.Time)
		}
		r.pace[view.Name] = p
	}
	switch {
	case p.fails > 0:
		return p.retry
	case p.started.IsZero():
		return time.Time{}
	}
	return p.started.Add(view.Schedule.Std())
}

// NextRun returns when a view is to be materialized next, in microseconds since
// 1970 UTC; 0 for a view without a schedule.
func (r *Runner) NextRun(name string) int64 {
	view, err := r.Catalog().View(name)
	if err != nil || view.Schedule == 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.due(view).UnixMicro(), time.Now().UnixMicro())
}

// end marks a run as over: with err or, when that is nil, as succeeded. The
// caller holds mu.
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
	if p := r.pace[t.run.View]; p != nil {
		switch {
		case t.run.State == Succeeded && t.run.Mode != schema.Range:
			p.fails = 0
		case t.run.State == Failed && t.run.Scheduled:
			p.fails++
			p.retry = now.Add(backoff(p.fails))
		}
	}
	if r.running[t.run.View] == t {
		delete(r.running, t.run.View)
	}
	r.metrics.ended(&t.run)
	r.ended = append(r.ended, t)
	r.forget()
	r.publish(t)
	close(t.done)
	r.poke()
}

// backoff returns how long to wait after a number of failures.
func backoff(fails int) time.Duration {
	wait := lastRetry
	if doublings := fails - 1; doublings < 16 {
		wait = min(firstRetry<<doublings, lastRetry)
	}
	return wait - rand.N(wait/2)
}

// tell returns what an error may show: all of an error made to be told, and of
// any other that something unforeseen happened. The log has the rest.
func tell(err error) string {
	var said *schema.Error
	if errors.As(err, &said) {
		return said.Message
	}
	return "an internal error; the server's log tells it"
}
