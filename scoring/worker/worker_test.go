package worker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/scoring/worker"
)

func TestMain(m *testing.M) {
	worker.Main(serve)
	os.Exit(m.Run())
}

// The calls that the child of these tests knows.
const (
	double  = iota // the numbers in the shared memory
	crash          // by a signal that Go turns into a panic
	abort          // as C's abort does
	hang           // until it is cancelled
	stuck          // for good
	take           // memory
	reach          // beyond the process
	echo           // the payload
	tooLong        // an answer over the limit
)

// serve is the life of a child: its first message says how it is confined.
func serve(p *worker.Parent) error {
	message, files, err := p.Receive()
	if err != nil {
		return err
	}
	content := ""
	for _, f := range files {
		b, err := worker.Map(f)
		if err != nil {
			return err
		}
		content += string(b)
	}
	if string(message) == "confined" {
		if err := worker.Confine(worker.Limits{Memory: 256 << 20, CPU: time.Minute}); err != nil {
			return err
		}
	}
	if err := p.Send([]byte("ready " + content)); err != nil {
		return err
	}
	return p.Serve(func(hello, memory []byte) (worker.Handler, func(), error) {
		return func(ctx context.Context, c worker.Call) worker.Answer { return answer(ctx, c, memory) }, func() {}, nil
	})
}

var kept [][]byte

func answer(ctx context.Context, c worker.Call, memory []byte) worker.Answer {
	switch c.Arg {
	case double:
		for i := 0; i < len(memory); i += 8 {
			binary.LittleEndian.PutUint64(memory[i:], 2*binary.LittleEndian.Uint64(memory[i:]))
		}
	case crash:
		var nothing *int
		*nothing = 1
	case abort:
		raiseAbort()
	case hang:
		<-ctx.Done()
		return worker.Answer{Code: 7, Body: []byte("cancelled")}
	case stuck:
		select {}
	case take:
		for {
			b := make([]byte, 16<<20)
			for i := range b {
				b[i] = 1
			}
			kept = append(kept, b)
		}
	case reach:
		return worker.Answer{Body: []byte(reachOut())}
	case echo:
		return worker.Answer{Body: c.Payload}
	case tooLong:
		return worker.Answer{Body: make([]byte, worker.MaxBody+1)}
	}
	return worker.Answer{}
}

// reachOut tries what a confined process must not do, and says what it could do.
func reachOut() string {
	var did []string
	try := func(what string, err error) {
		if err == nil {
			did = append(did, what)
		}
	}
	_, err := os.ReadFile("/etc/hostname")
	try("read a file", err)
	try("write a file", os.WriteFile(os.TempDir()+"/larder-worker-test", nil, 0o600))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	_, err = net.Dial("udp", "127.0.0.1:9")
	try("connect", err)
	try("run a program", exec.Command("/proc/self/exe").Run())
	p, _ := os.FindProcess(os.Getppid())
	try("signal its parent", p.Signal(syscall.Signal(0)))
	return strings.Join(did, ", ")
}

func start(t *testing.T, message string, content ...string) *worker.Process {
	t.Helper()
	p, err := worker.Start("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(nil); p.Death() })
	var files []*os.File
	for _, c := range content {
		f, err := worker.Share([]byte(c))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		files = append(files, f)
	}
	if err := p.Send([]byte(message), files...); err != nil {
		t.Fatal(err)
	}
	got, err := p.Receive()
	if want := "ready " + strings.Join(content, ""); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	return p
}

func open(t *testing.T, p *worker.Process, size int) *worker.Channel {
	t.Helper()
	c, err := p.Open(size, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCallsShareMemory(t *testing.T) {
	p := start(t, "confined", "a file")
	done := make(chan error, 4)
	for n := range cap(done) {
		c := open(t, p, 8<<10)
		go func() { done <- doubles(c, uint64(n)) }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func doubles(c *worker.Channel, n uint64) error {
	for round := range uint64(200) {
		for i := 0; i < len(c.Memory()); i += 8 {
			binary.LittleEndian.PutUint64(c.Memory()[i:], n+round+uint64(i))
		}
		if _, err := c.Do(context.Background(), worker.Call{Arg: double}); err != nil {
			return err
		}
		for i := 0; i < len(c.Memory()); i += 8 {
			if got, want := binary.LittleEndian.Uint64(c.Memory()[i:]), 2*(n+round+uint64(i)); got != want {
				return fmt.Errorf("got %d, want %d", got, want)
			}
		}
	}
	return nil
}

func TestPayloads(t *testing.T) {
	c := open(t, start(t, ""), 1)
	for _, size := range []int{0, 1, 100_000, 20 << 20} {
		sent := strings.Repeat("x", size)
		a, err := c.Do(t.Context(), worker.Call{Arg: echo, Payload: []byte(sent)})
		if err != nil || string(a.Body) != sent {
			t.Fatalf("%d bytes: got %d, %v", size, len(a.Body), err)
		}
	}
}

func TestAConfinedProcessReachesNothing(t *testing.T) {
	for message, want := range map[string]string{
		"confined": "",
		"":         "read a file, write a file, listen, connect",
	} {
		a, err := open(t, start(t, message), 1).Do(t.Context(), worker.Call{Arg: reach})
		if err != nil || !strings.HasPrefix(string(a.Body), want) || want == "" && len(a.Body) > 0 {
			t.Errorf("%q: it could %s (%v); want %q", message, a.Body, err, want)
		}
	}
}

func TestDeaths(t *testing.T) {
	for _, c := range []struct {
		name   string
		call   uint64
		cause  string
		memory bool
	}{
		{"crash", crash, "SIGSEGV: segmentation violation", false},
		{"abort", abort, "SIGABRT: abort", false},
		{"memory", take, "", true}, // Go says "out of memory"; its race detector has other words
		{"answer", tooLong, "it answered with 1073741825 bytes", false},
	} {
		p := start(t, "confined")
		if c.call == tooLong {
			p = start(t, "") // which may have the memory
		}
		other := open(t, p, 1)
		_, err := open(t, p, 1).Do(t.Context(), worker.Call{Arg: c.call})
		var d *worker.Death
		if !errors.As(err, &d) || !strings.Contains(d.Cause, c.cause) || d.Memory != c.memory {
			t.Errorf("%s: got %v, memory %v; want %q, %v", c.name, err, d != nil && d.Memory, c.cause, c.memory)
		}
		if _, err := other.Do(t.Context(), worker.Call{}); !errors.As(err, &d) {
			t.Errorf("%s: another channel: got %v, want the death", c.name, err)
		}
		if _, err := p.Open(1, nil); !errors.As(err, &d) {
			t.Errorf("%s: a new channel: got %v, want the death", c.name, err)
		}
	}
}

// TestCancel: a call ends with its context, no matter whether that ends before the call
// has reached the child or while it goes on; and only that call.
func TestCancel(t *testing.T) {
	c := open(t, start(t, "confined"), 8)
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		switch {
		case i%15 == 0:
			time.AfterFunc(10*time.Millisecond, cancel)
		case i%2 == 0:
			go cancel()
		default:
			cancel()
		}
		a, err := c.Do(ctx, worker.Call{Arg: hang})
		if err != nil || a.Code != 7 || string(a.Body) != "cancelled" {
			t.Fatalf("got %+v, %v", a, err)
		}
		if _, err := c.Do(t.Context(), worker.Call{Arg: double}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKill(t *testing.T) {
	p := start(t, "confined")
	reason := errors.New("took too long")
	time.AfterFunc(20*time.Millisecond, func() { p.Kill(reason) })
	if _, err := open(t, p, 1).Do(t.Context(), worker.Call{Arg: stuck}); !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
}

// TestAChildEndsWithItsParent: a child that is busy too ends when its parent is gone,
// which the test shows with a child of a child's stead: its socket is closed.
func TestAChildEndsWithItsParent(t *testing.T) {
	p := start(t, "confined")
	c := open(t, p, 1)
	go func() { _, _ = c.Do(t.Context(), worker.Call{Arg: stuck}) }() // ends with the process
	p.Abandon()
	select {
	case <-p.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("the child goes on without its parent")
	}
}

func TestNoWorkersInAWorker(t *testing.T) {
	t.Setenv("LARDER_WORKER", "1")
	if _, err := worker.Start("test"); err == nil {
		t.Error("a worker started a worker")
	}
}

func TestSecretsStayInTheParent(t *testing.T) {
	t.Setenv("PGPASSWORD", "secret")
	t.Setenv("LARDER_POSTGRES", "postgres://user:secret@host/db")
	t.Setenv("LC_ALL", "C")
	got := strings.Join(worker.Environment(), "\n")
	if strings.Contains(got, "secret") || !strings.Contains(got, "LC_ALL=C") {
		t.Errorf("the environment of a worker: %s", got)
	}
}
