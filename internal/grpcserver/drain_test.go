package grpcserver_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"larder/internal/grpcserver"
)

// TestDrain stops a server with requests in flight. The server reports that it stops,
// accepts requests during the delay, and finishes all running requests.
func TestDrain(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, grpcserver.Options{DrainDelay: 2 * time.Second}, func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	watch, err := healthv1.NewHealthClient(s.conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	s.check(err)
	healthIs(t, watch, healthv1.HealthCheckResponse_SERVING)

	answers := make(chan error)
	ask := func() {
		go func() { answers <- s.echo(context.Background()) }()
		<-entered
	}
	statuses := make(chan int)
	ask()
	go func() {
		status, _ := s.ask("POST", "/echo", "hello")
		statuses <- status
	}()
	<-entered

	s.stop()
	healthIs(t, watch, healthv1.HealthCheckResponse_NOT_SERVING)
	if status, _ := s.ask("GET", "/readyz", ""); status != 503 {
		t.Errorf("/readyz: %d", status)
	}
	if status, _ := s.ask("GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	ask() // during the delay

	close(release)
	s.check(<-answers)
	s.check(<-answers)
	if status := <-statuses; status != 200 {
		t.Errorf("HTTP request in flight: %d", status)
	}
}

func healthIs(t *testing.T, watch healthv1.Health_WatchClient, want healthv1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	got, err := watch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if got.GetStatus() != want {
		t.Errorf("health is %s; want %s", got.GetStatus(), want)
	}
}

// TestDrainUnderLoad stops a server that callers keep busy: every request that
// reached its handler is answered, and the others are refused as unavailable.
func TestDrainUnderLoad(t *testing.T) {
	var begun, answered atomic.Int64
	busy := make(chan struct{}, 1)
	s := start(t, grpcserver.Options{DrainDelay: 10 * time.Millisecond}, func(context.Context) error {
		if begun.Add(1) == 1000 {
			busy <- struct{}{}
		}
		return nil
	})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				if err := s.echo(context.Background()); err != nil {
					if code, _, message := said(err); code != "Unavailable" {
						t.Errorf("a caller got %s %q", code, message)
					}
					return
				}
				answered.Add(1)
			}
		})
	}
	<-busy
	s.stop()
	group.Wait()
	if begun.Load() != answered.Load() {
		t.Errorf("%d requests began, %d were answered", begun.Load(), answered.Load())
	}
}

// TestDrainCutsOffWhatTakesTooLong leaves a request in flight that ends only when its
// connection is closed.
func TestDrainCutsOffWhatTakesTooLong(t *testing.T) {
	entered := make(chan struct{}, 1)
	s := start(t, grpcserver.Options{DrainTimeout: time.Millisecond}, func(ctx context.Context) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	answer := make(chan error)
	go func() { answer <- s.echo(context.Background()) }()
	<-entered
	s.stop()
	if code, _, _ := said(<-answer); code != "Unavailable" {
		t.Errorf("the request was answered %s", code)
	}
}

func TestNotReady(t *testing.T) {
	var damage atomic.Pointer[error]
	s := start(t, grpcserver.Options{Ready: func() error {
		if err := damage.Load(); err != nil {
			return *err
		}
		return nil
	}}, nothing)
	f := func(web int, rpc healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if status, _ := s.ask("GET", "/readyz", ""); status != web {
			t.Errorf("/readyz: %d, want %d", status, web)
		}
		_, page := s.ask("GET", "/metrics", "")
		if ready := strings.Contains(page, "\nlarder_grpcserver_ready 1\n"); ready != (web == 200) {
			t.Errorf("the metric says ready: %v, and /readyz %d", ready, web)
		}
		answer, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil || answer.GetStatus() != rpc {
			t.Errorf("health: %v %v, want %s", answer, err, rpc)
		}
	}
	f(200, healthv1.HealthCheckResponse_SERVING)
	err := errors.New("a table is damaged")
	damage.Store(&err)
	f(503, healthv1.HealthCheckResponse_NOT_SERVING)
}
