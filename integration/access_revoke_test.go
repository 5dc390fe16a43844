package integration_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestRevocationUnderLoad: three servers answer as fast as they can; a key that one of them
// revokes stops working on all, by notification, also on streams that are open, and no other
// key does.
func TestRevocationUnderLoad(t *testing.T) {
	t.Parallel()
	first := startClosed(t)
	servers := []*closed{first}
	for range 2 {
		again := *first
		again.server = startServerIn(t, t.TempDir(), first.args[11:]...)
		servers = append(servers, &again)
	}
	kept := first.key("kept", "--role", "scorer")
	doomed := first.key("doomed", "--role", "scorer")
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	var lastGood atomic.Int64 // when the doomed key was answered last
	var wrong sync.Map        // what the other key was refused with
	var answers atomic.Int64
	load := func(conn *grpc.ClientConn, isDoomed bool) {
		serving := larderv1.NewServingServiceClient(conn)
		for ctx.Err() == nil {
			_, err := serving.GetFeatures(ctx, &larderv1.GetFeaturesRequest{What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "none"}})
			answers.Add(1)
			switch code := status.Code(err); {
			case code == codes.NotFound && isDoomed:
				lastGood.Store(time.Now().UnixNano())
			case code != codes.NotFound && !isDoomed && ctx.Err() == nil:
				wrong.Store(err.Error(), true)
			}
		}
	}
	stream := func(conn *grpc.ClientConn) {
		s, err := larderv1.NewServingServiceClient(conn).StreamFeaturesAndScore(ctx)
		for err == nil {
			req := &larderv1.GetFeaturesAndScoreRequest{Model: "none"}
			if err = s.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: req}); err == nil {
				_, err = s.Recv()
			}
		}
		if code := status.Code(err); code != codes.NotFound && code != codes.Unauthenticated && ctx.Err() == nil {
			wrong.Store("a stream: "+err.Error(), true)
		}
	}
	for _, s := range servers {
		for key, isDoomed := range map[string]bool{kept: false, doomed: true} {
			conn, _ := s.dial(caller{bearer: key})
			for range 2 {
				all.Go(func() { load(conn, isDoomed) })
			}
			all.Go(func() { stream(conn) })
		}
	}
	time.Sleep(500 * time.Millisecond) // of load
	if lastGood.Load() == 0 {
		t.Fatal("the key doesn't work before it is revoked")
	}
	servers[1].flags = first.flags
	servers[1].run("keys", "revoke", "doomed")
	revoked := time.Now()
	// Without a notification it would be the next look at Postgres, every five seconds.
	const most = 3 * time.Second
	time.Sleep(most + 500*time.Millisecond)
	late := time.Unix(0, lastGood.Load()).Sub(revoked)
	if late > most {
		t.Errorf("the key was answered %s after it was revoked", late)
	}
	t.Logf("the key was answered until %s after it was revoked", late)
	stop()
	all.Wait()
	wrong.Range(func(what, _ any) bool {
		t.Errorf("a key that is not revoked: %v", what)
		return true
	})
	if answers.Load() < 1000 {
		t.Errorf("only %d answers; the load was none", answers.Load())
	}
}

// TestKeysWithoutPostgres: while Postgres is away the last known keys count, those that were
// revoked before don't, also after a restart, and nothing new is admitted.
func TestKeysWithoutPostgres(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Cluster(t)
	c := startClosedOn(t, cluster.DSN())
	kept := c.key("kept", "--role", "scorer")
	revoked := c.key("revoked", "--role", "scorer")
	c.run("keys", "revoke", "revoked")
	c.apply(sourceOf(t, "SELECT 1::bigint AS id, now() AS at, 'a'::text AS x"))
	states := func(when string) {
		t.Helper()
		for key, want := range map[string]string{kept: heard, revoked: stranger, "lk_AAAAAAAAAAAAAAAA_" + strings.Repeat("A", 52): stranger} {
			conn, web := c.dial(caller{bearer: key})
			if got, message := c.try(conn, web, call{name: "POST /v1/features", body: []byte(`{"features": ["v:x"], "entities": {"id": [1]}}`)}, key); got != want {
				t.Errorf("%s: %s, want %s (%s)", when, got, want, message)
			}
		}
	}
	states("with Postgres")
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	states("without Postgres")
	if _, stderr, code := c.client("keys", "create", "new"); code == 0 {
		t.Error("a key is made without Postgres")
	} else if !strings.Contains(stderr, "AUDIT_UNAVAILABLE") && !strings.Contains(stderr, "POSTGRES") {
		t.Errorf("keys create: %s", stderr)
	}
	c.terminate()
	c.start()
	states("started without Postgres")
}

// TestRevocationEndsDownloads: an answer of many messages stops when its caller's key is
// revoked.
func TestRevocationEndsDownloads(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	c.apply(sourceOf(t, "SELECT n AS id, timestamptz '2026-01-01' + n * interval '1 second' AS at, repeat('x', 200) AS x FROM generate_series(1, 2000000) AS n"))
	key := c.key("reader", "--role", "scientist")
	conn, _ := c.dial(caller{bearer: key})
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/arrow.flight.protocol.FlightService/DoGet", grpc.ForceCodec(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	ticket := named(t)["/arrow.flight.protocol.FlightService/DoGet"]
	ticket = []byte(strings.Replace(string(ticket), "mine", "v", 1))
	ticket[1] -= 3 // the length of the command
	if err := stream.SendMsg(&ticket); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var message []byte
	for range 3 {
		if err := stream.RecvMsg(&message); err != nil {
			t.Fatal(err)
		}
	}
	c.run("keys", "revoke", "reader")
	received := 0
	for err == nil {
		received += len(message)
		err = stream.RecvMsg(&message)
	}
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("after %d more bytes: %v", received, err)
	}
}
