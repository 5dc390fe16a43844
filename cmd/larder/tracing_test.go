package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
)

func TestTracesGoWhereTheVariablesSay(t *testing.T) {
	f := func(exporter, protocol, want string) {
		t.Helper()
		t.Setenv("OTEL_TRACES_EXPORTER", exporter)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		got, err := newSpanExporter(t.Context())
		text := fmt.Sprintf("%v", err)
		if err == nil {
			text = "none"
			if got != nil {
				text = fmt.Sprintf("%#v", got.(interface{ MarshalLog() any }).MarshalLog()) // names the type of its client
				defer got.Shutdown(t.Context())
			}
		}
		if !strings.Contains(text, want) {
			t.Errorf("%q over %q: %s; want %q", exporter, protocol, text, want)
		}
	}
	f("", "", "*otlptracehttp.")
	f("otlp", "http/protobuf", "*otlptracehttp.")
	f("otlp", "grpc", "*otlptracegrpc.")
	f("none", "grpc", "none")
	f("zipkin", "", `OTEL_TRACES_EXPORTER is "zipkin"; it can be otlp or none`)
	f("otlp", "http/json", `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"; it can be grpc or http/protobuf`)
}

func TestNoTracesWithNone(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	before := otel.GetTracerProvider()
	stop, err := startTracing(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if otel.GetTracerProvider() != before {
		t.Error("spans are recorded")
	}
}
