package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// variable is set in the environment of a child.
const variable = "LARDER_WORKER"

// controlFile is the number of the socket for messages in a child.
const controlFile = 3

// A Process is a child process, seen from its parent. Safe for concurrent use.
type Process struct {
	cmd     *exec.Cmd
	control *conn
	output  head
	ended   chan struct{} // closed once death is set

	mu     sync.Mutex
	reason error // why it was killed; nil: it wasn't
	death  *Death
	next   uint32 // the number of the next channel
}

// Start starts a child. The title is for lists of processes.
func Start(title string) (*Process, error) {
	if os.Getenv(variable) != "" {
		return nil, errors.New("a worker process can't start another; the program's main must begin with worker.Main")
	}
	mine, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("make the socket of a worker process: %w", err)
	}
	defer closeFile(theirs)
	control, err := newConn(mine)
	if err != nil {
		return nil, fmt.Errorf("make the socket of a worker process: %w", err)
	}
	p := &Process{control: control, ended: make(chan struct{})}
	program, err := executable()
	if err != nil {
		control.close()
		return nil, fmt.Errorf("find the program of a worker process: %w", err)
	}
	p.cmd = exec.Command(program)
	p.cmd.Args = []string{"larder", "worker", title}
	p.cmd.Env = environment()
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// A Ctrl-C in a terminal goes to all processes of a group, and the parent still needs
	// the child while it finishes requests.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		control.close()
		return nil, fmt.Errorf("start a worker process: %w", err)
	}
	go p.wait()
	return p, nil
}

// executable returns a path of the running program, also when its file has been
// replaced since.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// environment returns what a child gets of the environment: what libraries read,
// without secrets.
func environment() []string {
	all := []string{variable + "=1", "GOTRACEBACK=single", "MALLOC_ARENA_MAX=2"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TZ", "HOME", "TMPDIR", "GOCOVERDIR", "GORACE":
			all = append(all, entry)
			continue
		}
		for _, prefix := range []string{"LC_", "ORT_", "CUDA_", "NVIDIA_"} {
			if strings.HasPrefix(name, prefix) {
				all = append(all, entry)
			}
		}
	}
	return all
}

func (p *Process) wait() {
	_ = p.cmd.Wait() // the state says how it ended
	p.mu.Lock()
	p.death = describe(p.cmd.ProcessState, p.output.String(), p.reason)
	p.mu.Unlock()
	close(p.ended)
}

// Send sends a message and open files, which stay open here too.
func (p *Process) Send(message []byte, files ...*os.File) error {
	if err := p.control.send(plainKind, message, files); err != nil {
		return p.explain(err)
	}
	return nil
}

// Receive waits for a message of the child. The error is a *Death when the child ends
// instead.
func (p *Process) Receive() ([]byte, error) {
	_, message, files, err := p.control.receive()
	for _, f := range files {
		closeFile(f)
	}
	if err != nil {
		return nil, p.explain(err)
	}
	return message, nil
}

// explain returns how the child ended, if it has or is about to.
func (p *Process) explain(err error) error {
	if !errors.Is(err, errEnded) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	p.Kill(nil) // its socket is closed, so it is of no more use
	return p.Death()
}

// Kill ends the child, if it hasn't ended, and closes the socket to it. The reason is
// part of its death; nil: there is none.
func (p *Process) Kill(reason error) {
	p.mu.Lock()
	if p.reason == nil {
		p.reason = reason
	}
	p.mu.Unlock()
	_ = p.cmd.Process.Kill() // fails only if the process has ended
	p.control.close()
}

// Ended is closed when the child has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Death waits until the child has ended and says how.
func (p *Process) Death() *Death {
	<-p.ended
	return p.death
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Open returns a new channel with size bytes of shared memory. hello tells the child
// what the channel is for.
func (p *Process) Open(size int, hello []byte) (*Channel, error) {
	p.mu.Lock()
	p.next++
	number := p.next
	p.mu.Unlock()
	memory, file, err := shared(size)
	if err != nil {
		return nil, fmt.Errorf("share %d bytes with a worker process: %w", size, err)
	}
	defer closeFile(file)
	mine, theirs, err := socketPair()
	if err != nil {
		_ = unix.Munmap(memory)
		return nil, fmt.Errorf("make the socket of a channel to a worker process: %w", err)
	}
	defer closeFile(theirs)
	c := &Channel{process: p, number: number, memory: memory, socket: mine, fd: int(mine.Fd())}
	opening := append(binary.LittleEndian.AppendUint32(nil, number), hello...)
	if err := p.control.send(openKind, opening, []*os.File{file, theirs}); err != nil {
		c.Close()
		return nil, p.explain(err)
	}
	return c, nil
}

func closeFile(f *os.File) {
	_ = f.Close() // nothing was written that could be lost
}
