package integration_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
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
