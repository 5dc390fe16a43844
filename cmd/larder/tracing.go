package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	apitrace "go.opentelemetry.io/otel/trace"
)

// tracingWanted reports whether the environment says where traces go.
func tracingWanted() bool {
	if os.Getenv("OTEL_TRACES_EXPORTER") == "none" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "OTEL_EXPORTER_") || strings.HasPrefix(variable, "OTEL_TRACES_") {
			return true
		}
	}
	return false
}

// startTracing sends traces where the OTEL_ variables say, if they do. The
// function that it returns sends what is left. A collector that doesn't answer
// is reported in the log and holds nothing up.
func startTracing(ctx context.Context, log *slog.Logger) (stop func(), err error) {
	if !tracingWanted() {
		return func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces can't be sent", "error", err) }))
	exporter, err := newSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := traceResource(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))
	otel.SetTracerProvider(provider)
	return func() {
		const patience = 3 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces can't be sent", "error", err)
		}
	}, nil
}

// traceResource says of every span whose it is. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES override what Larder says of itself.
func traceResource(ctx context.Context) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("larder"), semconv.ServiceVersion(version)), resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
}

// servingTracer returns what makes the spans inside a request; nil without tracing.
func servingTracer() apitrace.Tracer {
	if !tracingWanted() {
		return nil
	}
	return otel.Tracer("larder/serving")
}

// newSpanExporter returns the exporter that the OTEL_ variables choose.
// The exporter reads its address, headers and certificates from the variables.
func newSpanExporter(ctx context.Context) (trace.SpanExporter, error) {
	if name := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp"); name != "otlp" {
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; it can be otlp or none", name)
	}
	switch protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); protocol {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; it can be grpc or http/protobuf", protocol)
	}
}
