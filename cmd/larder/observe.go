package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
)

func newLogger(w io.Writer, cfg settings) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return nil, usageError(fmt.Sprintf("--log-level is debug, info, warn or error, not %q", cfg.LogLevel))
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, usageError(fmt.Sprintf("--log-format is text or json, not %q", cfg.LogFormat))
}

// tracingWanted tells whether the environment says where traces go.
func tracingWanted() bool {
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "OTEL_EXPORTER_") || strings.HasPrefix(variable, "OTEL_TRACES_") {
			return true
		}
	}
	return false
}

// startTracing sends traces where the OTEL_ variables say, if they do. The
// function that it returns sends what is left. A collector that doesn't answer
// is told of in the log, and holds nothing up.
func startTracing(ctx context.Context, log *slog.Logger) (stop func(), err error) {
	if !tracingWanted() {
		return func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces can't be sent", "error", err) }))
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
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

// serverName is the host and the gRPC port: two servers of a host differ.
func serverName(addr net.Addr) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr.String())
	return host + ":" + port, err
}
