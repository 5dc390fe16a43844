package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"larder/internal/postgres"
)

// TestQueriesOfATraceAreSpans, and no others.
func TestQueriesOfATraceAreSpans(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))

	c := connect(t, cluster(t).DSN())
	var n int
	if err := c.QueryRow(t.Context(), "SELECT 7").Scan(&n); err != nil {
		t.Fatal(err)
	}
	ctx, request := otel.Tracer("test").Start(t.Context(), "request")
	if err := c.QueryRow(ctx, "\n select $1::int", 7).Scan(&n); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.Exec(ctx, "SELECT nothing"); err == nil {
		t.Error("there is no column nothing")
	}
	within, done := postgres.Trace(ctx, "read couriers", "SELECT 8")
	if err := c.QueryRow(within, "SELECT 9").Scan(&n); err != nil {
		t.Error(err)
	}
	done(errors.New("the reader stopped"))
	request.End()
	if _, err := c.Exec(ctx, "SELECT 10"); err != nil { // the request has ended
		t.Error(err)
	}

	names := map[string]string{request.SpanContext().SpanID().String(): "request"}
	for _, span := range recorder.Ended() {
		names[span.SpanContext().SpanID().String()] = span.Name()
	}
	var got []string
	for _, span := range recorder.Ended() {
		line := fmt.Sprintf("%s < %s", span.Name(), names[span.Parent().SpanID().String()])
		for _, a := range span.Attributes() {
			line += fmt.Sprintf("|%s", a.Value.String())
		}
		if said := span.Status().Description; said != "" {
			line += "|" + said
		}
		got = append(got, line)
	}
	want := []string{
		"postgres SELECT < request|postgresql|\n select $1::int",
		"postgres SELECT < request|postgresql|SELECT nothing|ERROR: column \"nothing\" does not exist (SQLSTATE 42703)",
		"postgres SELECT < postgres read couriers|postgresql|SELECT 9",
		"postgres read couriers < request|postgresql|SELECT 8|the reader stopped",
		"request < ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans\n%q; want\n%q", got, want)
	}
}
