package grpcserver

import (
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// largeAnswer is from where answers are followed until their callers have taken them: gRPC
// holds what a caller's window has no room for, however much that is.
const largeAnswer = 64 << 10

// An outgoing is an answer to be encoded. A large one counts in the budget until the
// caller has taken it.
type outgoing struct {
	message any
	receipt *receipt
	large   *sending // nil of another
}

// A sending is a large answer that a caller has yet to take. It is the pool that gRPC
// gives its memory back to.
type sending struct {
	data  mem.BufferSlice // of the codec
	size  int64
	shell *Server
	done  func() // ends the wait for the caller
	once  sync.Once
}

// encoded takes notice of an answer that has been encoded, and returns what gRPC sends.
func (o *outgoing) encoded(data mem.BufferSlice) mem.BufferSlice {
	size := data.Len()
	if size <= largeAnswer {
		return data
	}
	s, c := o.receipt.shell, o.receipt.conn
	o.large = &sending{data: data, size: int64(size), shell: s, done: func() {}}
	s.budget.used.Add(o.large.size)
	if c != nil {
		o.large.done = c.await(&wait{budget: &s.budget, sending: o.large.size, sent: o.large.end, kill: func(*failure) { _ = c.Close() }})
	}
	bytes := data[0].ReadOnlyData()
	if len(data) > 1 {
		bytes = data.Materialize()
	}
	return mem.BufferSlice{mem.NewBuffer(&bytes, o.large)}
}

// end gives back what the answer takes, also where gRPC does not: it forgets what it holds of
// a connection that is closed.
func (s *sending) end() {
	s.once.Do(func() {
		s.shell.budget.give(s.size)
		s.done()
	})
}

// Get implements [mem.BufferPool]. Nothing is taken from this one.
func (s *sending) Get(length int) *[]byte { return mem.DefaultBufferPool().Get(length) }

// Put implements [mem.BufferPool].
func (s *sending) Put(*[]byte) {
	s.data.Free()
	s.end()
}

// send sends the answer of a unary call.
func (r *receipt) send(stream grpc.ServerStream, answer any) error {
	out := &outgoing{message: answer, receipt: r}
	err := stream.SendMsg(out)
	if err != nil && out.large != nil {
		out.large.end()
	}
	return err
}
