package grpcserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/rawgrpc"
)

const (
	echoMethod   = "/larder.v1.EchoService/Echo"
	streamMethod = "/larder.v1.EchoService/Stream"
)

func (s *shell) raw() *rawgrpc.Conn {
	s.t.Helper()
	c, err := rawgrpc.Dial(s.conn.Target())
	s.check(err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// half opens a call that announces a message of size bytes, sends some of them, and stops.
func (s *shell) half(c *rawgrpc.Conn, size, sent int) uint32 {
	s.t.Helper()
	stream, err := c.Open(echoMethod)
	s.check(err)
	s.check(c.Send(stream, append(rawgrpc.Prefix(size), make([]byte, sent)...)))
	return stream
}

func (s *shell) metric(name string) string {
	s.t.Helper()
	_, page := s.ask("GET", "/metrics", "")
	_, after, _ := strings.Cut("\n"+page, "\n"+name+" ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

func (s *shell) eventually(what string, is func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestUnfinishedRequestsAreNotInFlight: streams without a message, calls without one or
// with half of one, and bodies that trickle in hold no place in flight, so others are
// answered.
func TestUnfinishedRequestsAreNotInFlight(t *testing.T) {
	s := start(t, grpcserver.Options{MaxInFlight: 2}, nothing)
	c := s.raw()
	for range 3 {
		_, err := c.Open(streamMethod)
		s.check(err)
		s.half(c, 1000, 0)
	}
	for range 3 {
		body, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
		s.check(err)
		defer body.Close()
		fmt.Fprint(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	}
	s.eventually("nine waits", func() bool { return s.metric("larder_grpcserver_waiting") == "9" })
	if got := s.metric("larder_grpcserver_in_flight"); got != "0" {
		t.Errorf("%s requests in flight", got)
	}
	s.check(s.echo(t.Context()))
	if status, body := s.ask("POST", "/echo", "hello"); status != 200 {
		t.Errorf("HTTP: %d %s", status, body)
	}
}

// TestUnfinishedMessagesEnd: a message that does not arrive in full ends its call, with an
// error that says so, and its memory is given back.
func TestUnfinishedMessagesEnd(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Message: 200 * time.Millisecond}, nothing)
	c := s.raw()
	nothingSent, err := c.Open(echoMethod)
	s.check(err)
	half := s.half(c, 1<<20, 100<<10)
	for _, stream := range []uint32{nothingSent, half} {
		if !c.Over(stream, 10*time.Second) {
			t.Errorf("stream %d is still open", stream)
		}
	}
	body, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
	s.check(err)
	defer body.Close()
	fmt.Fprint(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	answer, err := http.ReadResponse(bufio.NewReader(body), nil)
	s.check(err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	s.check(err)
	if answer.StatusCode != 408 || !strings.Contains(string(said), "the message did not arrive in time: 1 bytes in") {
		t.Errorf("HTTP: %d %s", answer.StatusCode, said)
	}
	s.eventually("memory given back", func() bool { return s.metric("larder_grpcserver_message_bytes") == "0" })
	s.check(s.echo(t.Context()))
}

// TestIncompleteFramesEndTheConnection: so does a client that stops within a frame.
func TestIncompleteFramesEndTheConnection(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Message: 100 * time.Millisecond}, nothing)
	c, err := net.Dial("tcp", s.conn.Target())
	s.check(err)
	defer c.Close()
	fmt.Fprint(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x01\x00\x01")
	s.check(c.SetReadDeadline(time.Now().Add(10 * time.Second)))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the connection is still open: %v", err)
	}
}

// TestStreamsMayRest: a stream may be idle between messages far longer than a message may
// take, but not for ever.
func TestStreamsMayRest(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Message: 50 * time.Millisecond, Idle: time.Second}, nothing)
	stream, err := s.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, streamMethod)
	s.check(err)
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		s.check(stream.SendMsg(&larderv1.EchoRequest{Payload: []byte("hello")}))
		s.check(stream.RecvMsg(new(larderv1.EchoResponse)))
	}
	if code, reason, message := said(stream.RecvMsg(new(larderv1.EchoResponse))); code != "Unavailable" || reason != "STREAM_IDLE" || message != "the stream had no message for 1s; open another" {
		t.Errorf("%s %s %q", code, reason, message)
	}
}

// TestHalfMessagesLeaveRoom: callers who never finish a message share a half of the
// memory. Others are answered: with small messages at once, with large ones after the
// oldest of the unfinished are dropped.
func TestHalfMessagesLeaveRoom(t *testing.T) {
	const most = 4 << 20
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Bytes: most, Message: time.Minute}, nothing)
	c := s.raw()
	for range 8 {
		stream, err := c.Open(echoMethod)
		s.check(err)
		_ = c.Send(stream, append(rawgrpc.Prefix(1<<20), make([]byte, 512<<10)...)) // it may be refused
	}
	s.check(s.echo(t.Context()))
	time.Sleep(1100 * time.Millisecond) // until they count as stalled
	for range 4 {
		if _, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: make([]byte, 900<<10)}); err != nil {
			t.Error(err)
		}
	}
}

// TestWaitsAreLimited: whoever opens too many streams loses the oldest of them, and others
// are answered.
func TestWaitsAreLimited(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Waits: 40}, nothing)
	for range 6 {
		c := s.raw()
		for range 20 { // ten are the connection's share
			_, err := c.Open(streamMethod)
			s.check(err)
		}
	}
	s.eventually("limit", func() bool { return s.metric(`larder_grpcserver_refused_total{reason="TOO_MANY_WAITING"}`) != "" })
	for range 20 {
		stream, err := s.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, streamMethod)
		s.check(err)
		s.check(stream.SendMsg(&larderv1.EchoRequest{}))
		s.check(stream.RecvMsg(new(larderv1.EchoResponse)))
		s.check(stream.CloseSend())
		if err := stream.RecvMsg(new(larderv1.EchoResponse)); err != io.EOF {
			t.Fatal(err)
		}
	}
}

// TestOneConnectionDoesNotTakeAll: a connection gets three quarters of the places in
// flight.
func TestOneConnectionDoesNotTakeAll(t *testing.T) {
	release := make(chan struct{})
	s := start(t, grpcserver.Options{MaxInFlight: 4}, func(ctx context.Context) error {
		<-release
		return nil
	})
	errs := make(chan error)
	for range 4 {
		go func() { errs <- s.echo(context.Background()) }()
	}
	if code, reason, message := said(<-errs); code != "ResourceExhausted" || reason != "TOO_MANY_IN_FLIGHT" || !strings.Contains(message, "of one connection in flight (limit 3 of 4)") {
		t.Errorf("%s %s %q", code, reason, message)
	}
	status := make(chan int)
	go func() {
		code, _ := s.ask("POST", "/echo", "hello")
		status <- code
	}()
	s.eventually("four in flight", func() bool { return s.metric("larder_grpcserver_in_flight") == "4" })
	close(release)
	for range 3 {
		s.check(<-errs)
	}
	if code := <-status; code != 200 {
		t.Errorf("another connection got %d", code)
	}
}

// TestConnectionsAreLimited: the connection that has been idle longest makes room for a
// new one.
func TestConnectionsAreLimited(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Conns: 10}, nothing)
	s.check(s.echo(t.Context()))
	for _, addr := range []string{s.conn.Target(), strings.TrimPrefix(s.http, "http://")} {
		var dialled []net.Conn
		for range 30 {
			c, err := net.Dial("tcp", addr)
			s.check(err)
			defer c.Close()
			dialled = append(dialled, c)
		}
		for _, c := range dialled[:20] { // until the server has taken all of them, and closed these
			_, _ = io.Copy(io.Discard, c)
		}
		http.DefaultClient.CloseIdleConnections() // the one that is kept may be the oldest
		if status, _ := s.ask("GET", "/healthz", ""); status != 200 {
			t.Errorf("/healthz: %d", status)
		}
		// The connection of RPCs may be the oldest too, and a call that is sent meanwhile fails.
		s.eventually("an RPC is answered", func() bool { return s.echo(t.Context()) == nil })
	}
	if got := s.metric("larder_grpcserver_connections"); got != "10" {
		t.Errorf("%s connections", got)
	}
}

func TestConnLimitLeavesFilesForTheRest(t *testing.T) {
	f := func(files, open uint64, want int) {
		t.Helper()
		if got := grpcserver.ConnLimit(files, open); got != want {
			t.Errorf("%d connections of %d files, %d open; want %d", got, files, open, want)
		}
	}
	f(64, 20, 20)
	f(64, 60, 8)
	f(1024, 24, 872)
	f(1<<20, 50, 10_000)
}

// TestIdleStreamsDontHoldUpTheEnd: a server that stops ends idle streams, with a word, and
// does not wait for them.
func TestIdleStreamsDontHoldUpTheEnd(t *testing.T) {
	s := start(t, grpcserver.Options{DrainTimeout: time.Minute}, nothing)
	stream, err := s.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, streamMethod)
	s.check(err)
	s.check(stream.SendMsg(&larderv1.EchoRequest{}))
	s.check(stream.RecvMsg(new(larderv1.EchoResponse)))
	s.stop()
	if code, reason, _ := said(stream.RecvMsg(new(larderv1.EchoResponse))); code != "Unavailable" || reason != "STOPPING" {
		t.Errorf("%s %s", code, reason)
	}
}
