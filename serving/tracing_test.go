package serving_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	larderv1 "larder/api/larder/v1"
	"larder/serving"
)

// TestSpansOfARequest: what reads and what scores are spans of their own below the
// request's, and say of what and how many.
func TestSpansOfARequest(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	s := open(t, serving.Options{Tracer: tracer})
	f := func(want []string, request func(context.Context) error) {
		t.Helper()
		spans.Reset()
		ctx, parent := tracer.Start(t.Context(), "request")
		err := request(ctx)
		parent.End()
		var got []string
		for _, span := range spans.Ended() {
			line := span.Name()
			for _, a := range span.Attributes() {
				line += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
			}
			got = append(got, line)
			if span.Name() != "request" && span.Parent().SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("%s is not a child of the request's span", line)
			}
		}
		if !slices.Equal(got, append(want, "request")) {
			t.Errorf("spans %q (%v); want %q", got, err, want)
		}
	}
	entities := columns(int64s("customer_id", 1, 2), texts("terminal_id", "a", "b"))
	request := columns(doubles("amount", 1, 2))
	f([]string{"read features larder.plan=numbers larder.rows=2"}, func(ctx context.Context) error {
		_, err := s.server.GetFeatures(ctx, &larderv1.GetFeaturesRequest{
			What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "numbers"}, Entities: entities, Request: request,
		})
		return err
	})
	f([]string{
		"read features larder.plan=risk larder.rows=2 larder.model_version=1", "score larder.plan=risk larder.rows=2 larder.model_version=1",
	}, func(ctx context.Context) error {
		_, err := s.server.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: "risk", Entities: entities, Request: request})
		return err
	})
	f(nil, func(ctx context.Context) error {
		_, err := s.server.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: "nothing"})
		return err
	})
}
