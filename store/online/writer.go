package online

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"sync/atomic"

	"larder/internal/background"
	"larder/schema"
	"larder/store"
	"larder/store/row"
)

// A writer is a [store.Writer]. Rows are gathered in chunks that are written by a
// goroutine of the writer's while the next chunk fills; two chunks is all the
// memory it takes.
type writer struct {
	store  *Store
	view   *view
	opts   store.WriterOptions
	prefix []byte

	filling *chunk
	work    chan *chunk
	free    chan *chunk
	stop    context.CancelFunc // ends the counting that a writer may begin with
	stopped chan struct{}
	err     atomic.Pointer[error] // the first

	written, superseded atomic.Int64

	// Of the goroutine.
	inserted, newest int64  // since the last Flush
	seen             *bloom // keys so far, when the view was empty before; nil otherwise
	seed             maphash.Seed
}

// NewWriter returns a writer of a view's rows, which the caller closes. While
// another writer of the view is open it waits for that one.
func (s *Store) NewWriter(viewID uint32, opts store.WriterOptions) store.Writer {
	w := &writer{
		store: s, view: s.view(viewID), opts: opts, prefix: row.AppendView(nil, viewID),
		filling: new(chunk), work: make(chan *chunk), free: make(chan *chunk, 2), stopped: make(chan struct{}),
		newest: store.NoEventTime, seed: maphash.MakeSeed(),
	}
	w.free <- new(chunk)
	w.view.writer.Lock()
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go w.run(ctx)
	return w
}

// Add takes a row; key and rowBytes are copied. It blocks while the store is
// slower than the caller.
func (w *writer) Add(ctx context.Context, key []byte, eventTime int64, rowBytes []byte) error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	if err := w.check(key, eventTime, rowBytes); err != nil {
		return w.fail(err)
	}
	ingest, err := ingestOf(w.opts.Ties, rowBytes)
	if err != nil {
		return w.fail(err)
	}
	w.filling.add(key, eventTime, rowBytes, ingest)
	if !w.filling.full() {
		return nil
	}
	return w.send(ctx)
}

// check refuses what could never be read again. These are faults of the
// caller's code: a source's bad rows are refused before they are encoded.
func (w *writer) check(key []byte, eventTime int64, rowBytes []byte) error {
	switch {
	case !bytes.HasPrefix(key, w.prefix) || len(key) == len(w.prefix):
		return fmt.Errorf("key %x is none of view %d", key, w.view.id)
	case len(key) > row.MaxKeyBytes:
		return fmt.Errorf("a key of %d bytes; at most %d fit", len(key), row.MaxKeyBytes)
	case len(rowBytes) == 0 || len(rowBytes) > store.MaxRowBytes:
		return fmt.Errorf("key %x: a row of %d bytes; 1 to %d fit", key, len(rowBytes), store.MaxRowBytes)
	case eventTime < schema.BeginningOfTime || eventTime > schema.EndOfTime:
		return fmt.Errorf("key %x: event time %d is out of range", key, eventTime)
	}
	return nil
}

// Flush writes all rows that were added and returns when they are durable and
// answered.
func (w *writer) Flush(ctx context.Context) error { return w.finish(ctx, nil) }

// Commit writes all rows that were added, the last chunk together with the
// watermark.
func (w *writer) Commit(ctx context.Context, at store.Watermark) error { return w.finish(ctx, &at) }

// finish writes the last chunk, with the watermark if there is one.
func (w *writer) finish(ctx context.Context, mark *store.Watermark) error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	done := make(chan error, 1)
	w.filling.done, w.filling.mark = done, mark
	if err := w.send(ctx); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return w.fail(ctx.Err())
	}
}

// send hands the filling chunk over and takes the next.
func (w *writer) send(ctx context.Context) error {
	select {
	case w.work <- w.filling:
		w.filling = nil
	case <-ctx.Done():
		return w.fail(ctx.Err())
	}
	select {
	case w.filling = <-w.free:
		return nil
	case <-ctx.Done():
		return w.fail(ctx.Err())
	}
}

func (w *writer) fail(err error) error {
	w.err.CompareAndSwap(nil, &err)
	return *w.err.Load()
}

// Written returns how many rows have been written so far.
func (w *writer) Written() int64 { return w.written.Load() }

// Superseded returns how many rows have changed nothing so far: a newer row of
// their key was there, or the very same.
func (w *writer) Superseded() int64 { return w.superseded.Load() }

// Close discards rows that were not flushed and waits for the writer's goroutine.
func (w *writer) Close() {
	w.stop()
	close(w.work)
	<-w.stopped
	w.view.writer.Unlock()
}

// run writes chunks until Close. It takes and returns chunks after an error too,
// so that nobody waits for it in vain.
func (w *writer) run(ctx context.Context) {
	defer close(w.stopped)
	background.Thread()
	if err := w.start(ctx); err != nil {
		_ = w.fail(err) // the caller's next call returns it
	}
	for c := range w.work {
		if w.err.Load() == nil {
			if err := w.apply(c); err != nil {
				_ = w.fail(fmt.Errorf("write rows of view %d: %w", w.view.id, err)) // the caller's next call returns it
			}
		}
		if c.done != nil {
			c.done <- w.settle(c)
		}
		c.reset()
		w.free <- c
	}
	if w.view.uncounted() && w.err.Load() == nil {
		_ = w.count() // else the next writer counts
	}
}

// start looks at what the view has, until ctx ends.
func (w *writer) start(ctx context.Context) error {
	empty, err := w.store.isEmpty(ctx, w.prefix)
	if err != nil {
		return err
	}
	if empty {
		w.seen = newBloom()
	}
	return w.store.countView(ctx, w.view)
}

// count adds what was applied to what the store says of the view.
func (w *writer) count() error {
	err := w.store.keepCount(w.view, func(state *viewState) {
		state.newest, state.rows = max(state.newest, w.newest), state.rows+w.inserted
	})
	if err == nil {
		w.store.add(w.inserted)
		w.inserted = 0
	}
	return err
}

// settle makes what was applied durable, as a commit is already, unless something
// went wrong.
func (w *writer) settle(c *chunk) error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	if c.mark != nil {
		return nil
	}
	err := w.count()
	if err == nil {
		err = w.store.sync()
	}
	if err != nil {
		return w.fail(fmt.Errorf("flush rows of view %d: %w", w.view.id, err))
	}
	return nil
}
