package grpcserver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/grpcserver"
)

// TestDeadline: a context without a timer ends when one with a timer would, for
// callers of Err, waiters on Done, AfterFunc callbacks and derived contexts.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		defer stop()
		d, end := grpcserver.NewDeadline(parent, time.Minute)
		defer end()
		want, stopWant := context.WithTimeout(parent, time.Minute)
		defer stopWant()
		called := make(chan struct{})
		context.AfterFunc(d, func() { close(called) })
		child, cancel := context.WithCancel(d)
		defer cancel()
		at, has := d.Deadline()
		if wantAt, _ := want.Deadline(); !has || !at.Equal(wantAt) || d.Err() != nil {
			t.Errorf("the deadline is %s, %v, over %v; want %s", at, has, d.Err(), wantAt)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		if d.Err() != nil || child.Err() != nil {
			t.Errorf("before its time: %v, %v", d.Err(), child.Err())
		}
		time.Sleep(time.Nanosecond)
		<-d.Done()
		<-called
		<-child.Done()
		for _, ctx := range []context.Context{d, child} {
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("after its time: %v", ctx.Err())
			}
		}
	})
}

// TestDeadlineEnds with the call, with or without a waiter, and with the caller.
func TestDeadlineEnds(t *testing.T) {
	late, end := grpcserver.NewDeadline(t.Context(), time.Hour)
	waited := late.Done()
	end()
	<-waited
	unwaited, end := grpcserver.NewDeadline(t.Context(), time.Hour)
	end()
	<-unwaited.Done()
	parent, stop := context.WithCancelCause(t.Context())
	gone, end := grpcserver.NewDeadline(parent, time.Hour)
	defer end()
	stop(errors.New("gone"))
	<-gone.Done()
	if !errors.Is(gone.Err(), context.Canceled) || context.Cause(gone).Error() != "gone" {
		t.Errorf("a caller that is gone: %v, because %v", gone.Err(), context.Cause(gone))
	}
}

func BenchmarkDeadline(b *testing.B) {
	b.Run("timer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			_ = ctx.Err()
			cancel()
		}
	})
	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, end := grpcserver.NewDeadline(b.Context(), time.Minute)
			_ = d.Err()
			end()
		}
	})
}
