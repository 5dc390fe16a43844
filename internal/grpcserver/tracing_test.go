package grpcserver_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"larder/internal/grpcserver"
)

func TestTracingMakesASpanOfEachRequest(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	t.Run("requests", func(t *testing.T) { // its end stops the server, after which all spans have ended
		s := start(t, grpcserver.Options{Tracing: true}, nothing)
		s.check(s.echo(t.Context()))
		s.ask("POST", "/echo", "")
	})
	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
	}
	slices.Sort(names)
	if want := []string{"POST /echo", "larder.v1.EchoService/Echo"}; !slices.Equal(names, want) {
		t.Errorf("spans %q; want %q", names, want)
	}
}
