package materialize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

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
	err := background.Try(func() error { return r.materialize(ctx, t) })
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
	log := r.Logger.With("view", run.View, "run", run.ID, "mode", string(run.Mode), "rows", run.RowsRead, "written", run.RowsWritten,
		"superseded", run.RowsSuperseded, "bad", run.RowsBad, "took", time.Duration(run.EndedAt-run.StartedAt)*time.Microsecond)
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
	view, err := catalog.View(t.run.View)
	if err != nil {
		return err
	}
	w, err := r.window(view, t)
	if err != nil {
		return err
	}
	r.mu.Lock()
	t.run.From, t.run.To, t.run.CatalogVersion = w.From, w.To, catalog.Version
	if w.From == schema.BeginningOfTime {
		t.run.From = 0
	}
	r.publish(t)
	r.mu.Unlock()
	if w.Mode != schema.Range && w.From >= w.To {
		return nil // a watermark at or past the end: nothing is missing
	}
	r.estimate(ctx, view, w, t)
	return r.move(ctx, view, w, t)
}

// window decides which rows a run reads.
func (r *Runner) window(view *schema.View, t *task) (schema.Window, error) {
	r.mu.Lock()
	mode, from, to := t.run.Mode, t.run.From, t.run.To
	r.mu.Unlock()
	now := time.Now().UnixMicro()
	w := schema.Window{Mode: mode, From: schema.BeginningOfTime, To: to, Now: now}
	if to == 0 || to > now && mode != schema.Range {
		w.To = now
	}
	switch mode {
	case schema.Range:
		w.From = from
	case schema.Incremental:
		mark, found, err := r.Store.Watermark(view.ID)
		if err != nil {
			return w, fmt.Errorf("read the watermark of %q: %w", view.Name, err)
		}
		if found {
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

// move writes the rows of a window, and moves the watermark with the last of them.
// When it returns nil, all are on disk.
func (r *Runner) move(ctx context.Context, view *schema.View, w schema.Window, t *task) error {
	writer := r.Store.NewWriter(view.ID, store.WriterOptions{Ties: view.Origin.CreatedTimestampColumn != ""})
	defer writer.Close()
	p := &progress{runner: r, task: t, view: view, writer: writer}
	encoder := record.NewEncoder(view)
	write := func(_ int, key []byte, eventTime int64, bytes []byte) error {
		if err := writer.Add(ctx, key, eventTime, bytes); err != nil {
			return fmt.Errorf("write rows of %q: %w", view.Name, err)
		}
		return nil
	}
	err := r.Source.Window(ctx, view, w, func(rec arrow.Record, bad []schema.BadRow) error {
		if now, err := r.Catalog().View(view.Name); err != nil || now.ID != view.ID {
			return schema.ViewChanged.Errorf("feature view %q changed during the run; the next run stores its rows again", view.Name)
		}
		if err := p.add(rec.NumRows()+int64(len(bad)), bad); err != nil {
			return err
		}
		bad, err := encoder.Encode(rec, write)
		if err != nil {
			return err
		}
		return p.add(0, bad)
	})
	if err != nil {
		return err
	}
	if err := p.check(true); err != nil {
		return err
	}
	if err := r.finish(ctx, view, w, writer); err != nil {
		return err
	}
	p.publish()
	return nil
}

// finish makes the rows of a window durable and, except for a range, moves the
// watermark of the view to the window's end, but never back.
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
	now, err := r.Catalog().View(view.Name)
	if err != nil || now.ID != view.ID {
		return at, false, schema.ViewChanged.Errorf("feature view %q changed during the run; the next run stores its rows again", view.Name)
	}
	mark, found, err := r.Store.Watermark(view.ID)
	if err != nil {
		return at, false, fmt.Errorf("read the watermark of %q: %w", view.Name, err)
	}
	return store.Watermark{Time: w.To, CatalogVersion: view.Catalog.Version}, !found || mark.Time < w.To, nil
}
