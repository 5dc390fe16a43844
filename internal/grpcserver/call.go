package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"

	"larder/schema"
)

// admit accepts or refuses a call when only its headers have been read.
func (s *Server) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	if m := s.methods[info.FullMethodName]; m != nil && m.rule != nil && m.rule.right == Public {
		return ctx, nil
	}
	ctx, err := s.authenticate(ctx, Credentials{Authorization: info.Header.Get("authorization")})
	if err != nil {
		return nil, s.refuse(failureOf(err)).status()
	}
	if s.inFlight.Load() >= int64(s.opts.MaxInFlight) {
		return nil, s.refuse(s.tooMany()).status()
	}
	return ctx, nil
}

func (s *Server) refuse(f *failure) *failure {
	s.metrics.refused.WithLabelValues(string(f.reason)).Inc()
	return f
}

func (s *Server) tooMany() *failure {
	return failureOf(schema.TooManyInFlight.Errorf("too many requests in flight (limit %d); retry or raise --max-in-flight", s.opts.MaxInFlight))
}

// enter counts a request as in flight, unless too many are. leave undoes that.
func (s *Server) enter() bool {
	if s.inFlight.Add(1) > int64(s.opts.MaxInFlight) {
		s.inFlight.Add(-1)
		return false
	}
	return true
}

func (s *Server) leave() { s.inFlight.Add(-1) }

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	m := s.methods[info.FullMethod]
	if !m.health {
		if !s.enter() {
			return nil, s.refuse(s.tooMany()).status()
		}
		defer s.leave()
	}
	if _, has := ctx.Deadline(); !has {
		d := newDeadline(ctx, s.opts.DefaultTimeout)
		defer d.end()
		ctx = d
	}
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, s.panicked(m.name, p)
		}
		err = s.ended(ctx, m, time.Since(began), err)
	}()
	return s.call(ctx, m, req, handler)
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	m := s.methods[info.FullMethod]
	if !m.health {
		if !s.enter() {
			return s.refuse(s.tooMany()).status()
		}
		defer s.leave()
	}
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(m.name, p)
		}
		err = s.ended(stream.Context(), m, time.Since(began), err)
	}()
	if stream, err = s.guard(stream, m); err != nil {
		return err
	}
	return handler(srv, stream)
}

// ended counts and logs a call and returns the error to send.
func (s *Server) ended(ctx context.Context, m *method, took time.Duration, err error) error {
	var f *failure
	if err != nil {
		f = failureOf(err)
	}
	s.metrics.ended(m, took, f)
	s.log(ctx, m.name, took, f)
	if f == nil {
		return nil
	}
	return f.status()
}

// log writes a line per request at debug, and one at error when the fault is ours.
func (s *Server) log(ctx context.Context, name string, took time.Duration, f *failure) {
	level := slog.LevelDebug
	if f != nil && f.requestID != "" {
		level = slog.LevelError
	}
	if !s.opts.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", name), slog.Duration("took", took)}
	if f != nil {
		attrs = append(attrs, slog.String("code", f.code.String()), slog.Any("error", f.cause))
		if f.requestID != "" {
			attrs = append(attrs, slog.String("request_id", f.requestID))
		}
	}
	s.opts.Logger.LogAttrs(ctx, level, "request", attrs...)
}

// panicked counts a panic and returns it as an error with its stack, for the log.
func (s *Server) panicked(name string, p any) error {
	s.metrics.panics.Inc()
	return fmt.Errorf("%s panicked: %v\n%s", name, p, debug.Stack())
}
