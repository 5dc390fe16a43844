package grpcserver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"larder/schema"
)

// bodyGrowth is how many times its own size the body of a request may take while it is
// answered: itself, and the values that are read from it.
const bodyGrowth = 4

type connKey struct{}

// withConn puts a connection of HTTP into the context of its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, is := c.(*tls.Conn); is {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection of a request over HTTP; nil when nobody follows it.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// admit counts a request as in flight or, of one that has a body, refuses it where it would
// be refused when that has been read.
func (r *recorder) admit(req *http.Request) *failure {
	if f := r.shell.gate(req.Context(), r.method, r.conn); f != nil {
		return f
	}
	if req.ContentLength != 0 {
		if r.shell.full(r.method.class) {
			return r.shell.tooMany(r.method.class)
		}
		return nil
	}
	return r.enter(req, 0)
}

// enter counts a request as in flight whose body has so many bytes.
func (r *recorder) enter(req *http.Request, body int) (refused *failure) {
	if r.entered {
		return nil
	}
	r.in, refused = r.shell.enter(req.Context(), r.method, r.conn, work{name: req.Pattern, rows: max(body/bodyRow, 1)})
	r.entered = refused == nil
	return refused
}

func (r *recorder) leave() {
	if r.entered {
		var err error
		if r.failure != nil {
			err = r.failure
		}
		r.shell.leave(&r.in, err)
		r.entered = false
	}
}

// end gives back all that the request has.
func (r *recorder) end() {
	r.leave()
	r.shell.budget.give(r.held)
	r.conn.end()
}

// sending takes a request out of flight while its caller takes a large answer, until the
// function that it returns is called.
func (r *recorder) sending(size int) (done func()) {
	r.leave()
	r.held += int64(size)
	r.shell.budget.used.Add(int64(size))
	if r.conn == nil {
		return func() {}
	}
	return r.conn.await(&wait{budget: &r.shell.budget, sending: int64(size), kill: func(*failure) { _ = r.conn.Close() }})
}

// A requestBody is the body of a request, which [ReadBody] reads within the server's
// limits.
type requestBody struct {
	io.ReadCloser
	rec    *recorder
	length int64 // -1: unknown
}

// ReadBody reads the body of an HTTP request, and unpacks it if it is packed. From then on,
// the request is in flight.
func ReadBody(r *http.Request) ([]byte, error) {
	b, is := r.Body.(*requestBody)
	if !is {
		return nil, errors.New("serve a Mux with a grpcserver.Server")
	}
	body, err := b.read()
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, schema.MessageTooLarge.Errorf("the request is larger than %d bytes; send fewer rows at once, or raise --max-message-bytes", tooLarge.Limit)
	}
	var refused *failure
	if errors.As(err, &refused) {
		return nil, refused
	}
	if err != nil {
		return nil, schema.BadBody.Wrap(err, "the request body ended early; send all the bytes of its Content-Length")
	}
	if err := Hold(r, int64(len(body))); err != nil {
		return nil, err
	}
	if f := b.rec.enter(r, len(body)); f != nil {
		return nil, b.rec.shell.shed(r.Context(), f, time.Time{})
	}
	return b.unpack(r, body)
}

// Hold reserves memory for a body of n bytes and what is read from it, until the request
// is answered.
func Hold(r *http.Request, n int64) error {
	b, is := r.Body.(*requestBody)
	if !is {
		return errors.New("serve a Mux with a grpcserver.Server")
	}
	n *= bodyGrowth
	if !b.rec.shell.budget.take(n) {
		return b.rec.shell.overBudget()
	}
	b.rec.held += n
	return nil
}

// read reads the body, unless the wait for it is ended.
func (b *requestBody) read() ([]byte, error) {
	const firstBytes = 64 << 10
	s, c := b.rec.shell, b.rec.conn
	killed := make(chan *failure, 1)
	w := &wait{kill: func(f *failure) {
		select {
		case killed <- f:
			_ = c.SetReadDeadline(time.Unix(1, 0)) // ends the Read below
		default: // it is ended already
		}
	}}
	done, refused := s.await(c, w)
	defer done()
	if refused != nil {
		return nil, refused
	}
	body := make([]byte, 0, min(max(b.length, 511), firstBytes)+1)
	for {
		if len(body) == cap(body) {
			more := int64(len(body))
			if b.length >= 0 {
				more = min(more, b.length+1-int64(len(body))) // one more, to see the end
			}
			body = slices.Grow(body, int(max(more, 1)))
		}
		n, err := b.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if w.took(int64(n)) && !s.makeRoom(w) {
			return nil, s.overBudget()
		}
		select {
		case f := <-killed:
			return nil, f
		default:
		}
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}
