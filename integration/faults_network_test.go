package integration_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
	"larder/internal/rawgrpc"
)

const (
	getFeatures = "/larder.v1.ServingService/GetFeatures"
	scoreStream = "/larder.v1.ServingService/StreamFeaturesAndScore"
	putModel    = "/larder.v1.ControlService/PutModel"
)

// attacked is a server with rows, and how much memory it has needed for these.
func attacked(t *testing.T, args ...string) (s *server, memory int) {
	t.Helper()
	db := pgtest.New(t)
	s = startServer(t, db.DSN, args...)
	s.apply(spend(t, db.DSN, 100))
	s.mustMaterialize()
	s.wantAmount(7)
	return s, s.peakMemory()
}

// answers checks that others are answered in time: requests over both ports, health, and
// the status of the server.
func (s *server) answers(during string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if got, _, err := s.amount(ctx, 7); err != nil || got != 7 {
		s.t.Errorf("%s: user 7 spent %v, %v", during, got, err)
	}
	if _, err := healthv1.NewHealthClient(s.conn).Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		s.t.Errorf("%s: health: %v", during, err)
	}
	if _, err := s.control.GetStatus(ctx, &larderv1.GetStatusRequest{}); err != nil {
		s.t.Errorf("%s: status: %v", during, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for path, body := range map[string]string{"/v1/features": `{"feature_service": "spend", "entities": {"user_id": [7]}}`, "/healthz": "", "/readyz": ""} {
		ask := func() (*http.Response, error) { return client.Get("http://" + s.http + path) }
		if body != "" {
			ask = func() (*http.Response, error) {
				return client.Post("http://"+s.http+path, "application/json", strings.NewReader(body))
			}
		}
		answer, err := ask()
		if err != nil {
			s.t.Errorf("%s: %s: %v", during, path, err)
			continue
		}
		said, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			s.t.Errorf("%s: %s: %s %s, %v", during, path, answer.Status, said, err)
		}
	}
	if took := time.Since(began); took > 5*time.Second && !raceEnabled {
		s.t.Errorf("%s: six answers took %s", during, took)
	}
}

// needs checks that the server has not needed more memory than it had before and some.
// With the race detector, memory says nothing.
func (s *server) needs(atMost int, during string) {
	s.t.Helper()
	if raceEnabled {
		return
	}
	if got := s.peakMemory(); got > atMost {
		s.t.Errorf("%s: the server needed %d MiB; want at most %d MiB", during, got>>20, atMost>>20)
	}
}

func (s *server) raw() *rawgrpc.Conn {
	s.t.Helper()
	c, err := rawgrpc.Dial(s.grpc)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *server) opened(c *rawgrpc.Conn, method string) uint32 {
	s.t.Helper()
	stream, err := c.Open(method)
	if err != nil {
		s.t.Fatal(err)
	}
	return stream
}

// TestIdleCallers: idle streams, calls without a message, bodies that trickle in, and
// connections that say nothing keep nobody out.
func TestIdleCallers(t *testing.T) {
	s, memory := attacked(t)
	c := s.raw()
	for range 1100 {
		s.opened(c, scoreStream)
	}
	s.answers("1,100 idle streams")
	for range 4 {
		half := s.raw()
		for range 1000 {
			s.opened(half, getFeatures)
		}
	}
	s.answers("4,000 calls without a message")
	for range 1000 {
		body, err := net.Dial("tcp", s.http)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		fmt.Fprint(body, "POST /v1/features HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
	}
	s.answers("1,000 slow bodies")
	s.needs(memory+600<<20, "idle callers")
}

// TestHalfSentMessages: 90 messages of 16 MiB of which one never ends take no more memory
// than all requests may take together, and others are answered.
func TestHalfSentMessages(t *testing.T) {
	s, memory := attacked(t)
	const size = 16<<20 - 100
	sent := make(chan struct{})
	for range 6 {
		c := s.raw()
		go func() {
			defer func() { sent <- struct{}{} }()
			var streams []uint32
			for range 15 {
				stream, err := c.Open(getFeatures)
				if err != nil || c.Send(stream, rawgrpc.Prefix(size)) != nil {
					return
				}
				streams = append(streams, stream)
			}
			piece := make([]byte, 1<<20)
			for range 15 {
				for _, stream := range streams {
					_ = c.Send(stream, piece) // it may have been refused
				}
			}
		}()
	}
	for left := 6; left > 0; {
		select {
		case <-sent:
			left--
		case <-time.After(200 * time.Millisecond):
			s.answers("half-sent messages")
		}
	}
	s.answers("after half-sent messages")
	s.needs(memory+1200<<20, "half-sent messages")
}

// TestRequestsThatGrow: requests that would become many times as large as they are when
// they are decoded are refused before that.
func TestRequestsThatGrow(t *testing.T) {
	s, memory := attacked(t)
	const size = 13 << 20
	c := s.raw()
	stream := s.opened(c, getFeatures)
	columns := []byte(strings.Repeat("\x1a\x00", size/2)) // empty columns of entities
	if err := c.Send(stream, append(rawgrpc.Prefix(len(columns)), columns...)); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(stream); err != nil || !c.Over(stream, 10*time.Second) {
		t.Errorf("13 MiB of empty columns are not answered: %v", err)
	}
	f := func(what, start, each, end, reason string) {
		t.Helper()
		began := time.Now()
		body := start + strings.Repeat(each, size/len(each)) + end
		answer, err := http.Post("http://"+s.http+"/v1/features", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil || !strings.Contains(string(said), reason) || len(said) > 8<<10 || time.Since(began) > 5*time.Second && !raceEnabled {
			t.Errorf("%s: %s %.500s, %v, after %s", what, answer.Status, said, err, time.Since(began))
		}
	}
	f("unknown keys", `{`, `"unknown":1,`, `"end":1}`, "UNKNOWN_FIELD")
	f("a name", `{"`, `x`, `":1}`, "UNKNOWN_FIELD")
	f("rows", `{"feature_service": "spend", "entities": {"user_id": [`, `7,`, `7]}}`, "TOO_MANY_ROWS")
	f("brackets", `{"feature_service": "spend", "entities": `, `[`, `}`, "BAD_JSON")
	s.answers("requests that grow")
	s.needs(memory+300<<20, "requests that grow")
}

// TestIdleUploads: uploads of model files that stop half way keep no other out, and leave
// nothing.
func TestIdleUploads(t *testing.T) {
	s, memory := attacked(t)
	chunk := make([]byte, 1<<20)
	for i := range 5 {
		c := s.raw()
		stream := s.opened(c, putModel)
		sum := fmt.Sprintf("%064x", i)
		for range 40 {
			// PutModelRequest: sha256 = 1, size = 2, chunk = 3.
			message := append(append([]byte{1<<3 | 2, 64}, sum...), 2<<3, 0x80, 0x80, 0x80, 0x80, 1)
			message = append(append(message, 3<<3|2, 0x80, 0x80, 0x40), chunk...)
			if err := c.Send(stream, append(rawgrpc.Prefix(len(message)), message...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.answers("idle uploads")
	m := modelFile(t)
	if _, stderr, code := s.client("models", "push", "fresh", m, "--service", "spend"); code != 0 {
		t.Errorf("a push beside idle uploads: exit code %d\n%s", code, stderr)
	}
	s.needs(memory+200<<20, "idle uploads")
	eventually(t, "end of the uploads", func() bool {
		left, err := os.ReadDir(s.data + "/registry/uploads")
		return err == nil && len(left) == 0
	})
}

// TestFewDescriptors: 120 idle connections to a server that may open 64 files keep nobody
// out, and the server's accept loop rests.
func TestFewDescriptors(t *testing.T) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Fatal("prlimit is missing; install util-linux")
	}
	s, _ := attacked(t)
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	s.prefix = []string{"prlimit", "--nofile=64:64"}
	s.start()
	eventually(t, "readiness", func() bool {
		ready, _ := s.readyz()
		return ready
	})
	for i := range 120 {
		addr := s.grpc
		if i%2 == 0 {
			addr = s.http
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	eventually(t, "an answer", func() bool { // the connection of before was idle longest, so it went first
		_, _, err := s.amount(t.Context(), 7)
		return err == nil
	})
	s.answers("120 idle connections")
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// modelFile writes a model over spend, and returns its path.
func modelFile(t *testing.T) string {
	t.Helper()
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amount", Elem: onnxmodel.Double}}, 1).Model()
	path := filepath.Join(t.TempDir(), "spend.onnx")
	if err := os.WriteFile(path, model.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestClientsMayPing every ten seconds, with a call or without: gRPC's servers close the
// connection at the third ping that comes too early. The pings here are a bit early, as the
// network makes them.
func TestClientsMayPing(t *testing.T) {
	t.Parallel() // it waits most of the time
	const pings, every = 5, 9500 * time.Millisecond
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	idle, busy := s.raw(), s.raw()
	stream := s.opened(busy, "/larder.v1.ServingService/StreamFeaturesAndScore")
	for i := range pings {
		if i > 0 {
			time.Sleep(every)
		}
		for _, c := range []*rawgrpc.Conn{idle, busy} {
			if err := c.Ping(); err != nil {
				t.Fatalf("ping %d: %v", i+1, err)
			}
		}
	}
	if idle.Over(stream, time.Second) {
		t.Error("a connection without calls was closed")
	}
	if busy.Over(stream, 0) {
		t.Error("a connection with a call was closed")
	}
}
