package grpcserver_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/stats"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// sizes notes what the messages of a client take on the wire.
type sizes struct {
	mu       sync.Mutex
	sent     int
	received int
}

func (*sizes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*sizes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*sizes) HandleConn(context.Context, stats.ConnStats)                       {}
func (s *sizes) HandleRPC(_ context.Context, event stats.RPCStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := event.(type) {
	case *stats.OutPayload:
		s.sent = e.CompressedLength
	case *stats.InPayload:
		s.received = e.CompressedLength
	}
}

func TestMessagesMayBeCompressed(t *testing.T) {
	seen := new(sizes)
	s := start(t, grpcserver.Options{}, nothing, grpc.WithStatsHandler(seen))
	payload := bytes.Repeat([]byte("larder"), 1000)
	for _, name := range []string{"gzip", "deflate"} {
		for range 3 { // the later ones use what the first have made
			got, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: payload}, grpc.UseCompressor(name))
			if err != nil || !bytes.Equal(got.GetPayload(), payload) {
				t.Fatalf("%s: %v", name, err)
			}
			if seen.sent > 200 || seen.received > 200 {
				t.Errorf("%s: %d and %d bytes for messages of %d", name, seen.sent, seen.received, len(payload))
			}
		}
	}
	random := make([]byte, 1000)
	_, _ = rand.Read(random)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			payload := append(slices.Clone(random), fmt.Sprint(i)...)
			got, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: payload}, grpc.UseCompressor("deflate"))
			if err != nil || !bytes.Equal(got.GetPayload(), payload) {
				t.Errorf("at once: %v", err)
			}
		})
	}
	all.Wait()
}

// TestDeflateIsZlib: the bytes are those that zlib's own library writes.
func TestDeflateIsZlib(t *testing.T) {
	const hello = "\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15" // python3 -c 'import zlib; print(zlib.compress(b"hello"))'
	r, err := encoding.GetCompressor("deflate").Decompress(strings.NewReader(hello))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := encoding.GetCompressor("deflate").Decompress(strings.NewReader("\xcb\x48\xcd\xc9\xc9\x07\x00")); err == nil {
		t.Error("bytes without a header of zlib are read")
	}
}

// TestCompressedMessagesAreBounded: by what they decompress to.
func TestCompressedMessagesAreBounded(t *testing.T) {
	s := startWithin(t, grpcserver.Options{MaxMessageBytes: 64 << 10}, grpcserver.Limits{Bytes: 64 << 10}, nothing)
	f := func(compressor string, size int, want string) {
		t.Helper()
		_, err := s.client.Echo(t.Context(), &larderv1.EchoRequest{Payload: make([]byte, size)}, grpc.UseCompressor(compressor))
		if code, reason, message := said(err); code+" "+reason != want {
			t.Errorf("%s of %d bytes: %s %s %q", compressor, size, code, reason, message)
		}
	}
	for _, compressor := range []string{"gzip", "deflate"} {
		f(compressor, 20_000_000, "ResourceExhausted ") // 20 kB on the wire: gRPC's own limit
		f(compressor, 40<<10, "ResourceExhausted TOO_MANY_BYTES")
		f(compressor, 1<<10, "OK ")
	}
}
