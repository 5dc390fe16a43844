package pgdev

import (
	"os/exec"
	"runtime"
	"syscall"
)

// A child is a process that ends with ours.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and was reaped
}

// startChild starts cmd from a thread that lives as long as the child: the
// kernel sends the signal of the parent's death when that thread ends.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(c.exited)
	}()
	return c, <-started
}

func (c *child) signal(s syscall.Signal) error {
	select {
	case <-c.exited:
		return syscall.ESRCH
	default:
		return c.cmd.Process.Signal(s)
	}
}
