package scoring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"larder/schema"
)

// The reasons why a run was stopped.
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
	byCtx   chan error  // the result of end
	timer   *time.Timer // fires when the run's time is up; nil before the first
	byTimer chan error

	stopCtx func() bool // for the current score; nil when its context never ends
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

// disarm lets the run begin again.
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

// runError explains why a run that began at began failed. The model has passed its trial,
// so what no limit explains is in the values: an index out of range, a word that it does not know.
func (m *Model) runError(ctx context.Context, rows int, began time.Time, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("score with %s: %w", m, ctx.Err())
	case time.Since(began) >= m.runTime:
		return m.overTime(rows)
	case outOfMemory(err):
		m.metrics.ended.WithLabelValues(m.name, endedByMemory).Inc()
		return schema.ModelMemory.Wrap(err, "%s: a run of %d rows was stopped because it asked for more memory than its limit; send fewer rows, or raise limits: {memory: ...}", m, rows)
	}
	m.logger.Warn("a model failed on a run", "model", m.title, "rows", rows, "err", err)
	return schema.ModelFailed.Errorf("%s failed on these values: %s", m, clipError(err))
}

// overTime counts a run that exceeded its time limit, and returns its error.
func (m *Model) overTime(rows int) error {
	m.metrics.ended.WithLabelValues(m.name, endedByTime).Inc()
	return schema.ModelTime.Errorf("%s: a run of %d rows was stopped because it took longer than its limit of %s; send fewer rows, or raise limits: {time: ...}",
		m, rows, m.runTime)
}

// outOfMemory reports whether ONNX Runtime asked for more memory than its arena or the
// system has. ONNX Runtime has no error code for it.
func outOfMemory(err error) bool {
	text := err.Error()
	return strings.Contains(text, "is smaller than requested bytes") || strings.Contains(text, "bad_alloc") || strings.Contains(text, "Failed to allocate memory")
}
