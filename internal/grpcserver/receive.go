package grpcserver

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"larder/internal/background"
)

// A lateContext is the context of an RPC whose message had not arrived when its headers
// were read.
type lateContext struct {
	context.Context
	stream uint32 // of HTTP/2
}

type lateKey struct{}

// Value implements [context.Context].
func (l *lateContext) Value(key any) any {
	if key == (lateKey{}) {
		return l
	}
	return l.Context.Value(key)
}

// lateness notes in the context of an RPC that its message is to be waited for. It must
// run where gRPC reads the headers.
func lateness(ctx context.Context, streams bool) context.Context {
	f := framesOf(ctx)
	if f == nil || f.conn == nil || !streams && f.hasMessage() {
		return ctx
	}
	return &lateContext{ctx, f.opened}
}

// A receipt receives the messages of one RPC.
type receipt struct {
	shell   *Server
	method  *method
	conn    *conn     // nil where nobody follows it
	stream  uint32    // of HTTP/2; 0 where the message had arrived with the headers
	patient bool      // of a stream of messages
	held    int64     // bytes that the last message takes of the budget
	seen    time.Time // when the call came
	refused *failure  // why a unary call was not admitted
}

// into is a message to be decoded.
type into struct {
	message any
	shell   *Server
	held    int64    // bytes that it takes of the budget
	refused *failure // why it was not decoded
}

func (s *Server) newReceipt(ctx context.Context, m *method, streams bool) *receipt {
	r := &receipt{shell: s, method: m, patient: streams}
	if f := framesOf(ctx); f != nil {
		r.conn = f.conn
	}
	if late, is := ctx.Value(lateKey{}).(*lateContext); is {
		r.stream = late.stream
	}
	return r
}

// next receives a message. It gives back what the one before took of the budget.
func (r *receipt) next(stream grpc.ServerStream, message any) error {
	r.done()
	m := &into{message: message, shell: r.shell}
	if r.stream != 0 {
		if err := r.await(stream, m); err != nil {
			return err
		}
	} else if err := received(stream, m); err != nil {
		return err
	}
	r.held = m.held
	return nil
}

// received receives a message that is not waited for. When it returns an error, the
// message takes nothing of the budget.
func received(stream grpc.ServerStream, m *into) error {
	err := stream.RecvMsg(m)
	if m.refused != nil {
		err = m.refused
	}
	if err != nil {
		m.shell.budget.give(m.held)
	}
	return err
}

// done gives back what the last message took of the budget.
func (r *receipt) done() {
	r.shell.budget.give(r.held)
	r.held = 0
}

// await receives a message unless the wait for it is ended.
func (r *receipt) await(stream grpc.ServerStream, m *into) error {
	killed := make(chan *failure, 1)
	done, refused := r.shell.await(r.conn, &wait{stream: r.stream, patient: r.patient, kill: func(f *failure) {
		select {
		case killed <- f:
		default: // it is ended already
		}
	}})
	defer done()
	if refused != nil {
		return refused
	}
	var mu sync.Mutex
	left, result := false, make(chan error, 1)
	go func() { // it ends with the RPC, which ends when the handler returns
		err := background.Try(func() error { return received(stream, m) })
		mu.Lock()
		defer mu.Unlock()
		if left && err == nil {
			r.shell.budget.give(m.held)
		}
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case f := <-killed:
		mu.Lock()
		defer mu.Unlock()
		if len(result) > 0 {
			return <-result
		}
		left = true
		return f
	}
}
