package grpcserver

import (
	"context"
	"sync"
	"time"

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
	in      stay
}

func (r *receivedStream) RecvMsg(message any) error {
	r.rest()
	if err := r.receipt.next(r.ServerStream, message); err != nil {
		r.resume()
		return err
	}
	if refused := r.begin(message); refused != nil {
		pushBack(r.ServerStream, refused)
		return r.receipt.shell.shed(r.Context(), refused, time.Time{})
	}
	return nil
}

func (r *receivedStream) SendMsg(message any) error {
	r.rest()
	defer r.resume()
	return r.ServerStream.SendMsg(message)
}

func (r *receivedStream) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting++
	r.leave()
}

// begin returns why the stream can't be in flight, when it begins to answer a message.
func (r *receivedStream) begin(message any) (refused *failure) {
	x := r.receipt
	refused = x.shell.gate(r.Context(), x.method, x.conn)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting--
	if refused != nil || r.resting > 0 || r.entered {
		return refused
	}
	r.in, refused = x.shell.enter(r.Context(), x.method, x.conn, workOf(x.method, message))
	r.entered = refused == nil
	return refused
}

// resume puts the stream back in flight where it goes on.
func (r *receivedStream) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting--
	if r.resting > 0 || r.entered {
		return
	}
	r.in = r.receipt.shell.resume(r.receipt.method, r.receipt.conn) // it has begun, and must end
	r.entered = true
}

func (r *receivedStream) leave() {
	if r.entered {
		r.receipt.shell.leave(&r.in, nil)
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
	return &guardedStream{ServerStream: stream, shell: s, rule: m.rule}, nil
}

// A guardedStream authorizes each message before the handler sees it, and counts those for
// features and scores when they are answered. Handlers answer such messages one by one.
type guardedStream struct {
	grpc.ServerStream
	shell *Server
	rule  *rule
	reads Resource // what the last message was for; of rules that read
}

func (g *guardedStream) RecvMsg(msg any) error {
	if err := g.ServerStream.RecvMsg(msg); err != nil {
		return err
	}
	if g.rule.reads() {
		g.reads, _ = g.rule.on(msg, 0)
	}
	return g.shell.authorize(g.Context(), g.rule, msg)
}

// SendMsg sends nothing more to a caller who has lost the right: its key may have been
// revoked since the call began.
func (g *guardedStream) SendMsg(msg any) error {
	if err := g.shell.opts.Access.AuthorizeSome(CallerOf(g.Context()), g.rule.right, ""); err != nil {
		return g.shell.refuse(failureOf(err))
	}
	if err := g.ServerStream.SendMsg(msg); err != nil {
		return err
	}
	if said, is := msg.(interface{ GetErrorMessage() string }); g.rule.reads() && (!is || said.GetErrorMessage() == "") {
		g.shell.countRead(g.Context(), g.reads)
	}
	return nil
}

// A permitStream sends nothing before the handler has called [Permit], and nothing more to a
// caller who has lost the right since.
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
	if s := p.permit.shell; s.opts.Access != nil {
		if err := s.allow(p.ctx, p.permit.right, p.permit.on); err != nil {
			return err
		}
	}
	return p.ServerStream.SendMsg(msg)
}

// call runs the handler of a unary call if the caller may make the call.
func (s *Server) call(ctx context.Context, m *method, req any, handler grpc.UnaryHandler) (any, error) {
	if err := s.authorize(ctx, m.rule, req); err != nil {
		return nil, err
	}
	if !m.rule.late {
		resp, err := handler(ctx, req)
		if err == nil && m.rule.reads() {
			on, _ := m.rule.on(req, 0)
			s.countRead(ctx, on)
		}
		return resp, err
	}
	ctx, p := s.newPermit(ctx, m.rule)
	resp, err := handler(ctx, req)
	if err == nil && p.missing() {
		return nil, errNoPermit
	}
	return resp, err
}
