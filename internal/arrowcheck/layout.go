package arrowcheck

import (
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

const (
	maxFields  = 1 << 20 // of a schema, with those in other fields
	maxNesting = 64
)

// Numbers of types.
const (
	nullType       = 1
	binaryType     = 4
	textType       = 5
	structType     = 13
	unionType      = 14
	fixedListType  = 16
	largeBytesType = 19
	largeTextType  = 20
	runsType       = 22
	bytesViewType  = 23
	textViewType   = 24
	listViewType   = 25
	largeViewType  = 26
)

// unionsWithoutNulls is the first version of the format whose unions have no nulls of
// their own.
const unionsWithoutNulls = 4

// A layout is how many parts batches of some columns have. The library doesn't count
// them: it reads what comes after.
type layout struct {
	nodes, buffers int
	views          int // columns that have any number of further buffers
}

// A Checker checks the messages of a stream, of which the schema is the first. The
// zero value is ready to use.
type Checker struct {
	batch        layout
	dictionaries map[int64]layout // by id

	version int16
	fields  int // so far
}

// Message returns an error unless a message, with its header and its body, can be read.
func (c *Checker) Message(meta, body []byte) error {
	return Try(func() error {
		m, err := parseMessage(meta)
		if err != nil {
			return err
		}
		if m.body != int64(len(body)) {
			return fmt.Errorf("a message says that it has %d bytes, and it has %d", m.body, len(body))
		}
		return c.check(m, body)
	})
}

// check returns an error unless the parts of a message are in its body. It panics on
// some damaged ones.
func (c *Checker) check(m *message, body []byte) error {
	switch m.kind {
	case schemaMessage:
		*c = Checker{dictionaries: map[int64]layout{}, version: m.version}
		m.head.Vector(2, flatbuffers.SizeUOffsetT) // its metadata
		var err error
		c.batch, err = c.children(m.head, 1, 0)
		return err
	case dictionaryMessage:
		batch, found := m.head.Child(1)
		want, known := c.dictionaries[m.head.Int64(0)]
		if !found || !known {
			return fmt.Errorf("dictionary %d has no values, or no column", m.head.Int64(0))
		}
		return checkBatch(batch, want, body)
	case batchMessage:
		return checkBatch(m.head, c.batch, body)
	}
	return fmt.Errorf("a message has the unknown type %d", m.kind)
}

// children returns the layout of the fields that a schema or a field has.
func (c *Checker) children(of *Table, number int, depth int) (sum layout, err error) {
	at, n := of.Vector(number, flatbuffers.SizeUOffsetT)
	if c.fields += n; c.fields > maxFields || depth > maxNesting {
		return sum, errors.New("the schema has too many fields")
	}
	for i := range n {
		place := at + flatbuffers.UOffsetT(i)*flatbuffers.SizeUOffsetT
		one, err := c.field(&Table{flatbuffers.Table{Bytes: of.Bytes, Pos: of.Indirect(place)}}, depth)
		if err != nil {
			return sum, err
		}
		sum.nodes, sum.buffers, sum.views = sum.nodes+one.nodes, sum.buffers+one.buffers, sum.views+one.views
	}
	return sum, nil
}

// field returns the layout of a field.
//
//	0 name, 1 nullable, 2 number of the type, 3 type, 4 dictionary: (id), 5 children, 6 metadata
func (c *Checker) field(field *Table, depth int) (layout, error) {
	field.Vector(6, flatbuffers.SizeUOffsetT)
	all, err := c.children(field, 5, depth+1)
	if err != nil {
		return all, err
	}
	all.nodes++
	switch field.Int8(2) {
	case nullType, runsType:
	case structType, fixedListType:
		all.buffers++
	case binaryType, textType, largeBytesType, largeTextType, listViewType, largeViewType:
		all.buffers += 3
	case bytesViewType, textViewType:
		all.buffers, all.views = all.buffers+2, all.views+1
	case unionType:
		all.buffers += c.union(field)
	default:
		all.buffers += 2
	}
	if dictionary, found := field.Child(4); found {
		c.dictionaries[dictionary.Int64(0)] = all
		all = layout{nodes: 1, buffers: 2}
	}
	return all, nil
}

// union returns how many buffers a union has: the type of each value, where the values
// are in a dense one, and in old versions the nulls.
func (c *Checker) union(field *Table) int {
	buffers := 1
	if c.version < unionsWithoutNulls {
		buffers++
	}
	if typ, found := field.Child(3); found {
		typ.Vector(1, 4) // the types that it has
		if typ.Int16(0) == 1 {
			buffers++
		}
	}
	return buffers
}
