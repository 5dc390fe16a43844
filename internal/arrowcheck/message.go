package arrowcheck

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

// A Table is a table of a flatbuffer. Its methods panic on damaged ones.
type Table struct{ flatbuffers.Table }

// Root returns the table that a flatbuffer begins with.
func Root(data []byte) *Table {
	return &Table{flatbuffers.Table{Bytes: data, Pos: flatbuffers.UOffsetT(binary.LittleEndian.Uint32(data))}}
}

// field returns where a field is, 0 if it isn't there.
func (t *Table) field(number int) flatbuffers.UOffsetT {
	at := flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(4 + 2*number)))
	if at == 0 {
		return 0
	}
	return t.Pos + at
}

// Int64 returns a field, 0 if it isn't there.
func (t *Table) Int64(number int) int64 {
	if at := t.field(number); at != 0 {
		return t.GetInt64(at)
	}
	return 0
}

// Int16 returns a field, 0 if it isn't there.
func (t *Table) Int16(number int) int16 {
	if at := t.field(number); at != 0 {
		return t.GetInt16(at)
	}
	return 0
}

// Int8 returns a field, 0 if it isn't there.
func (t *Table) Int8(number int) int8 {
	if at := t.field(number); at != 0 {
		return t.GetInt8(at)
	}
	return 0
}

// Child returns the table that a field points to.
func (t *Table) Child(number int) (*Table, bool) {
	at := t.field(number)
	if at == 0 {
		return nil, false
	}
	return &Table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}, true
}

// Vector returns where a vector's elements of a size begin, and how many it has.
func (t *Table) Vector(number int, size int) (flatbuffers.UOffsetT, int) {
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

// BodyLength returns how many bytes come after the header of a message.
func BodyLength(meta []byte) (n int64, err error) {
	err = Try(func() error {
		m, err := parseMessage(meta)
		if err == nil {
			n = m.body
		}
		return err
	})
	return n, err
}

// Dictionary returns which dictionary a message has, and whether it adds to it; found
// is false when the message has none.
func Dictionary(meta []byte) (id int64, adds, found bool, err error) {
	err = Try(func() error {
		m, err := parseMessage(meta)
		if err == nil && m.kind == dictionaryMessage {
			id, adds, found = m.head.Int64(0), m.head.Int8(2) != 0, true
		}
		return err
	})
	return id, adds, found, err
}

// A message is the header of an Arrow message.
type message struct {
	version int16
	kind    int8
	body    int64 // its length
	head    *Table
}

// parseMessage reads a message's header. It panics on some damaged ones.
func parseMessage(meta []byte) (*message, error) {
	if len(meta) < 8 {
		return nil, errors.New("the header of a message is too short")
	}
	root := Root(meta)
	m := &message{version: root.Int16(0), kind: root.Int8(1), body: root.Int64(3)}
	var found bool
	if m.head, found = root.Child(2); !found {
		return nil, errors.New("a message has no header")
	}
	if m.body < 0 {
		return nil, fmt.Errorf("a message has %d bytes", m.body)
	}
	return m, nil
}
