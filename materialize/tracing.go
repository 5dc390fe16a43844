package materialize

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// startRun begins a trace of a run: its queries are spans below.
func startRun(ctx context.Context, t *task) (context.Context, trace.Span) {
	return otel.Tracer("larder/materialize").Start(ctx, "materialize "+t.run.View, trace.WithNewRoot(), trace.WithAttributes(
		attribute.String("larder.view", t.run.View), attribute.String("larder.run", t.run.ID), attribute.String("larder.mode", string(t.run.Mode))))
}

func endRun(span trace.Span, run *Run, err error) {
	span.SetAttributes(attribute.Int64("larder.rows", run.RowsRead), attribute.Int64("larder.rows_written", run.RowsWritten))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
