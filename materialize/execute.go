package materialize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"larder/internal/background"
	"larder/schema"
	"larder/store"
	"larder/store/record"
)

// The store accepts every row that the encoder accepts, and no larger one.
const (
	_ = uint(store.MaxRowBytes - record.MaxRowBytes)
	_ = uint(record.MaxRowBytes - store.MaxRowBytes)
)

// execute runs a task to its end.
func (r *Runner) execute(ctx context.Context, t *task) {
	traced, span := startRun(ctx, t)
	err := background.Try(func() error { return r.materialize(traced, t) })
	var panicked *background.Panic
	if errors.As(err, &panicked) {
		r.Logger.Error("panic in a materialization", "view", t.run.View, "error", err)
		err = fmt.Errorf("panic: %v", panicked.Value)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		if err = cause; !errors.Is(cause, errCancelled) {
			err = errStopping
		}
	}
	r.mu.Lock()
	r.end(t, err)
	run := t.run.clone()
	r.mu.Unlock()
	endRun(span, &run, err)
	log := r.Logger.With("view", run.View, "run", run.ID, "mode", string(run.Mode), "rows", run.RowsRead, "written", run.RowsWritten,
		"superseded", run.RowsSuperseded, "bad", run.RowsBad, "took", time.Duration(run.EndedAt-run.StartedAt)*time.Microsecond)
	for _, warning := range run.Warnings {
		log.Warn("a materialization is in doubt", "warning", warning)
	}
	switch run.State {
	case Succeeded:
		log.Info("view materialized")
	case Cancelled:
		log.Info("materialization cancelled", "error", err)
	default:
		log.Error("view not materialized", "error", err, "attempt", run.Attempt)
	}
}

// materialize does the work of a run.
func (r *Runner) materialize(ctx context.Context, t *task) error {
	catalog := r.Catalog()
	if t.run.Building {
		if catalog = r.Building(); catalog == nil {
			return changed(t.run.View)
		}
	}
	view, err := catalog.View(t.run.View)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, view.LongestRun().Std(), tooLong(view))
	defer cancel()
	err = r.move(bounded, view, t)
	if cause := context.Cause(bounded); err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func tooLong(view *schema.View) error {
	return schema.RunTooLong.Errorf("feature view %q: the run took longer than max_run, %s, and was ended; make source %q answer faster, or raise max_run",
		view.Name, view.LongestRun(), view.Origin.Name)
}

// open chooses the rows that a run reads, once the clock of the source is known. It
// reports false when there are none.
func (r *Runner) open(ctx context.Context, view *schema.View, t *task, now int64) (w schema.Window, wanted bool, err error) {
	if w, err = r.window(view, t, now); err != nil {
		return w, false, err
	}
	r.mu.Lock()
	t.run.From, t.run.To, t.run.CatalogVersion = w.From, w.To, view.Catalog.Version
	if w.From == schema.BeginningOfTime {
		t.run.From = 0
	}
	r.publish(t)
	r.mu.Unlock()
	if w.Mode != schema.Range && w.From >= w.To {
		return w, false, nil // the watermark is at the end: nothing is missing
	}
	r.estimate(ctx, view, w, t)
	return w, true, nil
}

// window decides which rows a run reads. now is the source's clock: rows get their
// times there, so a wrong clock of this machine neither skips rows nor moves the
// watermark past them.
func (r *Runner) window(view *schema.View, t *task, now int64) (schema.Window, error) {
	r.mu.Lock()
	mode, from, to := t.run.Mode, t.run.From, t.run.To
	r.mu.Unlock()
	w := schema.Window{Mode: mode, From: schema.BeginningOfTime, To: to, Now: now}
	if to == 0 || to > now && mode != schema.Range {
		w.To = now
	}
	switch mode {
	case schema.Range:
		w.From = from
	case schema.Incremental:
		mark, found, err := r.Store.Watermark(view.ID)
		switch {
		case err != nil:
			return w, fmt.Errorf("read the watermark of %q: %w", view.Name, err)
		case found && mark.Time > now:
			r.warn(t, "the watermark was %s ahead of Postgres's clock; runs may have skipped rows, so this one reads all of them again and sets the watermark back",
				(time.Duration(mark.Time-now) * time.Microsecond).Round(time.Millisecond))
		case found:
			w.From = mark.Time
		}
	}
	return w, nil
}

// estimate sets the expected number of rows. A run doesn't need it.
func (r *Runner) estimate(ctx context.Context, view *schema.View, w schema.Window, t *task) {
	total, err := r.Source.Estimate(ctx, view, w)
	if err != nil {
		r.Logger.Debug("no estimate of a window", "view", view.Name, "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.run.RowsTotal = total
	r.publish(t)
}

// warn adds a warning to a run.
func (r *Runner) warn(t *task, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.run.Warnings = append(t.run.Warnings, fmt.Sprintf(format, args...))
	r.publish(t)
}

// wants reports whether the rows of a view are stored where the serving or the next
// catalog reads them.
func (r *Runner) wants(view *schema.View) bool {
	for _, c := range []*schema.Catalog{r.Building(), r.Catalog()} { // in this order: a catalog becomes the serving one before it stops being the next
		if c == nil {
			continue
		}
		if now, err := c.View(view.Name); err == nil && now.ID == view.ID {
			return true
		}
	}
	return false
}

func changed(view string) error {
	return schema.ViewChanged.Errorf("feature view %q changed during the run; the next run stores its rows again", view)
}

// checkEmpty warns of a run that read nothing from the beginning of time on, while the
// source has rows.
func (r *Runner) checkEmpty(ctx context.Context, view *schema.View, w schema.Window, t *task) error {
	r.mu.Lock()
	read := t.run.RowsRead
	r.mu.Unlock()
	if read > 0 || w.From != schema.BeginningOfTime {
		return nil
	}
	later, err := r.Source.HasLater(ctx, view, w.To)
	if err == nil && later {
		r.warn(t, "no row was read: the event times of source %q are all in the future of Postgres's clock; is its timestamp_field computed with clock_timestamp(), or is it local time without its time_zone?", view.Origin.Name)
	}
	return err
}

// finish makes the rows of a window durable and, except for a range, moves the
// watermark of the view to the window's end. It moves it back only from a time that
// the source's clock has not reached.
func (r *Runner) finish(ctx context.Context, view *schema.View, w schema.Window, writer store.Writer) error {
	at, moves, err := r.advance(view, w)
	switch {
	case err != nil:
		return err
	case moves:
		err = writer.Commit(ctx, at)
	default:
		err = writer.Flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("write rows of %q: %w", view.Name, err)
	}
	return nil
}

// advance returns where the watermark of a view moves once a window is stored.
func (r *Runner) advance(view *schema.View, w schema.Window) (at store.Watermark, moves bool, err error) {
	if w.Mode == schema.Range {
		return at, false, nil
	}
	if !r.wants(view) {
		return at, false, changed(view.Name)
	}
	mark, found, err := r.Store.Watermark(view.ID)
	if err != nil {
		return at, false, fmt.Errorf("read the watermark of %q: %w", view.Name, err)
	}
	moves = !found || mark.Time < w.To || mark.Time > w.Now
	return store.Watermark{Time: w.To, CatalogVersion: view.Catalog.Version}, moves, nil
}
