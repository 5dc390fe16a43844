package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
)

// TestForgetIsKilled: servers are killed at random moments while a customer is forgotten.
// The same command goes on each time, and in the end there is no trace.
func TestForgetIsKilled(t *testing.T) {
	t.Parallel()
	f := newForgetful(t, 2)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for round := 0; ; round++ {
		if round == 20 {
			t.Fatal("no command ended in 20 rounds")
		}
		victims := [][]*server{{f.servers[0]}, {f.servers[1]}, f.servers}[random.IntN(3)]
		after := time.Duration(random.IntN(400)) * time.Millisecond
		if round >= 8 {
			victims, after = nil, 0
		}
		ended := make(chan int, 1)
		addr := f.servers[0].grpc
		go func() {
			_, _, code := runLarder(t, "forget", "customer", "customer_id="+person, "--yes", "--addr", addr)
			ended <- code
		}()
		time.Sleep(after)
		for _, s := range victims {
			s.kill()
		}
		t.Logf("round %d: %d killed after %s; done in places: %d", round, len(victims), after, f.count("SELECT count(*) FROM larder.forgotten_places"))
		for _, s := range victims {
			s.start()
		}
		if code := <-ended; code == 0 {
			break
		}
	}
	if n := f.count("SELECT count(*) FROM larder.forgettings WHERE done_at IS NOT NULL"); n < 1 {
		t.Errorf("%d forgettings are done", n)
	}
	if n := f.count("SELECT count(*) FROM larder.forgettings WHERE done_at IS NULL"); n != 0 {
		t.Errorf("%d forgettings are not done", n)
	}
	for i, s := range f.servers {
		eventually(t, "server that has removed the customer", func() bool {
			return f.count("SELECT count(*) FROM larder.forgotten_servers WHERE server = $1 AND done = (SELECT max(seq) FROM larder.forgotten)", fmt.Sprint("server-", i+1)) == 1
		})
		if got := f.features(s, person); got["spend:secret"] != "" || got["visited:visits_10d"] != "" {
			t.Errorf("server %d has %v", i, got)
		}
		if got := f.features(s, neighbor); got["spend:secret"] != "secret of "+neighbor || got["visited:visits_10d"] != "1" {
			t.Errorf("server %d: the neighbour has %v", i, got)
		}
	}
	f.exec("DELETE FROM at_shop WHERE customer_id = $1", person)
	f.vacuum("at_shop", "spend", "pg_statistic")
	f.wantNoTrace()
	// The places are counted once, whatever was tried again.
	for what, want := range map[string]int{"log of stream visits": 2, "source spend": 1} {
		if n := f.count("SELECT coalesce(sum(removed), 0) FROM larder.forgotten_places WHERE what = $1", what); n != want {
			t.Errorf("%s: %d removed in all attempts, want %d", what, n, want)
		}
	}
}

// TestForgetWhileBusy: a customer is forgotten while views are materialized again and
// again, snapshots are saved, requests are scored and events are pushed. No snapshot saved
// afterwards has a trace.
func TestForgetWhileBusy(t *testing.T) {
	t.Parallel()
	f := newForgetful(t, 1)
	s := f.servers[0]
	busy, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	until := func(what string, work func() error) {
		running.Go(func() {
			for busy.Err() == nil {
				if err := work(); err != nil && busy.Err() == nil && status.Code(err) != codes.Canceled {
					t.Errorf("%s: %v", what, err)
					return
				}
			}
		})
	}
	until("materialize", func() error {
		_, err := s.materialize(busy, &larderv1.MaterializeRequest{Full: true})
		return err
	})
	until("snapshot", func() error { return s.saveSnapshot(busy, io.Discard) })
	until("score", func() error {
		_, err := s.serving.GetFeaturesAndScore(busy, &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{stringColumn("customer_id", person)}})
		return err
	})
	until("push", func() error {
		_, err := larderv1.NewStreamServiceClient(s.conn).PushEvents(busy, &larderv1.PushEventsRequest{Stream: "visits", Events: &larderv1.PushEventsRequest_Json{
			Json: fmt.Appendf(nil, `{"customer_id": %q, "shop_id": 1, "one": 1, "note": "on the neighbour", "at": %q}`, neighbor, time.Now().UTC().Format(time.RFC3339Nano)),
		}})
		return err
	})
	r := f.forget(s, "customer", "customer_id="+person)
	if r.removed("view spend") != 1 || r.removed("log of stream visits") != 2 {
		t.Errorf("removed %+v", r.Places)
	}
	var snapshot bytes.Buffer
	if err := s.saveSnapshot(t.Context(), &snapshot); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(snapshot.Bytes(), []byte(planted)) {
		t.Error("a snapshot that was saved afterwards has a trace")
	}
	stop()
	running.Wait()
	for _, trace := range traces(t, s.data) {
		t.Errorf("a trace in the store: %s", trace)
	}
	if got := f.features(s, person); got["spend:secret"] != "" {
		t.Errorf("the customer has %v", got)
	}
}

func (s *server) saveSnapshot(ctx context.Context, w io.Writer) error {
	stream, err := s.control.SaveSnapshot(ctx, &larderv1.SaveSnapshotRequest{})
	if err != nil {
		return err
	}
	for {
		msg, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			_, err = w.Write(msg.GetChunk())
		}
		if err != nil {
			return err
		}
	}
}

// TestForgetOddKeys: keys that are not there, several keys, composite keys, and keys that
// are wrong.
func TestForgetOddKeys(t *testing.T) {
	t.Parallel()
	f := newForgetful(t, 1)
	s := f.servers[0]
	if r := f.forget(s, "customer", "customer_id=nobody"); r.removed("") != 0 || len(r.Hashes) != 1 {
		t.Errorf("of a key that is not there %d rows were removed: %+v", r.removed(""), r.Places)
	}
	if r := f.forget(s, "shop", "shop_id=3"); r.removed("view at_shop") != 2 || r.removed("view spend") != 0 {
		t.Errorf("of a shop: %+v", r.Places)
	}
	if got := f.features(s, person)["at_shop:times"]; got != "1" {
		t.Errorf("at another shop: %q", got)
	}
	if r := f.forget(s, "member", "shop_id=2", "customer_id="+person); r.removed("view at_shop") != 1 || r.removed("view spend") != 0 || r.removed("log of stream") != 0 {
		t.Errorf("of a composite key: %+v", r.Places)
	}
	keys := filepath.Join(t.TempDir(), "keys.jsonl")
	lines := fmt.Sprintf("{\"customer_id\": %q, \"shop_id\": 1}\n\n{\"shop_id\": 1, \"customer_id\": %q}\n", person, neighbor)
	if err := os.WriteFile(keys, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := f.forget(s, "member", "--file", keys); r.removed("view at_shop") != 2 || len(r.Hashes) != 2 || r.removed("log of stream visits") != 3 {
		t.Errorf("of two keys of a file: %+v", r.Places)
	}
	if got := f.features(s, person); got["at_shop:times"] != "" || got["spend:secret"] == "" {
		t.Errorf("the customer without shops has %v", got)
	}
	refused := func(want string, args ...string) {
		t.Helper()
		stdout, stderr, code := s.client(append([]string{"forget"}, args...)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("larder forget %v: exit code %d\n%s%s\nwant %q", args, code, stdout, stderr, want)
		}
	}
	f.exec("REVOKE DELETE ON spend FROM PUBLIC")
	refused("grant SELECT and DELETE", "customer", "customer_id=x", "--yes")
	f.exec("GRANT DELETE ON spend TO PUBLIC")
	if r := f.forget(s, "customer", "customer_id=x"); !r.Resumed {
		t.Errorf("after the right was granted: %+v", r)
	}
	refused("--yes", "customer", "customer_id=x")
	refused("customer", "custommer", "customer_id=x", "--yes")
	refused("customer_id", "customer", "id=x", "--yes")
	refused("shop_id", "shop", "shop_id=x", "--yes")
	refused("exactly one", "customer", "--yes")
	if n := f.count("SELECT count(*) FROM larder.forgettings"); n != 5 {
		t.Errorf("%d forgettings; what was refused is among them", n)
	}
}

// TestForgetWithAServerAway: the command goes on without a server that does not answer, and
// names it. The server removes the customer when it is back.
func TestForgetWithAServerAway(t *testing.T) {
	t.Parallel()
	f := newForgetful(t, 2)
	away := f.servers[1]
	if _, err := away.control.FlushFeatureLog(t.Context(), &larderv1.FlushFeatureLogRequest{}); err != nil {
		t.Fatal(err)
	}
	away.kill()
	if len(traces(t, away.data)) == 0 || len(traces(t, f.logs[1])) == 0 {
		t.Fatal("the server that is away has no trace: the test is useless")
	}
	r := f.forget(f.servers[0], "customer", "customer_id="+person)
	if len(r.Away) != 1 || r.Away[0].Server != "server-2" {
		t.Errorf("away: %+v", r.Away)
	}
	f.exec("DELETE FROM at_shop WHERE customer_id = $1", person)
	away.start()
	eventually(t, "server that has removed the customer", func() bool { return len(traces(t, away.data)) == 0 && len(traces(t, f.logs[1])) == 0 })
	if got := f.features(away, person); got["spend:secret"] != "" || got["visited:visits_10d"] != "" || got["last_visit:note"] != "" {
		t.Errorf("the customer has %v", got)
	}
	if got := f.features(away, neighbor); got["spend:secret"] != "secret of "+neighbor || got["visited:visits_10d"] != "1" {
		t.Errorf("the neighbour has %v", got)
	}
	eventually(t, "report of the server that was away", func() bool {
		return f.count("SELECT count(*) FROM larder.forgotten_places WHERE place = 'server server-2' AND what = 'view spend' AND removed = 1") == 1
	})
}
