package grpcserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"larder/internal/grpcserver"
	"larder/internal/rawgrpc"
)

// answeredMeanwhile checks that another caller is answered, quickly, while do goes on.
func (s *shell) answeredMeanwhile(do func()) {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
		s.check(s.echo(ctx))
		cancel()
	}
}

// TestRapidReset: calls that are given up at once, tens of thousands on one connection
// (CVE-2023-44487), don't pile up, and others are answered.
func TestRapidReset(t *testing.T) {
	s := start(t, grpcserver.Options{}, nothing)
	before := runtime.NumGoroutine()
	most := 0
	c := s.raw()
	s.answeredMeanwhile(func() {
		for i := range 20_000 {
			stream, err := c.Open(echoMethod)
			if err != nil {
				return // the server has had enough of it
			}
			if i%2 == 0 {
				_ = c.Send(stream, rawgrpc.Prefix(0))
			}
			if c.Reset(stream) != nil {
				return
			}
			most = max(most, runtime.NumGoroutine())
		}
	})
	if most > before+5000 {
		t.Errorf("%d goroutines, %d before", most, before)
	}
	s.eventually("end", func() bool {
		return s.metric("larder_grpcserver_in_flight") == "0" && s.metric("larder_grpcserver_waiting") == "0" && runtime.NumGoroutine() < before+50
	})
}

// TestStreamsOfAConnectionAreLimited: those beyond are refused, and another connection is
// answered.
func TestStreamsOfAConnectionAreLimited(t *testing.T) {
	s := start(t, grpcserver.Options{MaxInFlight: 16}, nothing) // 256 streams
	c := s.raw()
	var all []uint32
	for range 300 {
		stream, err := c.Open(streamMethod)
		s.check(err)
		all = append(all, stream)
	}
	for _, stream := range all[256:] {
		if !c.Over(stream, 10*time.Second) {
			t.Fatalf("stream %d is open", stream)
		}
	}
	s.check(s.echo(t.Context()))
}

// TestAnswersThatNobodyTakes: whoever doesn't read an answer loses the connection, and its memory
// is given back.
func TestAnswersThatNobodyTakes(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Send: 200 * time.Millisecond, Rate: 1 << 30}, nothing)
	const size = 8 << 20
	c := s.raw() // which gives the server no more window
	stream, err := c.Open(echoMethod)
	s.check(err)
	message := append([]byte{1<<3 | 2}, binary.AppendUvarint(nil, size)...)
	message = append(message, make([]byte, size)...)
	s.check(c.Send(stream, append(rawgrpc.Prefix(len(message)), message...)))
	s.check(c.Finish(stream))
	s.eventually("answer that counts", func() bool { return s.metric("larder_grpcserver_message_bytes") != "0" })
	if !c.Over(stream, 20*time.Second) {
		t.Error("the connection of gRPC is open")
	}
	slow, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
	s.check(err)
	defer slow.Close()
	s.check(slow.(*net.TCPConn).SetReadBuffer(4 << 10))
	_, err = io.WriteString(slow, "POST /echo?times=15 HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n")
	s.check(err)
	_, err = slow.Write(bytes.Repeat([]byte("x"), 1<<20))
	s.check(err)
	s.eventually("memory given back", func() bool { return s.metric("larder_grpcserver_message_bytes") == "0" })
	s.check(s.echo(t.Context()))
}

// TestHeadersAreBounded: of both ports, also those that never end (CVE-2023-45288), by size and by
// time.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, grpcserver.Options{}, nothing)
	long, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
	s.check(err)
	defer long.Close()
	_, err = io.WriteString(long, "POST /echo HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 70<<10)+"\r\n\r\n")
	s.check(err)
	answer, err := http.ReadResponse(bufio.NewReader(long), nil)
	s.check(err)
	s.check(answer.Body.Close())
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long headers over HTTP: %d", answer.StatusCode)
	}
	c, err := net.Dial("tcp", s.conn.Target())
	s.check(err)
	defer c.Close()
	frame := func(kind, flags byte, stream uint32, payload []byte) []byte {
		n := len(payload)
		return append(binary.BigEndian.AppendUint32([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, stream), payload...)
	}
	_, err = c.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, nil)...))
	s.check(err)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}()
	literal := append([]byte{0, 1, 'x', 127, 0x81, 0x7e}, bytes.Repeat([]byte("y"), 127+16129)...) // a header of 16 KiB
	_, err = c.Write(frame(1, 0, 1, literal[:100]))
	s.check(err)
	sent := 0
	for ; sent < 64<<20; sent += 16 << 10 {
		if _, err := c.Write(frame(9, 0, 1, make([]byte, 16<<10))); err != nil {
			break
		}
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Errorf("the connection is open after %d MiB of headers", sent>>20)
	}
	slow, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
	s.check(err)
	defer slow.Close()
	_, err = io.WriteString(slow, "POST /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	s.check(err)
	s.check(slow.SetReadDeadline(time.Now().Add(20 * time.Second)))
	if _, err := io.Copy(io.Discard, slow); err != nil {
		t.Errorf("headers that never come: %v", err)
	}
	s.check(s.echo(t.Context()))
}
