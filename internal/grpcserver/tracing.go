package grpcserver

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

// propagators read the trace that a request belongs to from its headers: W3C's traceparent,
// tracestate and baggage. What can't be read is ignored, and the request begins a trace.
var propagators = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// traceRPCs makes a span of each RPC but health checks, which come every few seconds.
func traceRPCs() grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithPropagators(propagators), otelgrpc.WithFilter(filters.Not(filters.HealthCheck()))))
}

// traceHTTP makes a span of each HTTP request, named by its method and the pattern of its
// path. A probe has a span only when it belongs to a trace.
func traceHTTP(next http.Handler) http.Handler {
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := new(string)
		inner := r.WithContext(context.WithValue(r.Context(), routeKey{}, route))
		defer func() { // also after a panic
			pattern := strings.TrimSuffix(cmp.Or(*route, inner.Pattern), "{$}")
			if pattern == "/" { // of paths that don't exist
				return
			}
			r.Pattern = pattern // names the span
			trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(routePath(pattern)))
		}()
		next.ServeHTTP(w, inner)
	})
	return otelhttp.NewHandler(named, "http", otelhttp.WithPropagators(propagators), otelhttp.WithFilter(func(r *http.Request) bool {
		return !isProbe(r) || r.Header.Get("traceparent") != ""
	}))
}

type routeKey struct{}

// noteRoute tells the span of a request which pattern its path has.
func noteRoute(ctx context.Context, pattern string) {
	if route, traced := ctx.Value(routeKey{}).(*string); traced {
		*route = pattern
	}
}

// routePath returns the path of a pattern, without a method or a host.
func routePath(pattern string) string {
	_, path, _ := strings.Cut(pattern, "/")
	return "/" + path
}
