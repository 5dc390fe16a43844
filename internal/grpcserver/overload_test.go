package grpcserver_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// filled starts a server whose handlers don't end, and lets as many run as may. They end
// with the test, or when release is called.
func filled(t *testing.T, opts grpcserver.Options) (s *shell, release func(), ended chan error) {
	t.Helper()
	entered, gate := make(chan struct{}), make(chan struct{})
	s = start(t, opts, func(ctx context.Context) error {
		select {
		case entered <- struct{}{}:
		case <-gate:
		}
		<-gate
		return nil
	})
	var released atomic.Bool
	release = func() {
		if !released.Swap(true) {
			close(gate)
		}
	}
	t.Cleanup(release)
	ended = make(chan error, 1000)
	limit := grpcserver.Limit(s.server)
	for range limit {
		go func() { ended <- s.echo(context.Background()) }()
		<-entered
	}
	return s, release, ended
}

// retryOf returns when a status says to try again; 0 where it doesn't.
func retryOf(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, is := d.(*errdetails.RetryInfo); is {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// TestAnOverloadIsRefused: with a reason, and when to try again; health and metrics are
// answered, and afterwards requests are.
func TestAnOverloadIsRefused(t *testing.T) {
	s, release, ended := filled(t, grpcserver.Options{})
	var trailer metadata.MD
	_, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{}, grpc.Trailer(&trailer))
	code, reason, message := said(err)
	if code != "ResourceExhausted" || reason != "OVERLOADED" || message != "the server is overloaded; retry later, and less often" {
		t.Errorf("%s %s %q", code, reason, message)
	}
	if got := retryOf(err); got != 100*time.Millisecond {
		t.Errorf("retry in %s", got)
	}
	if got := trailer.Get("grpc-retry-pushback-ms"); len(got) != 1 || got[0] != "100" {
		t.Errorf("pushback %q", got)
	}
	resp, err := http.Post(s.http+"/echo", "application/json", strings.NewReader("hello"))
	s.check(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("HTTP: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if _, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	if got := s.metric(`larder_grpcserver_shed_total{caller="",limit="waited",priority="default"}`); got != "2" {
		t.Errorf("%s requests are counted as refused", got)
	}
	release()
	for range cap(ended) {
		if len(ended) == 0 && s.metric("larder_grpcserver_in_flight") == "0" {
			break
		}
		s.check(<-ended)
	}
	s.check(s.echo(t.Context()))
}

// TestCallersThatLeaveTheLineAreDropped: their handlers don't run.
func TestCallersThatLeaveTheLineAreDropped(t *testing.T) {
	s, _, _ := filled(t, grpcserver.Options{})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- s.echo(ctx) }()
	leave()
	if code, _, _ := said(<-left); code != "Canceled" {
		t.Errorf("got %s", code)
	}
	s.eventually("empty line", func() bool { return s.metric("larder_grpcserver_in_line") == "0" })
}

// TestPoolsAreApart: while all places of features and scores are taken, those of pushes and of the
// control plane are not.
func TestPoolsAreApart(t *testing.T) {
	f := func(method, want string) {
		t.Helper()
		if got := grpcserver.ClassOf(method); got != want {
			t.Errorf("%s is %s, want %s", method, got, want)
		}
	}
	f("/larder.v1.ServingService/GetFeaturesAndScore", "scoring")
	f("/inference.GRPCInferenceService/ModelInfer", "scoring")
	f("/inference.GRPCInferenceService/ServerReady", "health")
	f("/grpc.health.v1.Health/Check", "health")
	f("/larder.v1.ControlService/Apply", "control")
	f("/larder.v1.ControlService/GetStatus", "status")
	f("/larder.v1.ControlService/Verify", "bulk")
	f("/larder.v1.ControlService/Materialize", "bulk")
	f("/arrow.flight.protocol.FlightService/DoExchange", "bulk")
	f("/larder.v1.StreamService/PushEvents", "push")
	f("/larder.v1.StreamService/GetStreams", "control")
	f("/larder.v1.AccessService/RevokeKey", "control")
	f("/feast.serving.ServingService/GetOnlineFeatures", "scoring")
	f("/GrpcFeatureServer/GetOnlineFeatures", "scoring")
	f("/GrpcFeatureServer/Push", "push")
}

// A badge is an Access by which the authorization is the caller's name.
type badge map[string]grpcserver.Caller

func (b badge) Authenticate(_ context.Context, c grpcserver.Credentials) (grpcserver.Caller, error) {
	if len(c.Authorization) == 1 {
		if caller, known := b[c.Authorization[0]]; known {
			return caller, nil
		}
	}
	return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
}

func (badge) Authorize(grpcserver.Caller, grpcserver.Right, grpcserver.Resource) error { return nil }

func (badge) AuthorizeSome(grpcserver.Caller, grpcserver.Right, grpcserver.Kind) error { return nil }

func claiming(ctx context.Context, who, priority string) context.Context {
	if priority != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "larder-priority", priority)
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", who)
}

// TestPriorities: a request has the priority that it claims, as far as its caller may.
func TestPriorities(t *testing.T) {
	got := make(chan grpcserver.Priority, 1)
	s := start(t, grpcserver.Options{Access: badge{
		"ann": {Name: "ann", Priority: grpcserver.Critical}, "bob": {Name: "bob"}, "eve": {Name: "eve", Priority: grpcserver.Shadow},
	}}, func(ctx context.Context) error {
		got <- grpcserver.PriorityOf(ctx)
		return nil
	})
	f := func(who, claim string, want grpcserver.Priority) {
		t.Helper()
		s.check(s.echo(claiming(t.Context(), who, claim)))
		if p := <-got; p != want {
			t.Errorf("%s claims %q and has %s; want %s", who, claim, p, want)
		}
		status, _ := s.ask("POST", "/echo", "hello", "Authorization", who, "Larder-Priority", claim)
		if status != 200 {
			t.Fatalf("HTTP: %d", status)
		}
		if p := <-got; p != want {
			t.Errorf("over HTTP %s claims %q and has %s; want %s", who, claim, p, want)
		}
	}
	f("ann", "critical", grpcserver.Critical)
	f("ann", "shadow", grpcserver.Shadow)
	f("bob", "critical", grpcserver.Default)
	f("bob", "batch", grpcserver.Batch)
	f("eve", "critical", grpcserver.Shadow)
	s.check(s.echo(claiming(t.Context(), "ann", "")))
	if p := <-got; p != grpcserver.Default {
		t.Errorf("without a claim: %s", p)
	}
	const want = `the header larder-priority is "urgent"; it can be critical, default, batch or shadow, once`
	if code, reason, message := said(s.echo(claiming(t.Context(), "ann", "urgent"))); code != "InvalidArgument" || reason != "BAD_HEADER" || message != want {
		t.Errorf("%s %s %q", code, reason, message)
	}
	if status, body := s.ask("POST", "/echo", "hello", "Authorization", "ann", "Larder-Priority", "urgent"); status != 400 || !strings.Contains(body, "BAD_HEADER") {
		t.Errorf("HTTP: %d %s", status, body)
	}
}

// TestQuotas: a caller that asks for more than its quota is refused, and no other is; metrics
// say who was.
func TestQuotas(t *testing.T) {
	s := start(t, grpcserver.Options{Access: badge{
		"noisy": {Name: "noisy", Quota: &grpcserver.Quota{RequestsPerSecond: 3}}, "quiet": {Name: "quiet"},
		"wide": {Name: "wide", Quota: &grpcserver.Quota{RowsPerSecond: 1}},
	}}, nothing)
	refused := 0
	for range 20 {
		err := s.echo(claiming(t.Context(), "noisy", ""))
		if code, reason, _ := said(err); code == "ResourceExhausted" && reason == "QUOTA_EXCEEDED" && retryOf(err) > 0 {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		s.check(s.echo(claiming(t.Context(), "quiet", "")))
	}
	if refused < 10 {
		t.Errorf("%d of 20 requests are refused", refused)
	}
	s.check(s.echo(claiming(t.Context(), "wide", "")))
	if _, reason, message := said(s.echo(claiming(t.Context(), "wide", ""))); reason != "QUOTA_EXCEEDED" || !strings.HasPrefix(message, "over the quota of 1 rows a second; retry in ") {
		t.Errorf("rows: %s %q", reason, message)
	}
	status, body := s.ask("POST", "/echo", "hello", "Authorization", "noisy")
	if status != 429 || !strings.Contains(body, "over the quota of 3 requests a second; retry in ") {
		t.Errorf("HTTP: %d %s", status, body)
	}
	time.Sleep(1100 * time.Millisecond)    // until its row is back
	for i, want := range []int{200, 429} { // the handler counts the rows
		if status, body := s.ask("POST", "/echo?rows=5", "hello", "Authorization", "wide"); status != want {
			t.Errorf("rows over HTTP, request %d: %d %s", i, status, body)
		}
	}
	_, page := s.ask("GET", "/metrics", "", "Authorization", "quiet")
	if !strings.Contains(page, `larder_grpcserver_shed_total{caller="noisy",limit="quota_requests",priority="default"}`) {
		t.Error("metrics don't say who was refused")
	}
}

// TestWhatCannotBeDoneInTimeIsRefused: before its message is decoded, once the server knows how long
// such calls take.
func TestWhatCannotBeDoneInTimeIsRefused(t *testing.T) {
	var ran atomic.Int64
	var slow atomic.Bool
	slow.Store(true)
	s := start(t, grpcserver.Options{}, func(context.Context) error {
		ran.Add(1)
		if slow.Load() {
			time.Sleep(50 * time.Millisecond)
		}
		return nil
	})
	s.check(s.echo(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	defer cancel()
	if code, reason, _ := said(s.echo(ctx)); code != "ResourceExhausted" || reason != "DEADLINE_TOO_SHORT" {
		t.Errorf("%s %s", code, reason)
	}
	if got := ran.Load(); got != 1 {
		t.Errorf("the handler ran %d times", got)
	}
	slow.Store(false)
	s.eventually("answer in time", func() bool { // what became quicker is not refused for ever
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
		defer cancel()
		return s.echo(ctx) == nil
	})
}

// TestRefusalsAllocateLittle: what is refused must cost less than what is answered.
func TestRefusalsAllocateLittle(t *testing.T) {
	s, err := grpcserver.New(grpcserver.Options{})
	check(t, err)
	if got := testing.AllocsPerRun(100, func() {
		if grpcserver.Shed(s) == nil {
			t.Fatal("no refusal")
		}
	}); got > 0 {
		t.Errorf("%v allocations", got)
	}
}
