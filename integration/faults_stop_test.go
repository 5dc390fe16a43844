package integration_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// A proxy stands between a server and Postgres. Frozen, it passes nothing on and closes
// nothing, as a Postgres that was stopped by SIGSTOP.
type proxy struct {
	listener net.Listener
	mu       sync.RWMutex // held while frozen
}

func freezable(t testing.TB, dsn string) (p *proxy, throughIt string) {
	t.Helper()
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p = new(proxy)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.listener.Close() })
	network, target := "tcp", address.Host
	if host := address.Query().Get("host"); host != "" {
		port := address.Query().Get("port")
		network, target = "unix", filepath.Join(host, ".s.PGSQL."+port)
	}
	go p.accept(network, target)
	query := address.Query()
	query.Del("host")
	query.Del("port")
	address.RawQuery, address.Host = query.Encode(), p.listener.Addr().String()
	return p, address.String()
}

func (p *proxy) accept(network, target string) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial(network, target)
		if err != nil {
			in.Close()
			return
		}
		go p.pass(in, out)
		go p.pass(out, in)
	}
}

func (p *proxy) pass(from, to net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.RLock()
		p.mu.RUnlock() //nolint:staticcheck // it only waits until the proxy is not frozen
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// stopsWithin sends SIGTERM and returns the exit code.
func (s *server) stopsWithin(most time.Duration) int {
	s.t.Helper()
	began := time.Now()
	code := s.terminate()
	if took := time.Since(began); took > most {
		s.t.Errorf("the server took %s to end; want at most %s", took, most)
	}
	return code
}

// TestServersEndThoughPostgresIsStopped: SIGTERM ends a server in its time, and its store
// is closed cleanly, while Postgres answers nothing and closes nothing.
func TestServersEndThoughPostgresIsStopped(t *testing.T) {
	t.Parallel() // it waits most of the time
	db := pgtest.New(t)
	p, dsn := freezable(t, db.DSN)
	s := startServer(t, dsn, "--drain-timeout", "1s")
	s.apply(spend(t, db.DSN, 100))
	s.mustMaterialize()
	p.mu.Lock()
	defer p.mu.Unlock()
	run, err := s.control.Materialize(t.Context(), &larderv1.MaterializeRequest{}) // it will hang
	if err != nil {
		t.Fatal(err)
	}
	defer run.CloseSend()
	s.wantAmount(7)
	code := s.stopsWithin(20 * time.Second)
	if hung := strings.Contains(s.logText(), "did not stop in time"); (code == 0) == hung {
		t.Errorf("exit code %d", code)
	}
}

// TestServersEndThoughTheirFolderIsGone: the store can't be closed then, which the exit
// code and the log say.
func TestServersEndThoughTheirFolderIsGone(t *testing.T) {
	t.Parallel() // it waits most of the time
	db := pgtest.New(t)
	s := startServer(t, db.DSN, "--drain-timeout", "1s")
	s.apply(spend(t, db.DSN, 10_000))
	s.mustMaterialize()
	if err := os.RemoveAll(s.data); err != nil {
		t.Fatal(err)
	}
	if code := s.stopsWithin(25 * time.Second); code == 0 {
		t.Error("the exit code says that the store was closed")
	}
	if log := s.logText(); !strings.Contains(log, "online store") {
		t.Error("the log does not name what failed")
	}
}

// TestServersEndThoughAKernelIsStuck: a run that can't be interrupted keeps no server
// alive, though its model may take ten minutes, and its process ends with the server.
func TestServersEndThoughAKernelIsStuck(t *testing.T) {
	t.Parallel() // it waits most of the time
	db := pgtest.New(t)
	s := startServer(t, db.DSN, "--drain-timeout", "1s")
	dir := definitionsFolder(t, `
feature_services: [{name: one, request: [{name: x, type: float32}], features: ["request:*"]}]
models: [{name: endless, feature_service: one, limits: {time: 10m}, versions: [{version: 1, onnx: endless.onnx}]}]
`)
	if err := os.WriteFile(filepath.Join(dir, "endless.onnx"), onnxmodel.Endless(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.apply(dir)
	score := func(x float32) error {
		_, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{
			Model: "endless", Request: []*larderv1.Column{floats("x", x)},
		})
		return err
	}
	if err := score(2); err != nil {
		t.Fatal(err)
	}
	stuck := make(chan error, 1)
	go func() { stuck <- score(5000) }()
	eventually(t, "the run", func() bool { return s.workersBusy() })
	if code := s.stopsWithin(15 * time.Second); code != 0 {
		t.Errorf("exit code %d: the store could be closed", code)
	}
	if err := <-stuck; err == nil {
		t.Error("the stuck request was answered")
	}
	eventually(t, "the end of the model's process", func() bool { return len(s.workers()) == 0 })
}

// workers returns the processes of models that a server has, or had when it ended.
func (s *server) workers() (all []int) {
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		line, _ := os.ReadFile(name)
		if !strings.HasPrefix(string(line), "larder\x00worker\x00model \"endless\"") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// workersBusy reports whether a process of a model has worked for half a second.
func (s *server) workersBusy() bool {
	for _, pid := range s.workers() {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if ticks, err := strconv.Atoi(fields[11]); err == nil && ticks > 50 {
			return true
		}
	}
	return false
}
