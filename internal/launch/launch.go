// Package launch starts larder as a child process and waits until it serves,
// for the commands that measure or show a server in a process of its own.
package launch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ServingLine is the message of the log line that names a server's addresses,
// in JSON, under grpc and http.
const ServingLine = "serving"

// A Process is a child process that serves.
type Process struct {
	cmd    *exec.Cmd
	GRPC   string // where it listens
	HTTP   string
	exited chan error
}

// Start starts the binary and waits until it serves. Its log goes to a
// file, whose end becomes the error when it doesn't.
func Start(ctx context.Context, binary string, args []string, logFile string) (*Process, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.CommandContext(ctx, binary, args...), exited: make(chan error, 1)}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	serves := make(chan struct{})
	go func() {
		defer log.Close()
		p.follow(stderr, log, serves)
		p.exited <- p.cmd.Wait()
	}()
	select {
	case <-serves:
		return p, nil
	case err := <-p.exited:
		text, _ := os.ReadFile(logFile)
		return nil, fmt.Errorf("%s %s ended at once: %w\n%s", binary, args[0], errors.Join(err, ctx.Err()), text)
	}
}

// follow copies the log and closes serves when it names the addresses.
func (p *Process) follow(stderr io.Reader, log io.Writer, serves chan<- struct{}) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		var line struct{ Msg, GRPC, HTTP string }
		if p.GRPC == "" && json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == ServingLine {
			p.GRPC, p.HTTP = line.GRPC, line.HTTP
			close(serves)
		}
	}
}

// Pid returns the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop ends the process and waits for it.
func (p *Process) Stop() {
	const patience = 20 * time.Second
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return // it has ended
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // it may have ended just now
		<-p.exited
	}
}
