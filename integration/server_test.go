package integration_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// larder is the path of the binary under test, built once by TestMain.
var larder string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "larder-integration-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	larder = filepath.Join(dir, "larder")
	args := []string{"build", "-o", larder}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "larder/cmd/larder")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic("the binary under test does not build: " + err.Error())
	}
	pgtest.Main(m)
}

// A server is a running larder serve.
type server struct {
	t      testing.TB
	args   []string
	prefix []string // of the command, such as prlimit with its arguments
	data   string
	binary string   // larder if empty
	env    []string // besides this process's
	flags  []string // of client commands, such as a key
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended and been reaped
	grpc   string
	http   string

	mu  sync.Mutex
	log strings.Builder

	conn    *grpc.ClientConn
	serving larderv1.ServingServiceClient
	control larderv1.ControlServiceClient
}

// startServer starts larder serve on a new data folder.
func startServer(t testing.TB, dsn string, args ...string) *server {
	t.Helper()
	return startServerIn(t, t.TempDir(), append([]string{"--postgres", dsn, "--source-postgres", pgtest.Sources(t, dsn)}, args...)...)
}

// startServerIn starts larder serve on a data folder. When the test ends, it kills the
// process if it is still running, and prints the server's log if the test failed.
func startServerIn(t testing.TB, data string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: data}
	s.args = append([]string{
		"serve", "--data", s.data, "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--log-format", "json", "--log-level", "info",
	}, args...)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("log of larder serve:\n%s", s.logText())
		}
	})
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatalf("%v:\n%s", err, s.logText())
	}
}

// tryStart starts the server, and returns an error when it ends before it serves.
func (s *server) tryStart() error {
	command := append(append(slices.Clone(s.prefix), cmp.Or(s.binary, larder)), s.args...)
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Env = append(os.Environ(), s.env...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	addresses := make(chan [2]string, 1)
	go s.watch(stderr, addresses)
	select {
	case a := <-addresses:
		s.grpc, s.http = a[0], a[1]
	case <-s.exited:
		return errors.New("larder serve ended at once")
	case <-time.After(time.Minute):
		return errors.New("larder serve is not up after a minute")
	}
	s.conn, err = grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	s.serving, s.control = larderv1.NewServingServiceClient(s.conn), larderv1.NewControlServiceClient(s.conn)
	return nil
}

// watch keeps the log, finds the addresses in it, and reaps the process.
func (s *server) watch(stderr io.Reader, addresses chan<- [2]string) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.log.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		var line struct{ Msg, GRPC, HTTP string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			addresses <- [2]string{line.GRPC, line.HTTP}
		}
	}
	s.cmd.Wait()
	close(s.exited)
}

func (s *server) logText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// terminate sends SIGTERM and returns the exit code.
func (s *server) terminate() int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		s.t.Fatal("larder serve still runs a minute after SIGTERM")
	}
	s.conn.Close()
	return s.cmd.ProcessState.ExitCode()
}

// kill sends SIGKILL to a running server.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	<-s.exited
	if s.conn != nil {
		s.conn.Close()
	}
}

// client runs a client command of the binary against the server.
func (s *server) client(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	return runLarder(s.t, slices.Concat(args, []string{"--addr", s.grpc}, s.flags)...)
}

func runLarder(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, larder, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "COLUMNS=200") // tests read rows of tables as one line
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// apply applies a folder of definitions and fails the test when it is refused.
func (s *server) apply(dir string) {
	s.t.Helper()
	if _, stderr, code := s.client("apply", "--yes", dir); code != 0 {
		s.t.Fatalf("larder apply: exit code %d\n%s", code, stderr)
	}
}

// materialize materializes views and waits.
func (s *server) materialize(ctx context.Context, req *larderv1.MaterializeRequest) ([]*larderv1.Run, error) {
	stream, err := s.control.Materialize(ctx, req)
	if err != nil {
		return nil, err
	}
	var runs []*larderv1.Run
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return runs, nil
		}
		if err != nil {
			return nil, err
		}
		runs = msg.GetRuns()
	}
}

// singleSpaced returns text with one space where a table has several.
func singleSpaced(text string) string { return strings.Join(strings.Fields(text), " ") }
