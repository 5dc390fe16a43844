package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// TestAnOverloadedServer: while many callers ask for more than can be answered, critical requests
// and health checks are answered, others are refused with a reason and when to try again; and as
// soon as they stop, requests are answered.
func TestAnOverloadedServer(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	dir := definitionsFolder(t, `
feature_services: [{name: asked, request: [{name: x, type: float64}], features: ["request:x"]}]
models: [{name: slow, feature_service: asked, versions: [{version: 1, onnx: slow.onnx}], serve: 1}]
`)
	trees := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 500, Depth: 6, Features: 1, Seed: 1})
	if err := os.WriteFile(filepath.Join(dir, "slow.onnx"), trees, 0o600); err != nil {
		t.Fatal(err)
	}
	s.apply(dir)
	req := &larderv1.GetFeaturesAndScoreRequest{Model: "slow", Request: []*larderv1.Column{{
		Name: "x", Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: make([]float64, 500)}},
	}}}
	score := func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := larderv1.NewServingServiceClient(c).GetFeaturesAndScore(ctx, req)
		return err
	}
	if err := score(t.Context(), s.conn); err != nil {
		t.Fatal(err)
	}
	flood, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var answered, refused, unclear atomic.Int64
	var callers sync.WaitGroup
	for range 4 {
		conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 64 {
			callers.Go(func() {
				for flood.Err() == nil {
					switch err := score(t.Context(), conn); {
					case err == nil:
						answered.Add(1)
					case status.Code(err) == codes.ResourceExhausted:
						refused.Add(1)
						if reason, later := refusal(err); reason != "OVERLOADED" || later <= 0 {
							unclear.Add(1)
						}
						time.Sleep(time.Millisecond) // the callers of a real flood are not on the server's machine
					default:
						t.Errorf("a request of the flood: %v", err)
						return
					}
				}
			})
		}
	}
	critical, lost, failed := 0, 0, 0
	health := healthv1.NewHealthClient(s.conn)
	for flood.Err() == nil {
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "larder-priority", "critical"), 5*time.Second)
		if err := score(ctx, s.conn); err != nil {
			t.Logf("a critical request: %v", err)
			lost++
		}
		critical++
		if _, err := health.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
			failed++
		}
		cancel()
	}
	callers.Wait()
	t.Logf("answered %d, refused %d; critical %d", answered.Load(), refused.Load(), critical)
	if answered.Load() == 0 || refused.Load() == 0 || unclear.Load() > 0 {
		t.Errorf("answered %d, refused %d, %d of them without a reason or a time to try again", answered.Load(), refused.Load(), unclear.Load())
	}
	if critical == 0 || lost > critical/1000 || failed > 0 {
		t.Errorf("%d of %d critical requests were lost, and %d health checks", lost, critical, failed)
	}
	if page := s.httpText("/metrics"); !strings.Contains(page, `larder_grpcserver_shed_total{`) {
		t.Error("metrics don't say who was refused")
	}
	for deadline := time.Now().Add(time.Second); ; {
		err := score(t.Context(), s.conn)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a second after the flood: %v", err)
		}
	}
}

// refusal returns why a request was refused, and when to try again.
func refusal(err error) (reason string, later time.Duration) {
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.RetryInfo:
			later = d.GetRetryDelay().AsDuration()
		}
	}
	return reason, later
}
