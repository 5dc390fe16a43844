package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Main must come first in the main of a program that starts workers. In a child it
// calls serve, and ends the process when serve returns; in any other process it does
// nothing.
func Main(serve func(*Parent) error) {
	if os.Getenv(variable) == "" {
		return
	}
	control, err := newConn(os.NewFile(controlFile, "control"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "fatal error: open the socket to the parent: %v\n", err)
		os.Exit(1)
	}
	if err := serve(&Parent{control: control, calls: map[uint32]*calls{}}); err != nil && !errors.Is(err, errEnded) {
		fmt.Fprintf(os.Stderr, "fatal error: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A Parent is the parent process, seen from a child.
type Parent struct {
	control *conn

	mu    sync.Mutex
	calls map[uint32]*calls // by channel
}

// calls are the calls of one channel. A cancellation comes another way than the call, so
// it may come first.
type calls struct {
	latest    uint32
	cancel    context.CancelFunc // of the latest; nil before the first
	cancelled uint32             // the last that was cancelled; 0 for none
}

// Receive waits for a message. It is not for use after Serve has begun.
func (p *Parent) Receive() (message []byte, files []*os.File, err error) {
	kind, message, files, err := p.control.receive()
	if err == nil && kind != plainKind {
		err = fmt.Errorf("a message of the kind %d, and none was expected", kind)
	}
	return message, files, err
}

// Send sends a message.
func (p *Parent) Send(message []byte) error { return p.control.send(plainKind, message, nil) }

// A Handler answers the calls of one channel, one at a time. A call's context ends
// when the parent cancels the call.
type Handler func(ctx context.Context, c Call) Answer

// Serve answers calls until the parent ends. open returns the handler of a new channel
// and what to do when the channel is closed; the memory may be used until then.
func (p *Parent) Serve(open func(hello, memory []byte) (h Handler, closed func(), err error)) error {
	for {
		kind, message, files, err := p.control.receive()
		if err != nil {
			return err
		}
		switch {
		case kind == openKind && len(message) >= 4 && len(files) == 2:
			err = p.open(binary.LittleEndian.Uint32(message), message[4:], files[0], files[1], open)
		case kind == cancelKind && len(message) == 8:
			p.cancel(binary.LittleEndian.Uint32(message), binary.LittleEndian.Uint32(message[4:]))
		default:
			err = fmt.Errorf("a message of the kind %d with %d bytes and %d files", kind, len(message), len(files))
		}
		if err != nil {
			return err
		}
	}
}

func (p *Parent) open(number uint32, hello []byte, file, socket *os.File, open func(hello, memory []byte) (Handler, func(), error)) error {
	defer closeFile(file)
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("measure the shared memory of a channel: %w", err)
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the shared memory of a channel: %w", err)
	}
	h, closed, err := open(hello, memory)
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	p.mu.Lock()
	p.calls[number] = &calls{}
	p.mu.Unlock()
	go func() {
		p.answer(number, socket, h)
		closed()
		closeFile(socket)
		_ = unix.Munmap(memory)
	}()
	return nil
}

// answer answers the calls of a channel until the parent closes it.
func (p *Parent) answer(number uint32, socket *os.File, h Handler) {
	fd := int(socket.Fd())
	defer func() {
		p.mu.Lock()
		delete(p.calls, number)
		p.mu.Unlock()
	}()
	for {
		var head [callHead]byte
		if readAll(fd, head[:]) != nil {
			return
		}
		c := Call{
			Arg:     binary.LittleEndian.Uint64(head[4:]),
			Limit:   time.Duration(binary.LittleEndian.Uint64(head[12:])),
			Payload: make([]byte, binary.LittleEndian.Uint32(head[20:])),
		}
		if readAll(fd, c.Payload) != nil {
			return
		}
		ctx, cancel := p.begin(number, binary.LittleEndian.Uint32(head[:]))
		a := h(ctx, c)
		cancel()
		b := binary.LittleEndian.AppendUint32(nil, a.Code)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(a.Body)))
		if writeAll(fd, append(b, a.Body...)) != nil {
			return
		}
	}
}

// begin returns the context of a call, which has ended if the call was cancelled already.
func (p *Parent) begin(channel, number uint32) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[channel]
	c.latest, c.cancel = number, cancel
	if c.cancelled == number {
		cancel()
	}
	return ctx, cancel
}

// cancel ends a call, unless it is over, also one that is still to come.
func (p *Parent) cancel(channel, number uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[channel]
	switch {
	case c == nil: // the channel is closed
	case c.latest == number && c.cancel != nil:
		c.cancel()
	default:
		c.cancelled = number
	}
}
