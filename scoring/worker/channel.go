package worker

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Channel is for calls of a child, one at a time. Its memory is shared.
type Channel struct {
	process *Process
	number  uint32
	memory  []byte
	socket  *os.File
	fd      int    // of the socket, which blocks a thread: some microseconds faster than Go's poller
	call    uint32 // the number of the last one
	buffer  []byte
}

// A Call is what the child gets with a call besides the shared memory.
type Call struct {
	Arg     uint64
	Limit   time.Duration // how long it may take; the child's matter
	Payload []byte
}

// An Answer is what the child returns besides the shared memory. The meaning of the
// code is the caller's matter.
type Answer struct {
	Code uint32
	Body []byte
}

// MaxBody bounds the payload of a call and the body of an answer.
const MaxBody = 1 << 30

const (
	callHead   = 4 + 8 + 8 + 4 // number of the call, Arg, Limit in ns, length of Payload
	answerHead = 4 + 4         // Code, length of Body
	keptBuffer = 64 << 10
)

// Process returns the child.
func (c *Channel) Process() *Process { return c.process }

// Memory returns the shared memory. It must not be used after Close.
func (c *Channel) Memory() []byte { return c.memory }

// Do makes a call and waits for its answer. When ctx ends, the child is asked to end the
// call; the answer is then the child's matter. The error is a *Death when the child ends
// instead.
func (c *Channel) Do(ctx context.Context, call Call) (Answer, error) {
	c.call++
	if ctx.Done() != nil {
		number := c.call
		stop := context.AfterFunc(ctx, func() { c.cancel(number) })
		defer stop()
	}
	b := binary.LittleEndian.AppendUint32(c.buffer[:0], c.call)
	b = binary.LittleEndian.AppendUint64(b, call.Arg)
	b = binary.LittleEndian.AppendUint64(b, uint64(call.Limit))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(call.Payload)))
	b = append(b, call.Payload...)
	c.buffer = b[:0]
	if cap(b) > keptBuffer {
		c.buffer = nil
	}
	if err := writeAll(c.fd, b); err != nil {
		return Answer{}, c.process.explain(err)
	}
	var head [answerHead]byte
	if err := readAll(c.fd, head[:]); err != nil {
		return Answer{}, c.process.explain(err)
	}
	a := Answer{Code: binary.LittleEndian.Uint32(head[:])}
	size := binary.LittleEndian.Uint32(head[4:])
	if size > MaxBody {
		c.process.Kill(fmt.Errorf("it answered with %d bytes (limit %d)", size, MaxBody))
		return Answer{}, c.process.Death()
	}
	a.Body = make([]byte, size)
	if err := readAll(c.fd, a.Body); err != nil {
		return Answer{}, c.process.explain(err)
	}
	return a, nil
}

// cancel asks the child to end a call, which may be over, or not have reached it yet.
func (c *Channel) cancel(call uint32) {
	which := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, c.number), call)
	_ = c.process.control.send(cancelKind, which, nil) // a child that has ended has no call either
}

// Close ends the channel. No call may go on.
func (c *Channel) Close() {
	closeFile(c.socket)
	_ = unix.Munmap(c.memory)
	c.memory = nil
}

// writeAll and readAll block their thread.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EINTR {
			return closedError(err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

func readAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return closedError(err)
		case n == 0:
			return errEnded
		}
		b = b[max(n, 0):]
	}
	return nil
}
