package grpcserver

import (
	"context"

	"google.golang.org/grpc"
)

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
