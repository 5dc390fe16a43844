package rawgrpc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// What RFC 9113 says: a client's preface, types of frames, flags, and the window that a
// stream and a connection have at first.
const (
	preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	data         = 0
	headers      = 1
	reset        = 3
	settings     = 4
	ping         = 6
	windowUpdate = 8
	acknowledged = 1
	endStream    = 1
	endHeaders   = 4
	firstWindow  = 65535
	maxPayload   = 16 << 10
)

// A Conn is a connection to a gRPC server. One goroutine may send on it.
type Conn struct {
	conn net.Conn
	next uint32 // stream

	mu      sync.Mutex
	changed sync.Cond
	windows map[uint32]int64 // bytes that may be sent, by stream; of stream 0 on the connection
	first   int64            // the window of a stream when it is opened
	over    map[uint32]bool  // streams that the server has ended
	err     error            // why nothing more is read
}

// Dial connects to a server and greets it.
func Dial(addr string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, next: 1, first: firstWindow, windows: map[uint32]int64{0: firstWindow}, over: map[uint32]bool{}}
	c.changed.L = &c.mu
	if _, err := conn.Write([]byte(preface)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := c.send(settings, 0, 0, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go c.read()
	return c, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Open begins a call of a method, such as /larder.v1.ServingService/GetFeatures, and
// returns its stream.
func (c *Conn) Open(method string) (uint32, error) {
	stream := c.next
	c.next += 2
	c.mu.Lock()
	c.windows[stream] = c.first
	c.mu.Unlock()
	var block []byte
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "test"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		// A literal header, neither indexed nor compressed.
		block = append(append(block, 0, byte(len(h[0]))), h[0]...)
		block = append(append(block, byte(len(h[1]))), h[1]...)
	}
	return stream, c.send(headers, endHeaders, stream, block)
}

// Send sends bytes of a stream: messages, each after [Prefix]. It waits until the server
// takes them, and fails when the server has ended the stream.
func (c *Conn) Send(stream uint32, p []byte) error {
	for len(p) > 0 {
		n, err := c.allowed(stream, len(p))
		if err != nil {
			return err
		}
		if err := c.send(data, 0, stream, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Prefix is what comes before a message of size bytes.
func Prefix(size int) []byte { return binary.BigEndian.AppendUint32([]byte{0}, uint32(size)) }

// Finish says that no more comes of a stream.
func (c *Conn) Finish(stream uint32) error { return c.send(data, endStream, stream, nil) }

// Reset gives up a stream.
func (c *Conn) Reset(stream uint32) error {
	const cancel = 8
	return c.send(reset, 0, stream, binary.BigEndian.AppendUint32(nil, cancel))
}

// Ping asks the server for a sign of life, and does not wait for it.
func (c *Conn) Ping() error { return c.send(ping, 0, 0, make([]byte, 8)) }

// Over waits until the server has ended a stream or the connection, at most for a time.
func (c *Conn) Over(stream uint32, most time.Duration) bool {
	late := time.AfterFunc(most, c.changed.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(most)
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.over[stream] && c.err == nil && time.Now().Before(deadline) {
		c.changed.Wait()
	}
	return c.over[stream] || c.err != nil
}

// allowed returns how many of n bytes may be sent now, at least one.
func (c *Conn) allowed(stream uint32, n int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return 0, c.err
		case c.over[stream]:
			return 0, io.ErrClosedPipe
		}
		if most := min(int64(n), c.windows[0], c.windows[stream], maxPayload); most > 0 {
			c.windows[0] -= most
			c.windows[stream] -= most
			return int(most), nil
		}
		c.changed.Wait()
	}
}

func (c *Conn) send(kind, flags byte, stream uint32, payload []byte) error {
	n := len(payload)
	frame := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, binary.BigEndian.AppendUint32(nil, stream)...)
	_, err := c.conn.Write(append(frame, payload...))
	return err
}

// read follows what the server says until the connection ends.
func (c *Conn) read() {
	in := bufio.NewReader(c.conn)
	var err error
	for err == nil {
		err = c.readFrame(in)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.changed.Broadcast()
}

// settle takes the window that the server gives to each stream at first, which holds for
// the streams that are open too.
func (c *Conn) settle(payload []byte) {
	const windowSetting, settingBytes = 4, 6
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; len(payload) >= settingBytes; payload = payload[settingBytes:] {
		if binary.BigEndian.Uint16(payload) != windowSetting {
			continue
		}
		window := int64(binary.BigEndian.Uint32(payload[2:]))
		for stream := range c.windows {
			if stream != 0 {
				c.windows[stream] += window - c.first
			}
		}
		c.first = window
	}
	c.changed.Broadcast()
}

func (c *Conn) readFrame(in *bufio.Reader) error {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(in, payload); err != nil {
		return err
	}
	kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
	if (kind == settings || kind == ping) && flags&acknowledged == 0 {
		if kind == settings {
			c.settle(payload)
			payload = nil
		}
		return c.send(kind, acknowledged, 0, payload)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case kind == windowUpdate:
		c.windows[stream] += int64(binary.BigEndian.Uint32(payload))
	case kind == reset, kind == headers && flags&endStream != 0:
		c.over[stream] = true
	}
	c.changed.Broadcast()
	return nil
}
