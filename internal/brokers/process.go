package brokers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Variable is the environment variable that names the folder of the programs.
const Variable = "LARDER_BROKERS"

const patience = 3 * time.Minute // for a broker to start, on a machine that is busy

// installed returns the folder of a program.
func installed(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv(Variable)
	if root == "" {
		t.Fatalf("%s doesn't name the folder of the brokers; run make streams", Variable)
	}
	dir, err := filepath.Abs(filepath.Join(root, name))
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Fatalf("%v; run make streams", err)
	}
	return dir
}

// freePorts returns n different free ports of the loopback.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// A process is a program that ends with ours.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when it has ended and was reaped
}

// start runs a program whose output goes to a file. It is started from a thread that lives
// as long as it does: the kernel sends the signal of the parent's death when that thread
// ends.
func start(t testing.TB, log string, cmd *exec.Cmd) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, attributes()
	p := &process{cmd: cmd, log: log, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return p
}

// kill ends it at once, as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// stop lets it end, and kills it when it takes too long.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

// await asks until ready returns nil.
func (p *process) await(t testing.TB, ready func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s ended at once:\n%s", filepath.Base(p.cmd.Path), p.tail())
		case <-ctx.Done():
			t.Fatalf("%s isn't ready: %v\n%s", filepath.Base(p.cmd.Path), err, p.tail())
		case <-retry.C:
		}
	}
}

// tail returns the end of the log.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log)
	return string(raw[max(0, len(raw)-4000):]) + fmt.Sprint(errors.Join(err))
}

// listens returns an error while nobody takes connections.
func listens(ctx context.Context, address string) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
