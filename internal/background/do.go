package background

import (
	"context"
	"fmt"
	"runtime/debug"
)

// A Panic is the error that [Try] makes of a panic.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns the panic with its stack, for the log.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// Try returns what work returns, or a [*Panic] if it panics. Background work needs it:
// a panic that nothing recovers ends the process.
func Try(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panic{p, debug.Stack()}
		}
	}()
	return work()
}

// Do runs work in a goroutine of its own, on a thread of low priority, and
// returns what it returns; a panic is an error, as from [Try]. Do waits for work
// also when ctx ends, so work must stop then. The context that work gets ends
// when Do returns.
func Do[T any](ctx context.Context, work func(context.Context) (T, error)) (result T, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Thread()
		err = Try(func() (err error) {
			result, err = work(ctx)
			return err
		})
	}()
	<-done
	return result, err
}
