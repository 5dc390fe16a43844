package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowcheck"
)

const (
	continuation = 0xffffffff // begins a message
	headBytes    = 8          // continuation and length of the header
)

// ipc reads the Arrow IPC file format.
func (r *Reader) ipc(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in, err := newFileMessages(f, info.Size())
	if err != nil {
		return err
	}
	return r.messages(in)
}

// stream reads the Arrow IPC stream format.
func (r *Reader) stream(f *os.File) error {
	left := int64(math.MaxInt64)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		left = info.Size()
	}
	return r.messages(&streamMessages{in: f, left: left})
}

func (r *Reader) messages(from ipc.MessageReader) error {
	in, err := ipc.NewReaderFromMessageReader(from)
	if err != nil {
		return err
	}
	r.RecordReader = &checkedBatches{Reader: in}
	return nil
}

// checkedBatches are the batches of an Arrow stream, each checked before it is
// returned.
type checkedBatches struct {
	*ipc.Reader
	batch int
	err   error
}

func (b *checkedBatches) Err() error {
	if b.err != nil {
		return b.err
	}
	return b.Reader.Err()
}

func (b *checkedBatches) Next() bool {
	if b.err != nil || !b.Reader.Next() {
		return false
	}
	if err := arrowcheck.Record(b.Record()); err != nil {
		b.err = fmt.Errorf("batch %d: %w", b.batch, err)
	}
	b.batch++
	return b.err == nil
}

// newMessage returns a message for the library after it was checked.
func newMessage(c *arrowcheck.Checker, meta, body []byte) (*ipc.Message, error) {
	if err := c.Message(meta, body); err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

// streamMessages reads the messages of a stream.
type streamMessages struct {
	checker arrowcheck.Checker
	in      io.Reader
	left    int64 // bytes
}

func (s *streamMessages) Retain()  {}
func (s *streamMessages) Release() {}

func (s *streamMessages) Message() (*ipc.Message, error) {
	head, err := s.take(4)
	if err != nil {
		return nil, errors.New("it has no end of the stream: it was cut short, or its writer did not close it")
	}
	length := binary.LittleEndian.Uint32(head)
	if length == continuation {
		if head, err = s.take(4); err != nil {
			return nil, err
		}
		length = binary.LittleEndian.Uint32(head)
	}
	if length == 0 {
		return nil, s.end()
	}
	meta, err := s.take(int64(length))
	if err != nil {
		return nil, err
	}
	body, err := arrowcheck.BodyLength(meta)
	if err != nil {
		return nil, err
	}
	data, err := s.take(body)
	if err != nil {
		return nil, err
	}
	return newMessage(&s.checker, meta, data)
}

// end returns io.EOF at the end of the stream, if nothing comes after it.
func (s *streamMessages) end() error {
	if n, _ := s.in.Read(make([]byte, 1)); n > 0 {
		return errors.New("it goes on after the end of the stream")
	}
	return io.EOF
}

// take reads the next n bytes.
func (s *streamMessages) take(n int64) ([]byte, error) {
	if n < 0 || n > s.left || n > math.MaxInt32 && s.left == math.MaxInt64 {
		return nil, fmt.Errorf("a message has %d bytes, and the file only %d more; it was cut short", n, s.left)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(s.in, data); err != nil {
		return nil, fmt.Errorf("a message of %d bytes: %w", n, err)
	}
	if s.left < math.MaxInt64 {
		s.left -= n
	}
	return data, nil
}

// ReadStream returns a reader of an Arrow IPC stream of at most size bytes.
func ReadStream(in io.Reader, size int64) (*Reader, error) {
	r := &Reader{Rows: -1}
	return r, r.messages(&streamMessages{in: in, left: size})
}
