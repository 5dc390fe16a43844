package serving

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"larder/schema"
)

// span begins a span of work on rows of a plan. Without a tracer it does nothing.
func (s *Server) span(ctx context.Context, name string, plan *schema.Plan, rows int) (context.Context, trace.Span) {
	if s.opts.Tracer == nil {
		return ctx, noop.Span{}
	}
	ctx, span := s.opts.Tracer.Start(ctx, name)
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(attribute.String("larder.plan", plan.Name()), attribute.Int("larder.rows", rows))
	if plan.Model != nil {
		span.SetAttributes(attribute.Int64("larder.model_version", plan.ModelVersion.Version))
	}
	return ctx, span
}

// EndSpan ends a span, with the error that its work ended with.
func EndSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// StartScore begins the span of a score that [Generation.Serve] does not make. The caller
// ends it with [EndSpan].
func (g *Generation) StartScore(ctx context.Context, plan *schema.Plan, rows int) (context.Context, trace.Span) {
	return g.server.span(ctx, scoreSpan, plan, rows)
}

// The spans below that of a request.
const (
	readSpan  = "read features"
	scoreSpan = "score"
)
