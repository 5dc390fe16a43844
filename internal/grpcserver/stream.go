package grpcserver

import (
	"context"
	"sync"

	"google.golang.org/grpc"
)

// A receivedStream receives messages within the server's limits. It is in flight only
// while the handler has a message to answer: neither while it waits for the next one, nor
// while it waits for its caller to take an answer.
type receivedStream struct {
	grpc.ServerStream
	receipt *receipt

	mu      sync.Mutex
	resting int  // how many of its goroutines wait
	entered bool // it is in flight
}

func (r *receivedStream) RecvMsg(message any) error {
	r.rest()
	err := r.receipt.next(r.ServerStream, message)
	if refused := r.resume(err == nil); err == nil && refused != nil {
		return r.receipt.shell.refuse(refused)
	}
	return err
}

func (r *receivedStream) SendMsg(message any) error {
	r.rest()
	defer r.resume(false)
	return r.ServerStream.SendMsg(message)
}

func (r *receivedStream) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting++
	r.leave()
}

// resume returns why the stream can't be in flight, where it begins to answer a message.
func (r *receivedStream) resume(begins bool) *failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting--
	if r.resting > 0 || r.entered {
		return nil
	}
	x := r.receipt
	refused := x.shell.enter(x.method, x.conn)
	if refused != nil && !begins {
		x.shell.count(x.method, x.conn, 1) // it has begun, and must end
		refused = nil
	}
	r.entered = refused == nil
	return refused
}

func (r *receivedStream) leave() {
	if r.entered {
		r.receipt.shell.leave(r.receipt.method, r.receipt.conn)
		r.entered = false
	}
}

func (r *receivedStream) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave()
	r.receipt.done()
}

// guard returns a stream that refuses what the caller may not do.
func (s *Server) guard(stream grpc.ServerStream, m *method) (grpc.ServerStream, error) {
	switch {
	case m.rule == nil || m.rule.on == nil && !m.rule.late:
		return stream, s.authorize(stream.Context(), m.rule, nil)
	case m.rule.late:
		ctx, p := s.newPermit(stream.Context(), m.rule)
		return &permitStream{stream, ctx, p}, nil
	case s.opts.Access == nil:
		return stream, nil
	}
	return &guardedStream{stream, s, m.rule}, nil
}

// A guardedStream authorizes each message before the handler sees it.
type guardedStream struct {
	grpc.ServerStream
	shell *Server
	rule  *rule
}

func (g *guardedStream) RecvMsg(msg any) error {
	if err := g.ServerStream.RecvMsg(msg); err != nil {
		return err
	}
	return g.shell.authorize(g.Context(), g.rule, msg)
}

// A permitStream sends nothing before the handler has called [Permit].
type permitStream struct {
	grpc.ServerStream
	ctx    context.Context
	permit *permit
}

func (p *permitStream) Context() context.Context { return p.ctx }

func (p *permitStream) SendMsg(msg any) error {
	if p.permit.missing() {
		return errNoPermit
	}
	return p.ServerStream.SendMsg(msg)
}

// call runs the handler of a unary call if the caller may make the call.
func (s *Server) call(ctx context.Context, m *method, req any, handler grpc.UnaryHandler) (any, error) {
	if err := s.authorize(ctx, m.rule, req); err != nil {
		return nil, err
	}
	if !m.rule.late {
		return handler(ctx, req)
	}
	ctx, p := s.newPermit(ctx, m.rule)
	resp, err := handler(ctx, req)
	if err == nil && p.missing() {
		return nil, errNoPermit
	}
	return resp, err
}
