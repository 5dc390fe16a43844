package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// errEnded is the error of a message when the other process has closed its socket.
var errEnded = errors.New("the other process has ended")

// maxMessage bounds a message; a definition of thousands of features takes less.
const maxMessage = 64 << 20

// The kinds of messages.
const (
	plainKind  = iota // between the programs
	openKind          // a new channel: its number, a hello
	cancelKind        // a channel's number and its call's
)

// maxFiles is how many files come with one message at most.
const maxFiles = 2

// A conn carries messages and open files between two processes. One goroutine may
// receive, and any number may send.
type conn struct {
	socket  *net.UnixConn
	sending sync.Mutex
}

func socketPair() (a, b *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(pair[0])
	unix.CloseOnExec(pair[1])
	return os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"), nil
}

// newConn returns a conn over a socket, and closes the file.
func newConn(file *os.File) (*conn, error) {
	defer closeFile(file)
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	socket, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("a %T, not a Unix socket", c)
	}
	return &conn{socket: socket}, nil
}

func (c *conn) close() {
	_ = c.socket.Close() // nothing was written that could be lost
}

// headBytes is the size of what comes before a message: its kind and its length. The
// files are attached to it.
const headBytes = 1 + 4

func (c *conn) send(kind byte, message []byte, files []*os.File) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	var rights []byte
	if len(files) > 0 {
		numbers := make([]int, len(files))
		for i, f := range files {
			numbers[i] = int(f.Fd())
		}
		rights = unix.UnixRights(numbers...)
	}
	head := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(message)))
	if _, _, err := c.socket.WriteMsgUnix(head, rights, nil); err != nil {
		return closedError(err)
	}
	_, err := c.socket.Write(message)
	return closedError(err)
}

func (c *conn) receive() (kind byte, message []byte, files []*os.File, err error) {
	var head [headBytes]byte
	rights := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, attached, _, _, err := c.socket.ReadMsgUnix(head[:], rights)
	if err != nil {
		return 0, nil, nil, closedError(err)
	}
	if files, err = received(rights[:attached]); err != nil {
		return 0, nil, files, err
	}
	if n == 0 {
		return 0, nil, files, errEnded
	}
	if _, err := io.ReadFull(c.socket, head[n:]); err != nil {
		return 0, nil, files, closedError(err)
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if size > maxMessage {
		return 0, nil, files, fmt.Errorf("a message of %d bytes (limit %d)", size, maxMessage)
	}
	message = make([]byte, size)
	_, err = io.ReadFull(c.socket, message)
	return head[0], message, files, closedError(err)
}

// received returns the files that came with a message.
func received(rights []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		numbers, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, n := range numbers {
			unix.CloseOnExec(n)
			files = append(files, os.NewFile(uintptr(n), "received"))
		}
	}
	return files, nil
}

func closedError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return errEnded
	}
	return err
}
