package stream

import (
	"context"
	"time"
)

// sweepAfter is the default of [Options.SweepEvery].
const sweepAfter = time.Hour

// sweepGrace is how long a state stays after its last event has left every window: until
// then requests for a time in the past are answered as before.
const sweepGrace = 24 * time.Hour

// A sweep looks at a part of the states at a time: so many, so often.
const (
	sweepKeys  = 1024
	sweepPause = 100 * time.Millisecond
)

// A sweep deletes states of an aggregate view whose events no window can hold any more.
// An answer is the same with and without it: a key that gets a new event begins with an
// empty state, and what the old one had would not have counted. It runs between batches,
// in the goroutine of the tail.
type sweep struct {
	*states
	every time.Duration
	due   time.Time // of the next part
	next  []byte    // the key that it begins with; nil between two sweeps
	until int64     // states that are empty from then on are deleted
}

// newSweep returns the sweep of a target; nil if it never deletes anything.
func (t *tail) newSweep(to target) *sweep {
	s, are := to.(*states)
	if !are || !s.Program.Expires() {
		return nil
	}
	return &sweep{states: s, every: t.sweepEvery, due: time.Now().Add(t.sweepEvery)}
}

// part looks at the next states, and reports whether it has deleted some. A failure ends
// the sweep, and not what is served.
func (s *sweep) part(ctx context.Context) bool {
	if s.next == nil {
		s.until = min(time.Now().UnixMicro(), s.at.Load()) - sweepGrace.Microseconds()
	}
	next, swept, err := s.folder.Sweep(ctx, s.position(s.applied.Load()), s.next, sweepKeys, func(state []byte) (bool, error) {
		if err := s.state.Decode(state); err != nil {
			return false, nil //nolint:nilerr // whoever folds or reads it says so
		}
		s.state.Prune(s.until)
		return s.state.Empty(), nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("states that nobody needs could not be deleted now", "view", s.view.Name, "error", err)
	}
	if s.next = next; next == nil {
		s.due = time.Now().Add(s.every)
	} else {
		s.due = time.Now().Add(sweepPause)
	}
	s.metrics.swept.WithLabelValues(s.view.Name).Add(float64(swept))
	return swept > 0
}
