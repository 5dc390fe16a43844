package materialize

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
	"larder/store"
	"larder/store/record"
)

// A reading is how a run reads its window: once, or twice when the view keeps its rows
// unless the new ones are as expected. Then the first time only counts.
type reading struct {
	runner   *Runner
	view     *schema.View
	task     *task
	progress *progress
	writer   store.Writer
	encoder  *record.Encoder
	counter  *record.Counter // nil when nothing is expected

	window   schema.Window
	chosen   bool // the window is
	wanted   bool // the window has something that is missing
	counting bool // the window is read to be counted only
	counted  bool // and was
}

// move writes the rows of a run's window, and moves the watermark with the last of
// them. When it returns nil, all are on disk.
func (r *Runner) move(ctx context.Context, view *schema.View, t *task) error {
	writer := r.Store.NewWriter(view.ID, store.WriterOptions{Ties: view.Origin.CreatedTimestampColumn != ""})
	defer writer.Close()
	x := &reading{
		runner: r, view: view, task: t, writer: writer, encoder: record.NewEncoder(view),
		progress: &progress{runner: r, task: t, view: view, writer: writer},
	}
	if view.Expect != nil {
		var err error
		if x.counter, err = record.NewCounter(view); err != nil {
			return err
		}
	}
	choose := func(now int64) (schema.Window, bool, error) { return x.choose(ctx, now) }
	visit := func(rec arrow.Record, bad []schema.BadRow) error { return x.visit(ctx, rec, bad) }
	err := r.Source.Read(ctx, view, choose, visit)
	if err != nil || !x.wanted {
		return err
	}
	if err := x.judge(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx, view, x.window, writer); err != nil {
		return err
	}
	x.progress.publish()
	return r.checkEmpty(ctx, view, x.window, t)
}

// choose returns the window of the run, as often as it is to be read.
func (x *reading) choose(ctx context.Context, now int64) (_ schema.Window, again bool, err error) {
	switch {
	case !x.chosen:
		x.chosen = true
		x.window, x.wanted, err = x.runner.open(ctx, x.view, x.task, now)
		x.counting = x.view.Expect != nil && x.view.Expect.OnFailure == schema.KeepOnFailure
		return x.window, x.wanted, err
	case x.counting && x.wanted:
		err = x.judge(ctx)
		x.counting, x.counted = false, true
		return x.window, err == nil, err
	}
	return x.window, false, nil
}

// judge fails when the rows of the window are not good enough, once all are read.
func (x *reading) judge(ctx context.Context) error {
	if err := x.progress.check(true); err != nil || x.counter == nil || x.counted {
		return err
	}
	return x.runner.judge(ctx, x.view, x.window, x.counter.Counts(), x.task)
}

// visit counts the rows of a record, and writes them.
func (x *reading) visit(ctx context.Context, rec arrow.Record, bad []schema.BadRow) error {
	if !x.runner.wants(x.view) {
		return changed(x.view.Name)
	}
	if !x.counted {
		if err := x.progress.add(rec.NumRows()+int64(len(bad)), bad); err != nil {
			return err
		}
		if x.counter != nil {
			if err := x.counter.Add(rec); err != nil {
				return err
			}
		}
	}
	if x.counting {
		return nil
	}
	bad, err := x.encoder.Encode(rec, func(_ int, key []byte, eventTime int64, bytes []byte) error {
		if err := x.writer.Add(ctx, key, eventTime, bytes); err != nil {
			return fmt.Errorf("write rows of %q: %w", x.view.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.progress.add(0, bad)
}
