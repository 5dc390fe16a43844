package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// A tracer makes a span of each query that pgx runs for a request or a run that is traced.
// Queries of no trace, such as those that look for news every few seconds, have none.
type tracer struct{}

var _ pgx.QueryTracer = tracer{}

// TraceQueryStart implements [pgx.QueryTracer], like the next method.
func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return start(ctx, operation(q.SQL), q.SQL)
}

func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	end(ctx, q.Err)
}

// Trace is the tracer for work that goes around pgx: it begins a span named name, if ctx
// belongs to a trace. The caller calls done when the work has ended.
func Trace(ctx context.Context, name, sql string) (traced context.Context, done func(error)) {
	traced = start(ctx, name, sql)
	return traced, func(err error) { end(traced, err) }
}

type spanKey struct{}

func start(ctx context.Context, name, sql string) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	attributes := []attribute.KeyValue{semconv.DBSystemNamePostgreSQL}
	if sql != "" { // its values are parameters, which are not here
		attributes = append(attributes, semconv.DBQueryText(sql))
	}
	ctx, span := otel.Tracer("larder/internal/postgres").Start(ctx, "postgres "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return context.WithValue(ctx, spanKey{}, span)
}

// end ends the span that start began with ctx.
func end(ctx context.Context, err error) {
	span, traced := ctx.Value(spanKey{}).(trace.Span)
	if !traced || span != trace.SpanFromContext(ctx) {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// operation returns the first word of a statement: SELECT.
func operation(sql string) string {
	sql = strings.TrimSpace(sql)
	at := strings.IndexFunc(sql, func(r rune) bool { return r <= ' ' || r == ';' || r == '(' })
	if at < 0 {
		at = len(sql)
	}
	return strings.ToUpper(sql[:at])
}
