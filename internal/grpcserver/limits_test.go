package grpcserver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

func nothing(context.Context) error { return nil }

func TestTooManyInFlight(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, grpcserver.Options{MaxInFlight: 2}, func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	answers := make(chan error)
	for range 2 {
		go func() { answers <- s.echo(context.Background()) }()
		<-entered
	}
	const want = "too many requests in flight (limit 2); retry or raise --max-in-flight"
	if code, reason, message := said(s.echo(t.Context())); code != "ResourceExhausted" || reason != "TOO_MANY_IN_FLIGHT" || message != want {
		t.Errorf("a third is answered %s %s %q", code, reason, message)
	}
	if status, body := s.ask("POST", "/echo", ""); status != 429 || !strings.Contains(body, want) {
		t.Errorf("a third over HTTP is answered %d %s", status, body)
	}
	for _, service := range []string{"", "larder.v1.EchoService"} {
		if _, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service}); err != nil {
			t.Errorf("health of %q: %v", service, err)
		}
	}
	if status, page := s.ask("GET", "/metrics", ""); status != 200 || !strings.Contains(page, "larder_grpcserver_in_flight 2") {
		t.Errorf("/metrics: %d %s", status, page)
	}
	if status, _ := s.ask("GET", "/readyz", ""); status != 200 {
		t.Errorf("/readyz: %d", status)
	}
	close(release)
	s.check(<-answers)
	s.check(<-answers)
	go func() { <-entered }()
	s.check(s.echo(t.Context()))
}

func TestMessageSize(t *testing.T) {
	s := start(t, grpcserver.Options{MaxMessageBytes: 64 << 10}, nothing)
	large := make([]byte, 70<<10)
	_, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: large})
	if code, _, message := said(err); code != "ResourceExhausted" || message != "grpc: received message larger than max (71684 vs. 65536)" {
		t.Errorf("gRPC: %s %q", code, message)
	}
	status, body := s.ask("POST", "/echo", string(large))
	if status != 413 || !strings.Contains(body, "the request is larger than 65536 bytes; send fewer rows at once, or raise --max-message-bytes") {
		t.Errorf("HTTP: %d %s", status, body)
	}
	status, body = s.ask("POST", "/echo?times=2", string(large[:40<<10]))
	if status != 413 || !strings.Contains(body, "the response has 81920 bytes (limit 65536); ask for fewer rows or features at once, or raise --max-message-bytes") {
		t.Errorf("an answer over HTTP: %d %s", status, body)
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	s := start(t, grpcserver.Options{DefaultTimeout: time.Millisecond}, wait)
	if code, _, _ := said(s.echo(t.Context())); code != "DeadlineExceeded" {
		t.Errorf("gRPC: %s", code)
	}
	if status, _ := s.ask("POST", "/echo", ""); status != 504 {
		t.Errorf("HTTP: %d", status)
	}
}

func TestToken(t *testing.T) {
	s := start(t, grpcserver.Options{Access: token("sesame")}, nothing)
	f := func(authorization []string, want string) {
		t.Helper()
		ctx := t.Context()
		for _, a := range authorization {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
		}
		if code, reason, message := said(s.echo(ctx)); code+" "+reason+" "+message != want {
			t.Errorf("authorization %q is answered %s %s %q", authorization, code, reason, message)
		}
	}
	const refused = `Unauthenticated UNAUTHENTICATED missing or invalid credentials; send "authorization: Bearer KEY"`
	f([]string{"Bearer sesame"}, "OK  ")
	f(nil, refused)
	f([]string{"sesame"}, refused)
	f([]string{"Basic sesame"}, refused)
	f([]string{"Bearer sesam"}, refused)
	f([]string{"Bearer "}, refused)
	f([]string{"Bearer sesame", "Bearer sesame"}, refused)

	for _, service := range []string{"", "larder.v1.EchoService"} {
		if _, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service}); err != nil {
			t.Errorf("health of %q: %v", service, err)
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 401, "/echo": 401} {
		if status, _ := s.ask("GET", path, ""); status != want {
			t.Errorf("GET %s without the token is answered %d; want %d", path, status, want)
		}
	}
	if status, _ := s.ask("POST", "/echo", "", "Authorization", "Bearer sesame"); status != 200 {
		t.Errorf("HTTP with the token is answered %d", status)
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	s := start(t, grpcserver.Options{}, nothing)
	stream, err := reflectionv1.NewServerReflectionClient(s.conn).ServerReflectionInfo(t.Context())
	s.check(err)
	s.check(stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}))
	got, err := stream.Recv()
	s.check(err)
	var names []string
	for _, service := range got.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	if all := strings.Join(names, " "); !strings.Contains(all, "larder.v1.EchoService") || !strings.Contains(all, "grpc.health.v1.Health") {
		t.Errorf("services: %s", all)
	}
}

func TestMetrics(t *testing.T) {
	s := start(t, grpcserver.Options{}, nothing)
	s.check(s.echo(t.Context()))
	s.ask("POST", "/echo", "")
	s.ask("GET", "/no/such/page", "")
	err := s.conn.Invoke(t.Context(), "/larder.v1.EchoService/Nothing", &larderv1.EchoRequest{}, &larderv1.EchoResponse{}, grpc.StaticMethod())
	if code, _, _ := said(err); code != "Unimplemented" {
		t.Errorf("an unknown method is answered %s", code)
	}
	_, page := s.ask("GET", "/metrics", "")
	for _, want := range []string{
		`larder_grpcserver_requests_total{code="OK",method="/larder.v1.EchoService/Echo"} 1`,
		`larder_grpcserver_requests_total{code="200",method="POST /echo"} 1`,
		`larder_grpcserver_requests_total{code="404",method="/"} 1`,
		`larder_grpcserver_request_seconds_count{method="/larder.v1.EchoService/Echo"} 1`,
		`larder_grpcserver_in_flight 0`,
	} {
		if !strings.Contains(page+"\n", want+"\n") {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(opts grpcserver.Options, want string) {
		t.Helper()
		if _, err := grpcserver.New(opts); err == nil || err.Error() != want {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	f(grpcserver.Options{CertFile: "a"}, "TLS needs both a certificate file and a key file")
	f(grpcserver.Options{MaxMessageBytes: 7}, "a message limit of 7 bytes; it must be 64 KiB to 1 GiB")
	f(grpcserver.Options{MaxInFlight: -1, DrainDelay: -1}, "a limit of -1 requests in flight; it must be 1 or more\na timeout is negative; use 0 or more")
}

// TestMessagesAreBoundedBeforeTheyAreDecoded: a message that would become many times as
// large as it is on the wire is refused without being decoded, and so are messages for
// which no memory is left.
func TestMessagesAreBoundedBeforeTheyAreDecoded(t *testing.T) {
	s := startWithin(t, grpcserver.Options{MaxMessageBytes: 64 << 10}, grpcserver.Limits{Bytes: 64 << 10}, nothing)
	large := make([]byte, 40<<10)
	_, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: large})
	if code, reason, message := said(err); code != "ResourceExhausted" || reason != "TOO_MANY_BYTES" || !strings.Contains(message, "retry, or send smaller requests") {
		t.Errorf("gRPC: %s %s %q", code, reason, message)
	}
	if status, body := s.ask("POST", "/echo", string(large)); status != 429 || !strings.Contains(body, "TOO_MANY_BYTES") {
		t.Errorf("HTTP: %d %s", status, body)
	}
	s.check(s.echo(t.Context()))
	if _, page := s.ask("GET", "/metrics", ""); !strings.Contains(page, "larder_grpcserver_message_bytes 0") {
		t.Error("the memory of the requests is not given back")
	}
}
