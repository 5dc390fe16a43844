package grpcserver

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"larder/internal/admission"
)

// A conn is a connection of either port. It knows what is under way on it, so that the
// server can tell idle connections from busy ones. Safe for concurrent use.
type conn struct {
	net.Conn
	conns *conns
	plane plane // what its port answers

	running atomic.Int64   // requests that hold a place in flight
	active  atomic.Int64   // requests under way: those that wait for a message, too
	quiet   atomic.Int64   // when the last of them ended, or the connection was opened
	awaits  atomic.Int64   // how many waits there are
	flow    admission.Flow // of the requests of callers without names
	trusted atomic.Int64   // the generation of authorities that its client's certificate was verified with
	partial atomic.Int64   // since when a frame of HTTP/2 is incomplete; 0: none is

	mu      sync.Mutex
	waits   map[*wait]struct{}
	streams map[uint32]*wait // of gRPC's, by stream
	closed  bool
}

// A wait is a request whose message has not arrived in full, or a stream between two
// messages.
type wait struct {
	budget  *budget
	conn    *conn
	stream  uint32         // of HTTP/2; 0 where it is not known
	patient bool           // a stream, which may rest between messages
	sending int64          // bytes of an answer that the caller has to take; 0 of a message
	kill    func(*failure) // ends the wait; may be called more than once
	sent    func()         // of an answer: ends the wait when its connection is closed; may be called more than once

	since    atomic.Int64 // when the wait began or, of a stream, the message
	received atomic.Int64 // bytes of the message that came, which the budget counts
}

// took counts bytes of the message. It returns false when the wait has ended.
func (w *wait) took(n int64) bool {
	if w.conn == nil {
		return false
	}
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	if _, waits := w.conn.waits[w]; !waits {
		return false
	}
	if w.received.Add(n) == n {
		w.since.Store(now())
	}
	w.budget.receiving.Add(n)
	return true
}

func now() int64 { return time.Now().UnixNano() }

// begin counts a request as under way; nil is a connection that nobody follows.
func (c *conn) begin() {
	if c != nil {
		c.active.Add(1)
	}
}

func (c *conn) end() {
	if c != nil && c.active.Add(-1) == 0 {
		c.quiet.Store(now())
	}
}

// await registers a wait until the function that it returns is called.
func (c *conn) await(w *wait) (done func()) {
	if c == nil {
		return func() {}
	}
	w.conn = c
	w.since.Store(now())
	c.mu.Lock()
	c.waits[w] = struct{}{}
	if w.stream != 0 {
		c.streams[w.stream] = w
	}
	c.mu.Unlock()
	c.awaits.Add(1)
	return func() {
		c.awaits.Add(-1)
		c.mu.Lock()
		delete(c.waits, w)
		if w.stream != 0 && c.streams[w.stream] == w {
			delete(c.streams, w.stream)
		}
		c.mu.Unlock()
		w.budget.receiving.Add(-w.received.Load())
	}
}

// waiting returns the requests that wait for a message.
func (c *conn) waiting() []*wait {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*wait, 0, len(c.waits))
	for w := range c.waits {
		all = append(all, w)
	}
	return all
}

// onStream returns the wait of a stream; nil when there is none.
func (c *conn) onStream(id uint32) *wait {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		c.conns.remove(c)
	}
	err := c.Conn.Close()
	for _, w := range c.waiting() {
		if w.sent != nil {
			w.sent()
		}
	}
	return err
}
