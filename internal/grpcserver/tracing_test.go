package grpcserver_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/metadata"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"larder/internal/grpcserver"
)

// traced returns the spans of requests to a server.
func traced(t *testing.T, opts grpcserver.Options, requests func(*shell)) []sdktrace.ReadOnlySpan {
	t.Helper()
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	opts.Tracing = true
	t.Run("requests", func(t *testing.T) { requests(start(t, opts, nothing)) }) // its end stops the server, after which all spans have ended
	return spans.Ended()
}

func TestTracingMakesASpanOfEachRequest(t *testing.T) {
	all := traced(t, grpcserver.Options{Access: token("sesame")}, func(s *shell) {
		token := []string{"Authorization", "Bearer sesame"}
		s.check(s.echo(metadata.AppendToOutgoingContext(t.Context(), token...)))
		s.ask("POST", "/echo", "", token...)
		s.ask("GET", "/metrics", "", token...)
		s.ask("GET", "/", "", token...)
		s.ask("GET", "/no/such/path", "", token...)
		s.ask("POST", "/echo", "")
		for range 3 { // probes are not traced
			_, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
			s.check(err)
			s.ask("GET", "/healthz", "")
			s.ask("GET", "/readyz", "")
		}
		s.ask("GET", "/healthz", "", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	})
	var got []string
	for _, span := range all {
		got = append(got, strings.TrimSpace(span.Name()+" "+attr(span, "http.route")))
	}
	slices.Sort(got)
	want := []string{"GET", "GET / /", "GET /healthz /healthz", "GET /metrics /metrics", "POST", "POST /echo /echo", "larder.v1.EchoService/Echo"}
	if !slices.Equal(got, want) {
		t.Errorf("spans and their routes %q; want %q", got, want)
	}
}

func attr(span sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.AsString()
		}
	}
	return ""
}

// TestTraceparentIsFollowed over both protocols; what can't be read begins a trace.
func TestTraceparentIsFollowed(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	f := func(traceparent, wantTrace, wantParent string) {
		t.Helper()
		all := traced(t, grpcserver.Options{}, func(s *shell) {
			s.check(s.echo(metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent)))
			for _, path := range []string{"/echo", "/no/such/path", "/metrics"} {
				s.ask(http.MethodPost, path, "", "Traceparent", traceparent)
			}
		})
		if len(all) != 4 {
			t.Errorf("%q: %d spans", traceparent, len(all))
		}
		for _, span := range all {
			got, from := span.SpanContext().TraceID().String(), ""
			if span.Parent().IsValid() {
				from = span.Parent().SpanID().String()
			}
			if wantTrace != "" && got != wantTrace || wantTrace == "" && got == trace || from != wantParent {
				t.Errorf("%q: %s is in the trace %s under %q; want %q under %q", traceparent, span.Name(), got, from, wantTrace, wantParent)
			}
		}
	}
	f("00-"+trace+"-"+parent+"-01", trace, parent)
	f("cc-"+trace+"-"+parent+"-01-more", trace, parent) // of a later version
	for _, garbage := range []string{
		"", "00", "00-" + trace, "ff-" + trace + "-" + parent + "-01", "00-" + strings.ToUpper(trace) + "-" + parent + "-01",
		"00-00000000000000000000000000000000-" + parent + "-01", "00-" + trace + "-0000000000000000-01", strings.Repeat("00-", 5000),
	} {
		f(garbage, "", "")
	}
}

// TestUnsampledTracesStayUnsampled: the caller decides.
func TestUnsampledTracesStayUnsampled(t *testing.T) {
	all := traced(t, grpcserver.Options{}, func(s *shell) {
		const unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
		s.check(s.echo(metadata.AppendToOutgoingContext(t.Context(), "traceparent", unsampled)))
		s.ask("POST", "/echo", "", "Traceparent", unsampled)
	})
	if len(all) > 0 {
		t.Errorf("%d spans", len(all))
	}
}
