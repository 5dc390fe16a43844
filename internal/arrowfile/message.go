package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Kinds of messages.
const (
	schemaMessage     = 1
	dictionaryMessage = 2
	batchMessage      = 3
)

// unionType is the number of the only type with a list.
const unionType = 14

const (
	maxFields    = 1 << 20 // of a schema, with those in other fields
	maxNesting   = 64
	mostPadding  = 64      // between two buffers
	zstdCodec    = 1       // lz4 is 0
	lz4Ratio     = 256     // at most, of what a frame unpacks to
	zstdRatio    = 1 << 16 // a block of 128 KiB takes 4 bytes
	notUnpacked  = -1      // the length before a buffer that is not compressed
	lengthPrefix = 8       // bytes of that length
)

// A table is a table of a flatbuffer. Its methods panic on damaged ones.
type table struct{ flatbuffers.Table }

// field returns where a field is, 0 if it isn't there.
func (t *table) field(number int) flatbuffers.UOffsetT {
	at := flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(4 + 2*number)))
	if at == 0 {
		return 0
	}
	return t.Pos + at
}

func (t *table) int64(number int) int64 {
	if at := t.field(number); at != 0 {
		return t.GetInt64(at)
	}
	return 0
}

func (t *table) int8(number int) int8 {
	if at := t.field(number); at != 0 {
		return t.GetInt8(at)
	}
	return 0
}

// child returns the table that a field points to.
func (t *table) child(number int) (*table, bool) {
	at := t.field(number)
	if at == 0 {
		return nil, false
	}
	return &table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}, true
}

// vector returns where a vector's elements of a size begin, and how many it has.
func (t *table) vector(number int, size int) (flatbuffers.UOffsetT, int) {
	at := t.field(number)
	if at == 0 {
		return 0, 0
	}
	at += t.GetUOffsetT(at)
	n := int(t.GetUint32(at))
	if n > (len(t.Bytes)-int(at))/size {
		panic(fmt.Errorf("a list in the header of a message has %d elements", n))
	}
	return at + flatbuffers.SizeUOffsetT, n
}

// A message is the header of an Arrow message.
type message struct {
	kind int8
	body int64 // its length
	head *table
}

// parseMessage reads a message's header. It panics on some damaged ones.
func parseMessage(meta []byte) (*message, error) {
	if len(meta) < 8 {
		return nil, errors.New("the header of a message is too short")
	}
	root := &table{flatbuffers.Table{Bytes: meta, Pos: flatbuffers.UOffsetT(binary.LittleEndian.Uint32(meta))}}
	m := &message{kind: root.int8(1), body: root.int64(3)}
	var found bool
	if m.head, found = root.child(2); !found {
		return nil, errors.New("a message has no header")
	}
	if m.body < 0 {
		return nil, fmt.Errorf("a message has %d bytes", m.body)
	}
	return m, nil
}

// check returns an error unless the parts of a message are in its body. It panics on
// some damaged ones.
func (m *message) check(body []byte) error {
	switch m.kind {
	case schemaMessage:
		left := maxFields
		m.head.vector(2, flatbuffers.SizeUOffsetT) // its metadata
		return checkFields(m.head, 1, &left, 0)
	case dictionaryMessage:
		batch, found := m.head.child(1)
		if !found {
			return errors.New("a dictionary has no values")
		}
		return checkBatch(batch, body)
	case batchMessage:
		return checkBatch(m.head, body)
	}
	return fmt.Errorf("a message has the unknown type %d", m.kind)
}

// checkFields bounds the fields of a schema or of a field.
func checkFields(of *table, number int, left *int, depth int) error {
	at, n := of.vector(number, flatbuffers.SizeUOffsetT)
	if *left -= n; *left < 0 || depth > maxNesting {
		return errors.New("the schema has too many fields")
	}
	for i := range n {
		place := at + flatbuffers.UOffsetT(i)*flatbuffers.SizeUOffsetT
		field := &table{flatbuffers.Table{Bytes: of.Bytes, Pos: of.Indirect(place)}}
		if err := checkFields(field, 5, left, depth+1); err != nil {
			return err
		}
		field.vector(6, flatbuffers.SizeUOffsetT) // its metadata
		if typ, found := field.child(3); found && field.int8(2) == unionType {
			typ.vector(1, 4) // the types that it has
		}
	}
	return nil
}

// checkBatch checks the counts and buffers of a batch.
//
//	0 rows, 1 nodes: (length, nulls), 2 buffers: (offset, length), 3 compression: (codec), 4 buffers of views
func checkBatch(batch *table, body []byte) error {
	if rows := batch.int64(0); rows < 0 {
		return fmt.Errorf("a batch has %d rows", rows)
	}
	nodes, n := batch.vector(1, 16)
	for i := range n {
		at := nodes + flatbuffers.UOffsetT(i)*16
		if length, nulls := batch.GetInt64(at), batch.GetInt64(at+8); length < 0 || nulls < 0 || nulls > length {
			return fmt.Errorf("a column of a batch has %d values and %d nulls", length, nulls)
		}
	}
	ratio := int64(0)
	if compression, found := batch.child(3); found {
		if ratio = lz4Ratio; compression.int8(0) == zstdCodec {
			ratio = zstdRatio
		}
	}
	buffers, n := batch.vector(2, 16)
	end := int64(0)
	for i := range n {
		at := buffers + flatbuffers.UOffsetT(i)*16
		offset, length := batch.GetInt64(at), batch.GetInt64(at+8)
		if length == 0 {
			continue
		}
		if length < 0 || offset < end || offset > int64(len(body)) || length > int64(len(body))-offset || offset-end > mostPadding {
			return fmt.Errorf("a buffer of a batch has %d bytes from %d on; the one before it ends at %d, the batch at %d", length, offset, end, len(body))
		}
		end = offset + length
		if err := checkUnpacked(body[offset:end], ratio); err != nil {
			return err
		}
	}
	if int64(len(body))-end > mostPadding {
		return fmt.Errorf("the buffers of a batch end at byte %d of %d", end, len(body))
	}
	views, counts := batch.vector(4, 8)
	for i := range counts {
		if count := batch.GetInt64(views + flatbuffers.UOffsetT(i)*8); count < 0 || count > int64(n) {
			return fmt.Errorf("a column of a batch has %d buffers", count)
		}
	}
	return nil
}

// checkUnpacked checks the length that a compressed buffer says it unpacks to. Ratio is
// 0 for buffers that aren't compressed.
func checkUnpacked(buffer []byte, ratio int64) error {
	if ratio == 0 {
		return nil
	}
	if len(buffer) < lengthPrefix {
		return errors.New("a compressed buffer is too short")
	}
	packed, unpacked := int64(len(buffer)-lengthPrefix), int64(binary.LittleEndian.Uint64(buffer))
	if unpacked != notUnpacked && (unpacked < 0 || unpacked > packed*ratio) {
		return fmt.Errorf("a buffer says that its %d bytes unpack to %d", packed, unpacked)
	}
	return nil
}
