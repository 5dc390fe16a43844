package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

func TestTracesGoWhereTheVariablesSay(t *testing.T) {
	f := func(exporter, protocol, want string) {
		t.Helper()
		t.Setenv("OTEL_TRACES_EXPORTER", exporter)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		got, err := newSpanExporter(t.Context())
		text := fmt.Sprintf("%v", err)
		if err == nil {
			text = fmt.Sprintf("%#v", got.(interface{ MarshalLog() any }).MarshalLog()) // names the type of its client
			defer got.Shutdown(t.Context())
		}
		if !strings.Contains(text, want) {
			t.Errorf("%q over %q: %s; want %q", exporter, protocol, text, want)
		}
	}
	f("", "", "*otlptracehttp.")
	f("otlp", "http/protobuf", "*otlptracehttp.")
	f("otlp", "grpc", "*otlptracegrpc.")
	f("zipkin", "", `OTEL_TRACES_EXPORTER is "zipkin"; it can be otlp or none`)
	f("otlp", "http/json", `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"; it can be grpc or http/protobuf`)
}

func TestNoTracesUnlessTheyAreWanted(t *testing.T) {
	f := func(variable, value string) {
		t.Helper()
		t.Run("", func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
			t.Setenv(variable, value)
			before := otel.GetTracerProvider()
			stop, err := startTracing(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			stop()
			if otel.GetTracerProvider() != before || servingTracer() != nil {
				t.Errorf("%s=%s: spans are recorded", variable, value)
			}
		})
	}
	f("OTEL_TRACES_EXPORTER", "none")
	f("OTEL_SDK_DISABLED", "true")
}

// TestTracesSayWhose: by name and version, unless the variables say otherwise.
func TestTracesSayWhose(t *testing.T) {
	f := func(variable, value, want string) {
		t.Helper()
		t.Run("", func(t *testing.T) {
			t.Setenv(variable, value)
			about, err := traceResource(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			name, _ := about.Set().Value(semconv.ServiceNameKey)
			number, _ := about.Set().Value(semconv.ServiceVersionKey)
			if got := name.AsString() + " " + number.AsString(); got != want {
				t.Errorf("%s=%s: %q; want %q", variable, value, got, want)
			}
		})
	}
	f("OTEL_SERVICE_NAME", "", "larder "+version)
	f("OTEL_SERVICE_NAME", "scores", "scores "+version)
	f("OTEL_RESOURCE_ATTRIBUTES", "service.version=7,deployment.environment.name=test", "larder 7")
}
