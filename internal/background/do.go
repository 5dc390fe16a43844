package background

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Try returns what work returns. It returns a panic in work as an error with its
// stack. Without it, a panic in a goroutine of background work would end the process.
func Try(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
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
