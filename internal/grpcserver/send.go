package grpcserver

import "google.golang.org/grpc"

// largeAnswer is from where sending an answer may block: gRPC holds as many bytes of a
// stream back for its caller.
const largeAnswer = 64 << 10

// An outgoing is an answer to be encoded. A large one counts in the budget until the
// caller has taken it.
type outgoing struct {
	message any
	receipt *receipt
	size    int64  // once it is encoded, of a large one
	done    func() // ends the wait for the caller, of a large one
}

// encoded takes notice of the size of an answer.
func (o *outgoing) encoded(size int) {
	if size <= largeAnswer {
		return
	}
	o.size = int64(size)
	s := o.receipt.shell
	s.budget.used.Add(o.size)
	if c := o.receipt.conn; c != nil {
		o.done = c.await(&wait{budget: &s.budget, sending: o.size, kill: func(*failure) { _ = c.Close() }})
	}
}

// send sends the answer of a unary call.
func (r *receipt) send(stream grpc.ServerStream, answer any) error {
	out := &outgoing{message: answer, receipt: r}
	err := stream.SendMsg(out)
	r.shell.budget.give(out.size)
	if out.done != nil {
		out.done()
	}
	return err
}
