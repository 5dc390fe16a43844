package arrowfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"

	"larder/internal/arrowcheck"
)

const (
	fileMagic = "ARROW1"
	fileBegin = 8 // the magic bytes and their padding
	// mostPadding is the most bytes between two messages.
	mostPadding = 64
)

// A block is where a message of a file is.
type block struct{ offset, meta, body int64 }

// fileMessages reads the messages of a file: the schema, which is in the footer, the
// dictionaries, the batches.
type fileMessages struct {
	checker arrowcheck.Checker
	in      io.ReaderAt
	schema  []byte // nil when it was read
	blocks  []block
	known   map[int64]bool // dictionaries that were read
}

func (f *fileMessages) Retain()  {}
func (f *fileMessages) Release() {}

func (f *fileMessages) Message() (*ipc.Message, error) {
	if meta := f.schema; meta != nil {
		f.schema = nil
		return newMessage(&f.checker, meta, nil)
	}
	if len(f.blocks) == 0 {
		return nil, io.EOF
	}
	b := f.blocks[0]
	f.blocks = f.blocks[1:]
	data := make([]byte, b.meta+b.body)
	if _, err := f.in.ReadAt(data, b.offset); err != nil {
		return nil, fmt.Errorf("a message at byte %d: %w", b.offset, err)
	}
	meta, err := header(data[:b.meta])
	if err == nil {
		err = f.replaces(meta)
	}
	if err != nil {
		return nil, fmt.Errorf("a message at byte %d: %w", b.offset, err)
	}
	return newMessage(&f.checker, meta, data[b.meta:])
}

// header returns the header of a message without what begins it.
func header(data []byte) ([]byte, error) {
	begin := 4
	if binary.LittleEndian.Uint32(data) == continuation {
		begin = headBytes
	}
	if n := binary.LittleEndian.Uint32(data[begin-4:]); int64(n) != int64(len(data)-begin) {
		return nil, fmt.Errorf("its header has %d bytes, and the footer says %d", n, len(data)-begin)
	}
	return data[begin:], nil
}

// replaces returns an error when a message replaces a dictionary: all are read before
// the batches, so the batches before it would get other values.
func (f *fileMessages) replaces(meta []byte) error {
	id, adds, found, err := arrowcheck.Dictionary(meta)
	if err != nil || !found {
		return err
	}
	if f.known[id] && !adds {
		return fmt.Errorf("dictionary %d is replaced, which the file format does not allow", id)
	}
	f.known[id] = true
	return nil
}

// newFileMessages reads the footer of a file.
func newFileMessages(in io.ReaderAt, size int64) (*fileMessages, error) {
	var begin [fileBegin]byte
	end := make([]byte, 4+len(fileMagic))
	if size < int64(len(begin)+len(end)) {
		return nil, fmt.Errorf("not an Arrow file: it has %d bytes", size)
	}
	if _, err := in.ReadAt(begin[:], 0); err != nil {
		return nil, err
	}
	if _, err := in.ReadAt(end, size-int64(len(end))); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(begin[:], []byte(fileMagic)) || string(end[4:]) != fileMagic {
		return nil, errors.New("not an Arrow file, or one that was cut short: it doesn't begin and end with ARROW1; a stream has the ending .arrows")
	}
	n := int64(binary.LittleEndian.Uint32(end))
	footerAt := size - int64(len(end)) - n
	if footerAt < fileBegin {
		return nil, fmt.Errorf("its footer should have %d bytes, and the file has %d", n, size)
	}
	footer := make([]byte, n)
	if _, err := in.ReadAt(footer, footerAt); err != nil {
		return nil, err
	}
	f := &fileMessages{in: in, known: map[int64]bool{}}
	err := arrowcheck.Try(func() error { return f.parse(footer) })
	if err != nil {
		return nil, fmt.Errorf("its footer can't be read: %w", err)
	}
	if err := checkBlocks(f.blocks, footerAt); err != nil {
		return nil, err
	}
	return f, f.checkSchema(footerAt)
}

// parse reads a footer.
//
//	0 version, 1 schema, 2 dictionaries, 3 batches: (offset int64, header int32, padding int32, body int64)
func (f *fileMessages) parse(footer []byte) error {
	if len(footer) < 8 {
		return errors.New("it is too short")
	}
	root := arrowcheck.Root(footer)
	for _, number := range []int{2, 3} {
		at, n := root.Vector(number, 24)
		for i := range n {
			place := at + flatbuffers.UOffsetT(i)*24
			f.blocks = append(f.blocks, block{root.GetInt64(place), int64(root.GetInt32(place + 8)), root.GetInt64(place + 16)})
		}
	}
	columns, found := root.Child(1)
	if !found {
		return errors.New("it has no schema")
	}
	f.schema = schemaMessageOf(footer, columns.Pos, root.Int16(0))
	return nil
}

// schemaMessageOf returns the header of a message with the schema at a place of a
// footer: a table of four fields before the footer, of which the third points into it.
func schemaMessageOf(footer []byte, at flatbuffers.UOffsetT, version int16) []byte {
	const (
		vtable, fields = 4, 16
		headAt         = fields + 8
		begin          = 40 // of the footer
	)
	meta := make([]byte, begin, begin+len(footer))
	put := binary.LittleEndian
	put.PutUint32(meta, fields)
	for i, v := range []uint16{fields - vtable, begin - fields, 4, 6, 8, 16} { // two sizes; where the fields are
		put.PutUint16(meta[vtable+2*i:], v)
	}
	put.PutUint32(meta[fields:], fields-vtable)
	put.PutUint16(meta[fields+4:], uint16(version))
	meta[fields+6] = 1 // a schema
	put.PutUint32(meta[headAt:], uint32(begin+at-headAt))
	return append(meta, footer...)
}

// checkSchema compares the schema of the footer with the one at the beginning of the
// file, which fills it up to the first block. Some writers have none that is a message.
func (f *fileMessages) checkSchema(footer int64) error {
	until := footer
	for _, b := range f.blocks {
		until = min(until, b.offset)
	}
	first := make([]byte, until-fileBegin)
	if _, err := f.in.ReadAt(first, fileBegin); err != nil {
		return err
	}
	if len(first) < headBytes || binary.LittleEndian.Uint32(first) != continuation {
		if len(first) > len(f.schema)+mostPadding {
			return fmt.Errorf("its first %d bytes are not in its footer; the file is damaged", until)
		}
		return nil
	}
	begin := &streamMessages{in: bytes.NewReader(first), left: int64(len(first))}
	got, err := ipc.NewReaderFromMessageReader(begin)
	if err != nil {
		return err
	}
	want, err := ipc.NewReaderFromMessageReader(&fileMessages{schema: f.schema})
	if err != nil {
		return err
	}
	if begin.left > mostPadding || !got.Schema().Equal(want.Schema()) {
		return errors.New("its beginning and its footer differ; the file is damaged")
	}
	return nil
}

// checkBlocks returns an error unless blocks follow each other up to the footer.
func checkBlocks(blocks []block, footer int64) error {
	sorted := slices.Clone(blocks)
	slices.SortFunc(sorted, func(a, b block) int { return cmp.Compare(a.offset, b.offset) })
	if len(sorted) == 0 {
		return nil
	}
	end := max(sorted[0].offset, fileBegin) // after the schema
	for _, b := range sorted {
		if b.offset < end || b.offset-end > mostPadding || b.meta < headBytes || b.body < 0 || b.meta > footer-b.offset || b.body > footer-b.offset-b.meta {
			return fmt.Errorf("a message of %d and %d bytes at byte %d is not in its place; the file is damaged", b.meta, b.body, b.offset)
		}
		end = b.offset + b.meta + b.body
	}
	if footer-end > mostPadding {
		return fmt.Errorf("its messages end at byte %d, and its footer begins at %d; the file is damaged", end, footer)
	}
	return nil
}
