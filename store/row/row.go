package row

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"larder/schema"
)

// Format is the first byte of every row.
const Format = 0x01

// HeaderBytes is the length of a row's header, and of a tombstone.
const HeaderBytes = 12

const flagTombstone = 1

// A Header describes a row.
type Header struct {
	Tombstone bool
	Layout    uint16 // the number of the layout that the row was written in
	Ingest    int64  // microseconds since 1970 UTC, or schema.NoIngestTime
}

// ParseHeader reads the header of a row.
func ParseHeader(row []byte) (Header, error) {
	if len(row) < HeaderBytes {
		return Header{}, fmt.Errorf("a row of %d bytes has no header", len(row))
	}
	if row[0] != Format {
		return Header{}, fmt.Errorf("the row has format %d, and this larder reads %d", row[0], Format)
	}
	if row[1]&^flagTombstone != 0 {
		return Header{}, fmt.Errorf("the row has unknown flags %#x", row[1])
	}
	return Header{
		Tombstone: row[1]&flagTombstone != 0,
		Layout:    binary.LittleEndian.Uint16(row[2:]),
		Ingest:    int64(binary.LittleEndian.Uint64(row[4:])),
	}, nil
}

// A Layout fixes where each column of a row is. It is immutable.
type Layout struct {
	Columns  []schema.Column
	Offsets  []int // of each column, from the start of the row
	FixedEnd int   // where the variable section begins: the shortest whole row
}

// NewLayout returns the layout of rows with these columns.
func NewLayout(columns []schema.Column) *Layout {
	l := &Layout{Columns: columns, Offsets: make([]int, len(columns))}
	at := HeaderBytes + (len(columns)+7)/8
	for i, c := range columns {
		l.Offsets[i] = at
		at += width(c.Type)
	}
	l.FixedEnd = at
	return l
}

// Fixed returns where the bytes of column i begin, from the start of a row, if they are
// in the fixed section: of bools, numbers, timestamps and vectors.
func (l *Layout) Fixed(i int) (offset int, ok bool) {
	t := l.Columns[i].Type
	return l.Offsets[i], t.IsVector() || !t.IsList() && t != schema.String && t != schema.Bytes
}

// Elements returns the bytes of the vector of type t whose elements begin at offset of a
// row that was checked. They alias row.
func Elements(row []byte, offset int, t schema.Type) []byte {
	return row[offset:][:t.VectorBytes()]
}

// width returns how many bytes a column takes in the fixed section.
func width(t schema.Type) int {
	if t.IsVector() {
		return t.VectorBytes()
	}
	if t.IsList() || t == schema.String || t == schema.Bytes {
		return 8
	}
	return elementWidth(t)
}

// elementWidth returns the bytes of a bool, a number or a timestamp.
func elementWidth(t schema.Type) int {
	switch t {
	case schema.Bool:
		return 1
	case schema.Int32, schema.Float32:
		return 4
	}
	return 8
}

// Check reports whether row is long enough for every fixed column of the layout, so
// that they can be read without further checks.
func (l *Layout) Check(row []byte) error {
	if len(row) < l.FixedEnd {
		return fmt.Errorf("the row is cut off: it has %d bytes, and its layout needs %d", len(row), l.FixedEnd)
	}
	return nil
}

// Null reports whether column i of a row that was checked is null.
func Null(row []byte, i int) bool { return row[HeaderBytes+i>>3]&(1<<(i&7)) != 0 }

// Variable returns the bytes of the string, bytes or list whose fixed part is at
// offset of a row that was checked. They alias row.
func Variable(row []byte, offset int) ([]byte, error) {
	start := uint64(binary.LittleEndian.Uint32(row[offset:]))
	end := start + uint64(binary.LittleEndian.Uint32(row[offset+4:]))
	if end > uint64(len(row)) {
		return nil, fmt.Errorf("a value ends at byte %d of a row of %d", end, len(row))
	}
	return row[start:end], nil
}

// ListLen returns the number of elements of a list of t, given its bytes.
func ListLen(t schema.Type, list []byte) (int, error) {
	if t == schema.String || t == schema.Bytes {
		if len(list) < 4 {
			return 0, fmt.Errorf("a list of %d bytes has no length", len(list))
		}
		n := uint64(binary.LittleEndian.Uint32(list))
		if 4+4*n > uint64(len(list)) {
			return 0, fmt.Errorf("a list has %d elements in %d bytes", n, len(list))
		}
		return int(n), nil
	}
	w := elementWidth(t)
	if len(list)%w != 0 {
		return 0, fmt.Errorf("a list of %s does not fit %d bytes", t, len(list))
	}
	return len(list) / w, nil
}

// EachText calls visit with the bounds of each element of a list of strings or bytes:
// list[start:end].
func EachText(list []byte, visit func(start, end int)) error {
	n, err := ListLen(schema.Bytes, list)
	if err != nil {
		return err
	}
	lengths, start := list[4:4+4*n], 4+4*n
	for i := range n {
		length := uint64(binary.LittleEndian.Uint32(lengths[4*i:]))
		if length > uint64(len(list)-start) {
			return fmt.Errorf("element %d of a list is cut off", i)
		}
		end := start + int(length)
		visit(start, end)
		start = end
	}
	if start < len(list) {
		return fmt.Errorf("a list has %d bytes too many", len(list)-start)
	}
	return nil
}

// Value returns column i of a row, in the Go form of [schema.ParseValue]; nil
// when it is null. It is the slow and checked way to read a row.
func (l *Layout) Value(row []byte, i int) (any, error) {
	if err := l.Check(row); err != nil {
		return nil, err
	}
	if Null(row, i) {
		return nil, nil
	}
	t := l.Columns[i].Type
	at, fixed := l.Fixed(i)
	switch {
	case t.IsVector():
		return listValue(t.Elem(), Elements(row, at, t))
	case fixed:
		return scalar(t, row[at:]), nil
	}
	raw, err := Variable(row, at)
	if err != nil {
		return nil, fmt.Errorf("column %q: %w", l.Columns[i].Name, err)
	}
	switch {
	case t == schema.String:
		return string(raw), nil
	case t == schema.Bytes:
		return append([]byte{}, raw...), nil
	}
	list, err := listValue(t.Elem(), raw)
	if err != nil {
		return nil, fmt.Errorf("column %q: %w", l.Columns[i].Name, err)
	}
	return list, nil
}

func listValue(t schema.Type, raw []byte) ([]any, error) {
	n, err := ListLen(t, raw)
	if err != nil {
		return nil, err
	}
	list := make([]any, 0, n)
	if t == schema.String || t == schema.Bytes {
		err := EachText(raw, func(start, end int) {
			if t == schema.String {
				list = append(list, string(raw[start:end]))
			} else {
				list = append(list, append([]byte{}, raw[start:end]...))
			}
		})
		return list, err
	}
	for w := elementWidth(t); len(raw) > 0; raw = raw[w:] {
		list = append(list, scalar(t, raw))
	}
	return list, nil
}

func scalar(t schema.Type, b []byte) any {
	switch t {
	case schema.Bool:
		return b[0] != 0
	case schema.Int32:
		return int32(binary.LittleEndian.Uint32(b))
	case schema.Float32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case schema.Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case schema.Timestamp:
		return time.UnixMicro(int64(binary.LittleEndian.Uint64(b))).UTC()
	}
	return int64(binary.LittleEndian.Uint64(b))
}
