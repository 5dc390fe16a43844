package grpcserver_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"larder/internal/grpcserver"
)

// A fed connection is read from bytes, some at a time.
type fed struct {
	net.Conn
	in    *bytes.Reader
	piece int
}

func (f *fed) Read(p []byte) (int, error) { return f.in.Read(p[:min(len(p), f.piece)]) }

// FuzzFrames: whatever comes, and in whatever pieces, is passed on as it came.
func FuzzFrames(f *testing.F) {
	const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	f.Add([]byte(greeting+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"), 7)
	f.Add([]byte(greeting+"\x00\x00\x01\x01\x04\x00\x00\x00\x01a\x00\x00\x05\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00"), 1000)
	f.Add([]byte(greeting+"\xff\xff\xff\x00\x00\x00\x00\x00\x01abc"), 3)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 4)
	server, err := grpcserver.New(grpcserver.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent []byte, piece int) {
		conn, hasMessage := grpcserver.Follow(server, &fed{in: bytes.NewReader(sent), piece: max(piece, 1)})
		var got bytes.Buffer
		buf := make([]byte, 50)
		for {
			n, err := conn.Read(buf)
			got.Write(buf[:n])
			hasMessage()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got.Bytes(), sent) {
			t.Errorf("%q came as %q", sent, got.Bytes())
		}
	})
}
