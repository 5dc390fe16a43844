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

// A writer is a [store.Writer]. Rows are gathered in chunks. The writer's goroutine
// writes a chunk while the next one fills, so its memory is two chunks.
type writer struct {
	store  *Store
	view   *view
	opts   store.WriterOptions
	prefix []byte

	filling *chunk
	work    chan *chunk
	free    chan *chunk
	stop    context.CancelFunc // stops the counting that a writer may start with
	stopped chan struct{}
	err     atomic.Pointer[error] // the first

	written, superseded atomic.Int64

	// Owned by the goroutine.
	inserted, newest int64  // since the last Flush
	seen             *bloom // keys so far, when the view was empty before; nil otherwise
	seed             maphash.Seed
	passed           []byte // with Replace: the last key up to which other rows are replaced
}

// NewWriter returns a writer of a view's rows. The caller closes it. While another
// writer of the view is open, NewWriter waits.
func (s *Store) NewWriter(viewID uint32, opts store.WriterOptions) store.Writer {
	w := &writer{
		store: s, view: s.view(viewID), opts: opts, prefix: row.AppendView(nil, viewID),
		filling: new(chunk), work: make(chan *chunk), free: make(chan *chunk, 2), stopped: make(chan struct{}),
		newest: store.NoEventTime, seed: maphash.MakeSeed(),
	}
	w.passed = w.prefix
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

// check refuses rows that could never be read again. They mean a bug in the caller:
// the bad rows of a source are refused before they are encoded.
func (w *writer) check(key []byte, eventTime int64, rowBytes []byte) error {
	switch {
	case !bytes.HasPrefix(key, w.prefix) || len(key) == len(w.prefix):
		return fmt.Errorf("key %x does not belong to view %d", key, w.view.id)
	case len(key) > row.MaxKeyBytes:
		return fmt.Errorf("the key has %d bytes (limit %d)", len(key), row.MaxKeyBytes)
	case len(rowBytes) == 0 || len(rowBytes) > store.MaxRowBytes:
		return fmt.Errorf("key %x: the row has %d bytes; it must have 1 to %d", key, len(rowBytes), store.MaxRowBytes)
	case eventTime < schema.BeginningOfTime || eventTime > schema.EndOfTime:
		return fmt.Errorf("key %x: event time %d is out of range", key, eventTime)
	}
	return nil
}

// Flush writes all added rows and returns when they are durable and visible to reads.
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

// send passes on the current chunk and takes the next.
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

// Superseded returns how many rows changed nothing so far: their key had a newer row,
// or the same one.
func (w *writer) Superseded() int64 { return w.superseded.Load() }

// Close discards rows that were not flushed and waits for the writer's goroutine.
func (w *writer) Close() {
	w.stop()
	close(w.work)
	<-w.stopped
	w.view.writer.Unlock()
}

// run writes chunks until Close. It takes and returns chunks after an error too, so
// that the caller doesn't wait forever.
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
		_ = w.count() // on failure the next writer counts
	}
}

// start reads what the view has, until ctx ends.
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

// count adds the applied rows to the counts of the view.
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

// settle makes the applied rows durable unless there was an error. Commits are durable
// already.
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
