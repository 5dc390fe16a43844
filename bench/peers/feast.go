package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/bench"
)

const feastName = "feast"

// storeFile is feature_store.yaml, as Feast's guide to performance has it: the
// registry is read again in the background.
const storeFile = `project: bench
provider: local
registry:
  registry_type: file
  path: registry.db
  cache_ttl_seconds: 60
  cache_mode: thread
offline_store:
  type: postgres
  host: %s
  port: %d
  database: %s
  db_schema: bench
  user: %s
  password: %q
  sslmode: disable
online_store:
  type: redis
  connection_string: "127.0.0.1:%d"
entity_key_serialization_version: 3
`

// serveFlags follow Feast's guide, except that workers never end: starting one again
// after 1000 requests, as they do by default, takes seconds.
var serveFlags = []string{"--workers", "-1", "--worker-connections", "1000", "--max-requests", "0", "--registry_ttl_sec", "60", "--no-access-log"}

// joinFeast fills Redis by Feast from Postgres, and starts Feast's feature server
// and the service that scores.
func (s settings) joinFeast(ctx context.Context, g bench.Ground, redis *redisServer) (peers []bench.Peer, stop func(), err error) {
	folder := filepath.Join(g.Dir, "feast")
	if err := writeStoreFile(folder, g.DSN, redis.port); err != nil {
		return nil, nil, err
	}
	views, features := strconv.Itoa(g.Scenario.Views), strconv.Itoa(g.Scenario.Features)
	fill := exec.CommandContext(ctx, s.python, filepath.Join(s.feastFolder, "repo.py"), folder, views, features)
	if out, err := fill.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w\n%s", fill, err, out)
	}
	bin := filepath.Dir(s.python)
	store, err := startHTTP(ctx, folder, "feature-server", "/health", func(port string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "feast"), append([]string{"--chdir", folder, "serve", "--host", "127.0.0.1", "--port", port}, serveFlags...)...)
		cmd.Env = append(os.Environ(), "PYTHONOPTIMIZE=1")
		return cmd
	})
	if err != nil {
		return nil, nil, err
	}
	workers := strconv.Itoa(runtime.NumCPU())
	service, err := startHTTP(ctx, folder, "service", "/score", func(port string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "uvicorn"), "service:app", "--app-dir", s.feastFolder, "--host", "127.0.0.1", "--port", port, "--workers", workers,
			"--no-access-log", "--log-level", "warning")
		cmd.Env = append(os.Environ(), "FEATURE_SERVER="+store.address, "MODEL="+g.ModelFile, "VIEWS="+views, "FEATURES="+features)
		return cmd
	})
	if err != nil {
		store.stop()
		return nil, nil, err
	}
	versions, err := exec.CommandContext(ctx, s.python, "-c", versionsScript).Output()
	if err != nil {
		return nil, nil, fmt.Errorf("versions: %w", err)
	}
	const tolerance = 1e-6 // Python's ONNX Runtime may add up in another order
	return []bench.Peer{
		{Name: feastName, Tolerance: tolerance, Score: service.scores("/score"), Config: []string{
			strings.TrimSpace(string(versions)),
			"feast serve " + strings.Join(serveFlags, " ") + "; registry in a file with cache_mode thread; the same Redis, over the loopback",
			"PYTHONOPTIMIZE=1, or Feast checks types when it reads its registry, which it does for each request of a feature service",
			"behind it a service of Starlette on uvicorn with " + workers + " workers: aiohttp, ONNX Runtime with one thread; asked over HTTP in JSON",
			"features are asked for one by one, which is faster than by a feature service",
		}},
		{Name: feastName + ", precomputed", Tolerance: tolerance, Score: service.scores("/precomputed"), Config: []string{
			"the same, of a feature service with precompute_online: one field of a hash for each entity",
		}},
		{Name: feastName + ", look-up", Tolerance: -1, Score: store.lookUp(g), Config: []string{
			"the same feature server, asked for features one by one by the client itself; no score",
		}},
		{Name: "larder, Feast's API", Tolerance: -1, Score: (&httpServer{address: "http://" + g.HTTP, client: store.client}).lookUp(g), Config: []string{
			"Larder's own POST /get-online-features, asked by the same client for the same features; no score",
		}},
	}, func() { service.stop(); store.stop() }, nil
}

const versionsScript = `import sys
from importlib.metadata import version
print("Python", sys.version.split()[0] + ",", ", ".join(p + " " + version(p) for p in
    ("feast", "redis", "hiredis", "gunicorn", "uvicorn", "uvloop", "fastapi", "starlette", "aiohttp", "onnxruntime")))`

func writeStoreFile(folder, dsn string, redisPort int) error {
	at, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(storeFile, at.Host, at.Port, at.Database, at.User, at.Password, redisPort)
	return os.WriteFile(filepath.Join(folder, "feature_store.yaml"), []byte(text), 0o600)
}

// An httpServer is a child that serves HTTP, with its workers in a group of its own.
type httpServer struct {
	cmd     *exec.Cmd
	address string
	client  *http.Client
	exited  chan struct{}
}

// startHTTP starts a server and waits until it answers.
func startHTTP(ctx context.Context, dir, name, path string, command func(port string) *exec.Cmd) (*httpServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	const most = 1024 // connections that are kept: as many as requests in flight
	h := &httpServer{
		cmd: command(strconv.Itoa(port)), address: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), exited: make(chan struct{}),
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConns: most, MaxIdleConnsPerHost: most, DisableCompression: true}},
	}
	h.cmd.Stdout, h.cmd.Stderr = log, log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = h.cmd.Wait() // how it ended is in its log
		close(h.exited)
	}()
	if err := h.await(ctx, path); err != nil {
		h.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, text)
	}
	return h, nil
}

// await returns when the server sends any response.
func (h *httpServer) await(ctx context.Context, path string) error {
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if answer, err := h.client.Get(h.address + path); err == nil {
			return answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.exited:
			return errors.New("it ended at once")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (h *httpServer) stop() {
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGTERM) // the workers too; they may have ended
	select {
	case <-h.exited:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
		<-h.exited
	}
}

// post sends JSON and reads the answer's.
func (h *httpServer) post(ctx context.Context, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	got, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.200s", path, got.Status, text)
	}
	return json.Unmarshal(text, answer)
}

// scores returns what asks the service for scores.
func (h *httpServer) scores(path string) func(context.Context, []int64) ([]float64, error) {
	return func(ctx context.Context, ids []int64) ([]float64, error) {
		var answer struct{ Scores []float64 }
		err := h.post(ctx, path, map[string]any{"ids": ids}, &answer)
		return answer.Scores, err
	}
}

// lookUp returns what asks the feature server for features, and leaves them as the
// JSON that comes.
func (h *httpServer) lookUp(g bench.Ground) func(context.Context, []int64) ([]float64, error) {
	var references []string
	for _, view := range g.Views {
		for f := range g.Scenario.Features {
			references = append(references, fmt.Sprintf("%s:f%d", view, f))
		}
	}
	return func(ctx context.Context, ids []int64) ([]float64, error) {
		var answer json.RawMessage
		return nil, h.post(ctx, "/get-online-features", map[string]any{
			"features": references, "entities": map[string]any{g.JoinKey: ids}, "full_feature_names": true,
		}, &answer)
	}
}
