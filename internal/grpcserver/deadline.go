package grpcserver

import (
	"context"
	"sync"
	"time"
)

// A deadline is the context of a call that came without a deadline. It creates no
// timer until a goroutine waits for it, which most calls never do.
type deadline struct {
	context.Context // of the call
	at              time.Time

	once   sync.Once
	timed  context.Context // nil until a goroutine waits
	cancel context.CancelFunc
}

// ended is the state of a context after its call.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func newDeadline(ctx context.Context, timeout time.Duration) *deadline {
	return &deadline{Context: ctx, at: time.Now().Add(timeout)}
}

func (d *deadline) wait() context.Context {
	d.once.Do(func() { d.timed, d.cancel = context.WithDeadline(d.Context, d.at) })
	return d.timed
}

// end ends the context and wakes everything that waits for it.
func (d *deadline) end() {
	d.once.Do(func() { d.timed, d.cancel = ended, func() {} })
	d.cancel()
}

// Deadline implements [context.Context], like the next two methods.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

func (d *deadline) Err() error {
	if err := d.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return nil
}

// AfterFunc is called by [context.AfterFunc], which would otherwise start a goroutine.
func (d *deadline) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(d.wait(), f) }
