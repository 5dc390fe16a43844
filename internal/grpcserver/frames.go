package grpcserver

import (
	"context"
	"encoding/binary"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// What RFC 9113 says of frames: the bytes of a client's preface and of a frame's header,
// two types of frames, and a flag.
const (
	prefaceBytes     = len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	frameHeaderBytes = 9
	dataFrame        = 0
	headersFrame     = 1
	endStream        = 1
)

const readBufferBytes = 32 << 10

// Frames is a connection of gRPC that follows the frames of HTTP/2 that it reads. It
// returns at most one frame from each Read, so that what it has seen last is what gRPC
// works on. It counts the bytes of messages that have not arrived in full, which gRPC
// tells nobody. Reading is for one goroutine.
type frames struct {
	net.Conn // without TLS
	shell    *Server
	conn     *conn // nil where the listener does not count connections

	buf         []byte // what was read
	from, until int    // of buf, what is not returned yet

	preface int // bytes of it to come
	head    [frameHeaderBytes]byte
	had     int    // bytes of the header
	left    int    // bytes of the payload to come
	opened  uint32 // the stream whose headers came last
	message *wait  // of the stream that the payload belongs to
}

func (s *Server) follow(plain net.Conn, raw net.Conn) *frames {
	c, _ := raw.(*conn)
	return &frames{Conn: plain, shell: s, conn: c, buf: make([]byte, readBufferBytes), preface: prefaceBytes}
}

// Read implements [net.Conn].
func (f *frames) Read(p []byte) (int, error) {
	if f.from == f.until {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.buf[f.from:min(f.until, f.from+f.unit())])
	f.passed(f.buf[f.from : f.from+n])
	f.from += n
	return n, nil
}

// fill reads more bytes. A frame that is incomplete meanwhile must not stay so for long.
func (f *frames) fill() error {
	if f.conn != nil && (f.preface > 0 || f.had > 0) {
		f.conn.partial.CompareAndSwap(0, now())
	}
	n, err := f.Conn.Read(f.buf)
	if n == 0 && err != nil {
		return err
	}
	f.from, f.until = 0, n
	return nil
}

// unit returns how many bytes the next Read may return: to the end of what it is in.
func (f *frames) unit() int {
	switch {
	case f.preface > 0:
		return f.preface
	case f.had < frameHeaderBytes:
		return frameHeaderBytes - f.had
	}
	return f.left
}

// passed takes notice of bytes of one unit.
func (f *frames) passed(p []byte) {
	switch {
	case f.preface > 0:
		f.preface -= len(p)
		if f.preface == 0 {
			f.whole()
		}
		return
	case f.had < frameHeaderBytes:
		f.had += copy(f.head[f.had:], p)
		if f.had < frameHeaderBytes {
			return
		}
		f.headed()
	default:
		f.left -= len(p)
		f.count(len(p))
	}
	if f.left == 0 {
		f.had, f.message = 0, nil
		f.whole()
	}
}

// whole notes that nothing is incomplete.
func (f *frames) whole() {
	if f.conn != nil && f.conn.partial.Load() != 0 {
		f.conn.partial.Store(0)
	}
}

// headed takes notice of the header of a frame.
func (f *frames) headed() {
	h := parseFrameHeader(f.head[:])
	f.left = h.length
	switch {
	case h.kind == headersFrame:
		f.opened = h.stream
	case h.kind == dataFrame && f.conn != nil && f.conn.awaits.Load() > 0:
		f.message = f.conn.onStream(h.stream)
	}
}

// count adds bytes to the message that they belong to.
func (f *frames) count(n int) {
	if f.message != nil && f.message.took(int64(n)) && !f.shell.makeRoom(f.message) {
		f.message.kill(f.shell.overBudget())
	}
}

type frameHeader struct {
	kind, flags byte
	stream      uint32
	length      int
}

func parseFrameHeader(h []byte) frameHeader {
	return frameHeader{h[3], h[4], binary.BigEndian.Uint32(h[5:]) & (1<<31 - 1), int(h[0])<<16 | int(h[1])<<8 | int(h[2])}
}

// hasMessage reports whether all of the stream that was opened last has been read from
// the network, so that nobody will have to wait for its message.
func (f *frames) hasMessage() bool {
	for at := f.from; at+frameHeaderBytes <= f.until; {
		h := parseFrameHeader(f.buf[at:])
		at += frameHeaderBytes + h.length
		if h.kind == dataFrame && h.stream == f.opened {
			return h.flags&endStream != 0 && at <= f.until
		}
	}
	return false
}

// A followed is what gRPC knows about a connection: its frames too.
type followed struct {
	credentials.AuthInfo
	frames *frames
}

// framesOf returns the connection of an RPC; nil when nobody follows it.
func framesOf(ctx context.Context) *frames {
	if p, ok := peer.FromContext(ctx); ok {
		if f, ok := p.AuthInfo.(followed); ok {
			return f.frames
		}
	}
	return nil
}

// followingCredentials are transport credentials whose connections are followed.
type followingCredentials struct {
	credentials.TransportCredentials
	shell *Server
}

// ServerHandshake implements [credentials.TransportCredentials].
func (f followingCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	plain, info, err := f.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	frames := f.shell.follow(plain, raw)
	return frames, followed{info, frames}, nil
}

// Clone implements [credentials.TransportCredentials].
func (f followingCredentials) Clone() credentials.TransportCredentials {
	return followingCredentials{f.TransportCredentials.Clone(), f.shell}
}
