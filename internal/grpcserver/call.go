package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// admit accepts or refuses a call when only its headers have been read.
func (s *Server) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	m := s.methods[info.FullMethodName]
	if m == nil || m.rule == nil || m.rule.right != Public {
		var err error
		from := origin{method: info.FullMethodName}
		if p, known := peer.FromContext(ctx); known {
			from.addr = p.Addr
		}
		if ctx, err = s.authenticate(ctx, Credentials{info.Header.Get("authorization"), s.ofCall(ctx)}, info.Header.Get(priorityHeader), from); err != nil {
			return nil, s.refused(ctx, from, "", "", failureOf(err)).status()
		}
	}
	if m == nil {
		return ctx, nil // gRPC says that there is no such method
	}
	if f := callHere(ctx, m); f != nil {
		return nil, s.refuse(f).status()
	}
	if s.full(m.class) && identityOf(ctx).priority < Critical { // the limiter may find room for that
		return nil, s.shed(ctx, s.tooMany(m.class), time.Time{}).status()
	}
	return lateness(ctx, m.streams), nil
}

func (s *Server) refuse(f *failure) *failure {
	s.metrics.refused.WithLabelValues(string(f.reason)).Inc()
	return f
}

// receiving returns a service whose messages are received within the server's limits.
func (s *Server) receiving(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	out := *desc
	out.Methods, out.Streams = nil, slices.Clone(desc.Streams)
	for _, m := range desc.Methods {
		out.Streams = append(out.Streams, grpc.StreamDesc{StreamName: m.MethodName, Handler: s.unaryHandler("/"+desc.ServiceName+"/"+m.MethodName, m.Handler)})
	}
	return &out
}

func (s *Server) unaryHandler(name string, handler grpc.MethodHandler) grpc.StreamHandler {
	return func(srv any, stream grpc.ServerStream) error {
		seen := time.Now()
		ctx := stream.Context()
		m := s.methods[name]
		r := s.newReceipt(ctx, m, false)
		if f := s.gate(ctx, m, r.conn); f != nil {
			pushBack(stream, f)
			return s.shed(ctx, f, seen).status()
		}
		r.seen = seen
		r.conn.begin()
		defer r.conn.end()
		defer r.done()
		answer, err := handler(srv, ctx, func(message any) error { return r.next(stream, message) }, r.unary)
		if err != nil {
			if r.refused != nil {
				pushBack(stream, r.refused)
			}
			return err
		}
		return r.send(stream, answer)
	}
}

// unary runs the handler of a unary call whose message has been received.
func (r *receipt) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	s, m := r.shell, r.method
	in, f := s.enter(ctx, m, r.conn, workOf(m, req))
	if f != nil {
		r.refused = f
		return nil, s.shed(ctx, f, r.seen).status()
	}
	if _, has := ctx.Deadline(); !has {
		d := newDeadline(ctx, s.opts.DefaultTimeout)
		defer d.end()
		ctx = d
	}
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, s.panicked(m.name, p)
		}
		err = s.ended(ctx, m, s.leave(&in, err), err)
	}()
	return s.call(ctx, m, req, handler)
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	m := s.methods[info.FullMethod]
	r := s.newReceipt(stream.Context(), m, info.IsClientStream && info.IsServerStream)
	r.conn.begin()
	defer r.conn.end()
	received := &receivedStream{ServerStream: stream, receipt: r}
	defer received.end()
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(m.name, p)
		}
		err = s.ended(stream.Context(), m, time.Since(began), err)
	}()
	guarded, err := s.guard(received, m)
	if err != nil {
		return err
	}
	return handler(srv, guarded)
}

// ended counts and logs a call and returns the error to send.
func (s *Server) ended(ctx context.Context, m *method, took time.Duration, err error) error {
	var f *failure
	if err != nil {
		f = failureOf(err)
	}
	s.recordEnd(ctx, f)
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
