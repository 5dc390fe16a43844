package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"larder/internal/background"
	"larder/schema"
	"larder/store"
	"larder/store/eventlog"
	"larder/store/forgotten"
	"larder/vector"
)

// A Store keeps what tails make of events: that of package store/online.
type Store interface {
	Watermark(viewID uint32) (store.Watermark, bool, error)
	NewWriter(viewID uint32, opts store.WriterOptions) store.Writer
	Folder(ctx context.Context, viewID uint32) (Folder, error)
}

// markEvery is how often what was folded is made durable.
const markEvery = 250 * time.Millisecond

// A tail brings the batches of a log into one view of the online store.
type tail struct {
	view  *schema.View
	feed  *feed
	store Store
	log   *slog.Logger

	applied    atomic.Int64           // the last batch that is visible
	at         atomic.Int64           // all batches with a stamp up to at are visible
	problem    atomic.Pointer[string] // why it can't go on; nil when it can
	building   atomic.Int64           // events read so far by a build; -1 when none runs
	rebuild    atomic.Bool            // the view is to be built again
	onApplied  func()                 // told when applied has moved
	generation int64
	breaks     int64 // of the feed, up to which the log is known to be the same
	stamp      int64 // of batch applied
	newest     int64 // the newest event time so far
	sweepEvery time.Duration
	forgotten  func() *forgotten.List // may be nil
	metrics    *metrics
}

// errRestored says that the log is not the one that the store was made from.
var errRestored = errors.New("the log of the stream is an older one than what was served: it was restored from a backup; the view is built again from it")

// run brings batches in until ctx ends.
func (t *tail) run(ctx context.Context, told func(error)) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		began := time.Now()
		err := background.Try(func() error { return t.follow(ctx, told) })
		if ctx.Err() != nil {
			return
		}
		told(err)
		if time.Since(began) > retryLast {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// The times between attempts after an error.
const (
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
)

// follow opens the view and brings batches in until something fails.
func (t *tail) follow(ctx context.Context, told func(error)) error {
	if t.view.Aggregates == nil {
		r := newRows(t)
		defer r.shut()
		return t.followAs(ctx, r, told)
	}
	aggregation, err := vector.NewAggregation(t.view)
	if err != nil {
		return err
	}
	folder, err := t.store.Folder(ctx, t.view.ID)
	if err != nil {
		return err
	}
	defer folder.Close()
	return t.followAs(ctx, newStates(t, aggregation, folder), told)
}

// A target is what a tail writes: states or rows.
type target interface {
	// build makes the view from the whole log up to a batch.
	build(ctx context.Context, until int64) error
	// apply takes events that come after the last batch.
	apply(ctx context.Context, events *eventlog.Events, last int64) error
	// mark makes everything so far durable, with the watermark.
	mark(ctx context.Context, at store.Watermark) error
}

func (t *tail) followAs(ctx context.Context, to target, told func(error)) error {
	if err := t.begin(ctx, to); err != nil {
		return err
	}
	marked, sweep := time.Now(), t.newSweep(to)
	var dirty bool
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		switch {
		case dirty:
			wait, cancel = context.WithTimeout(ctx, time.Until(marked.Add(markEvery)))
		case sweep != nil:
			wait, cancel = context.WithDeadline(ctx, sweep.due)
		}
		moved, err := t.step(wait, ctx, to)
		cancel()
		if err != nil {
			return err
		}
		if moved {
			told(nil)
		}
		dirty = dirty || moved
		if sweep != nil && !time.Now().Before(sweep.due) {
			dirty = sweep.part(ctx) || dirty
		}
		if dirty && time.Since(marked) >= markEvery {
			if err := to.mark(ctx, t.watermark()); err != nil {
				return err
			}
			marked, dirty = time.Now(), false
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// step waits for batches, at most as long as wait lasts, and applies them.
func (t *tail) step(wait, ctx context.Context, to target) (moved bool, err error) {
	if t.rebuild.Load() {
		return true, t.buildAgain(ctx, to)
	}
	applied, at := t.applied.Load(), t.at.Load()
	batches, _, stamp, ok := t.feed.next(wait, applied, at)
	if wait.Err() != nil {
		return false, nil
	}
	if breaks := t.feed.breaks.Load(); !ok || breaks != t.breaks {
		if err := t.sameLog(ctx); err != nil {
			return false, err
		}
		t.breaks = breaks
	}
	if !ok {
		seq, stamp, err := t.feed.log.Read(ctx, applied, func(e *eventlog.Events) error { return t.apply(ctx, to, e) })
		if err == nil { // the last batches may be gone because of the retention
			t.applied.Store(max(t.applied.Load(), seq))
			t.at.Store(max(t.at.Load(), stamp))
			t.onApplied()
		}
		return true, err
	}
	for _, b := range batches {
		if err := t.apply(ctx, to, b); err != nil {
			return true, err
		}
	}
	t.at.Store(max(t.at.Load(), stamp))
	t.onApplied()
	return true, nil
}

// apply applies some batches, and makes it known.
func (t *tail) apply(ctx context.Context, to target, events *eventlog.Events) error {
	began := time.Now()
	n := events.Len()
	last := events.Seqs[n-1]
	if err := to.apply(ctx, events, last); err != nil {
		return err
	}
	t.stamp = events.Ats[n-1]
	t.applied.Store(last)
	t.at.Store(max(t.at.Load(), t.stamp))
	t.metrics.applied(t.view, n, time.Since(began))
	t.onApplied()
	return nil
}

func (t *tail) watermark() store.Watermark { return t.markAt(t.applied.Load(), t.at.Load()) }

func (t *tail) markAt(batch, at int64) store.Watermark {
	return store.Watermark{Time: at, CatalogVersion: t.view.Catalog.Version, Batch: store.Position(t.generation, batch), Stamp: t.stamp}
}

// begin finds the last batch that the store has, or builds the view.
func (t *tail) begin(ctx context.Context, to target) error {
	mark, found, err := t.store.Watermark(t.view.ID)
	if err != nil {
		return err
	}
	if !found {
		return t.build(ctx, to)
	}
	t.generation, t.stamp = store.Generation(mark.Batch), mark.Stamp
	t.applied.Store(store.BatchOf(mark.Batch))
	t.at.Store(mark.Time)
	if mark.Rebuilding || t.rebuild.Load() {
		return t.buildAgain(ctx, to)
	}
	if err := t.sameLog(ctx); !errors.Is(err, errRestored) {
		return err
	}
	t.log.Warn("the log of a stream was restored from a backup; a view is built again from it", "view", t.view.Name)
	t.applied.Store(0)
	return t.buildAgain(ctx, to)
}

// sameLog returns errRestored if the batch that was applied last is not in the log, or is
// another one.
func (t *tail) sameLog(ctx context.Context) error {
	applied := t.applied.Load()
	state, err := t.feed.log.State(ctx)
	if err != nil || applied == 0 {
		return err
	}
	if state.Seq < applied {
		return errRestored
	}
	stamp, found, err := t.feed.log.Stamp(ctx, applied)
	if err == nil && found && stamp != t.stamp {
		return errRestored
	}
	return err // a batch may be gone because of the retention
}

// buildAgain builds the view anew, in the next generation. The store knows it before
// anything is written: a build that is cut short is begun once more, in a generation after
// it.
func (t *tail) buildAgain(ctx context.Context, to target) error {
	if t.generation++; t.generation > store.MaxGeneration {
		return fmt.Errorf("view %q was built again %d times, and can't be once more; rename it", t.view.Name, store.MaxGeneration)
	}
	at := t.watermark()
	at.Rebuilding = true
	if err := to.mark(ctx, at); err != nil {
		return err
	}
	t.rebuild.Store(false)
	return t.build(ctx, to)
}

// build makes the view from the whole log.
func (t *tail) build(ctx context.Context, to target) error {
	state, err := t.feed.log.State(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	t.building.Store(0)
	defer t.building.Store(-1)
	t.log.Info("building a view from the log of its stream", "view", t.view.Name, "until", state.Seq)
	if err := to.build(ctx, state.Seq); err != nil {
		return err
	}
	t.stamp = 0
	if stamp, found, err := t.feed.log.Stamp(ctx, state.Seq); err != nil {
		return err
	} else if found {
		t.stamp = stamp
	}
	if err := to.mark(ctx, t.markAt(state.Seq, state.At)); err != nil {
		return err
	}
	t.applied.Store(state.Seq)
	t.at.Store(state.At)
	t.log.Info("view built from the log of its stream", "view", t.view.Name, "events", t.building.Load(), "batch", state.Seq, "took", time.Since(began))
	t.onApplied()
	return nil
}
