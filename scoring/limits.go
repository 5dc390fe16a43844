package scoring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"larder/schema"
)

// Why a run was ended.
const (
	endedByTime   = "time"
	endedByMemory = "memory"
)

// A watch ends a run in ONNX Runtime, which stops between two nodes of the model.
// It is kept with its run, and armed for each score.
type watch struct {
	end   func() error // ends the run; may be called again
	rearm func() error // lets the next one begin

	onCtx   func()
	byCtx   chan error  // what end said to it
	timer   *time.Timer // fires when the run's time is up; nil before the first
	byTimer chan error

	stopCtx func() bool // of the score that goes on; nil when its context has no end
	timed   bool
}

func newWatch(end, rearm func() error) watch {
	w := watch{end: end, rearm: rearm, byCtx: make(chan error, 1), byTimer: make(chan error, 1)}
	w.onCtx = func() { w.byCtx <- end() }
	return w
}

// arm makes the watch end the run when ctx ends or limit has passed.
func (w *watch) arm(ctx context.Context, limit time.Duration) {
	w.stopCtx, w.timed = nil, true
	if ctx.Done() != nil {
		w.stopCtx = context.AfterFunc(ctx, w.onCtx)
	}
	deadline, has := ctx.Deadline()
	switch {
	case has && time.Until(deadline) <= limit:
		w.timed = false // ctx ends it sooner
	case w.timer == nil:
		w.timer = time.AfterFunc(limit, func() { w.byTimer <- w.end() })
	default:
		w.timer.Reset(limit)
	}
}

// disarm makes the run one that may begin again.
func (w *watch) disarm() error {
	var err error
	if w.stopCtx != nil && !w.stopCtx() {
		err = errors.Join(<-w.byCtx, w.rearm())
	}
	if w.timed && !w.timer.Stop() {
		err = errors.Join(err, <-w.byTimer, w.rearm())
	}
	return err
}

// runError explains why a run failed that began at a time.
func (m *Model) runError(ctx context.Context, rows int, began time.Time, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("score with %s: %w", m, ctx.Err())
	case time.Since(began) >= m.runTime:
		return m.overTime(rows)
	case outOfMemory(err):
		m.metrics.ended.WithLabelValues(m.plain, endedByMemory).Inc()
		return &schema.Error{
			Kind: schema.Exhausted, Reason: "MODEL_MEMORY", Err: err,
			Message: fmt.Sprintf("%s: a run of %d rows was ended, for it asked for more memory than runs may take; send fewer rows, or raise limits: {memory: ...}", m, rows),
		}
	}
	return fmt.Errorf("score with %s: %w", m, err)
}

// overTime counts a run that took longer than it may, and says so.
func (m *Model) overTime(rows int) error {
	m.metrics.ended.WithLabelValues(m.plain, endedByTime).Inc()
	return schema.Errorf(schema.Exhausted, "MODEL_TIME", "%s: a run of %d rows was ended, for it took longer than the %s that a run may take; send fewer rows, or raise limits: {time: ...}",
		m, rows, m.runTime)
}

// outOfMemory tells whether ONNX Runtime, which has no code for it, asked for more
// memory than its arena may have or the system has.
func outOfMemory(err error) bool {
	text := err.Error()
	return strings.Contains(text, "is smaller than requested bytes") || strings.Contains(text, "bad_alloc") || strings.Contains(text, "Failed to allocate memory")
}
