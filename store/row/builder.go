package row

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"larder/schema"
)

// A Builder writes rows of one layout, one after the other, into one buffer. Setting a
// column twice is a bug in the caller: the row keeps the bytes of both.
type Builder struct {
	layout *Layout
	number int
	buf    []byte
}

// NewBuilder returns a builder of rows in a layout. The rows carry its number.
func NewBuilder(layout *Layout, number int) *Builder {
	b := &Builder{layout: layout, number: number}
	b.Reset(schema.NoIngestTime, false)
	return b
}

// Reset begins a row in which every column is null.
func (b *Builder) Reset(ingest int64, tombstone bool) {
	size := b.layout.FixedEnd
	if tombstone {
		size = HeaderBytes
	}
	if cap(b.buf) < b.layout.FixedEnd {
		b.buf = make([]byte, b.layout.FixedEnd, 2*b.layout.FixedEnd)
	}
	b.buf = b.buf[:size]
	clear(b.buf)
	b.buf[0] = Format
	binary.LittleEndian.PutUint16(b.buf[2:], uint16(b.number))
	binary.LittleEndian.PutUint64(b.buf[4:], uint64(ingest))
	if tombstone {
		b.buf[1] = flagTombstone
		return
	}
	nulls := b.buf[HeaderBytes : HeaderBytes+(len(b.layout.Columns)+7)/8]
	for i := range nulls {
		nulls[i] = 0xff
	}
	if spare := len(b.layout.Columns) & 7; spare != 0 {
		nulls[len(nulls)-1] = 1<<spare - 1
	}
}

// Row returns the row. It aliases the builder until the next Reset.
func (b *Builder) Row() []byte { return b.buf }

// fixed marks column i as not null and returns its place in the fixed section.
func (b *Builder) fixed(i int) []byte {
	b.buf[HeaderBytes+i>>3] &^= 1 << (i & 7)
	return b.buf[b.layout.Offsets[i]:]
}

// SetBool sets column i, of type bool.
func (b *Builder) SetBool(i int, v bool) {
	at := b.fixed(i)
	if v {
		at[0] = 1
	}
}

// SetInt32 sets column i, of type int32.
func (b *Builder) SetInt32(i int, v int32) { binary.LittleEndian.PutUint32(b.fixed(i), uint32(v)) }

// SetInt64 sets column i, of type int64.
func (b *Builder) SetInt64(i int, v int64) { binary.LittleEndian.PutUint64(b.fixed(i), uint64(v)) }

// SetTimestamp sets column i, of type timestamp, in microseconds since 1970 UTC.
func (b *Builder) SetTimestamp(i int, micros int64) { b.SetInt64(i, micros) }

// SetFloat32 sets column i, of type float32. The bits of a NaN are kept.
func (b *Builder) SetFloat32(i int, v float32) {
	binary.LittleEndian.PutUint32(b.fixed(i), math.Float32bits(v))
}

// SetFloat64 sets column i, of type float64. The bits of a NaN are kept.
func (b *Builder) SetFloat64(i int, v float64) {
	binary.LittleEndian.PutUint64(b.fixed(i), math.Float64bits(v))
}

// SetString sets column i, of type string.
func (b *Builder) SetString(i int, v string) {
	b.place(i, len(v))
	b.buf = append(b.buf, v...)
}

// SetBytes sets column i, of type bytes.
func (b *Builder) SetBytes(i int, v []byte) {
	b.place(i, len(v))
	b.buf = append(b.buf, v...)
}

// place writes where column i's n bytes will begin: at the current end of the row.
func (b *Builder) place(i, n int) {
	at := b.fixed(i)
	binary.LittleEndian.PutUint32(at, uint32(len(b.buf)))
	binary.LittleEndian.PutUint32(at[4:], uint32(n))
}

// elements returns the place of column i's n elements of some width, of a list or a
// vector. A vector of another length is a bug in the caller.
func (b *Builder) elements(i, n, width int) []byte {
	if t := b.layout.Columns[i].Type; t.IsVector() {
		if n != t.Len() {
			panic(fmt.Sprintf("row: %d elements for a %s", n, t))
		}
		return b.fixed(i)[:n*width]
	}
	b.place(i, n*width)
	start := len(b.buf)
	b.buf = slices.Grow(b.buf, n*width)[:start+n*width]
	return b.buf[start:]
}

// SetBools sets column i, of type list<bool>.
func (b *Builder) SetBools(i int, list []bool) {
	b.place(i, len(list))
	for _, v := range list {
		b.buf = AppendBool(b.buf, v)
	}
}

// SetInt32s sets column i, a list or vector of int32.
func (b *Builder) SetInt32s(i int, list []int32) {
	to := b.elements(i, len(list), 4)
	for k, v := range list {
		binary.LittleEndian.PutUint32(to[4*k:], uint32(v))
	}
}

// SetInt64s sets column i, a list or vector of int64, or a list of timestamps.
func (b *Builder) SetInt64s(i int, list []int64) {
	to := b.elements(i, len(list), 8)
	for k, v := range list {
		binary.LittleEndian.PutUint64(to[8*k:], uint64(v))
	}
}

// SetFloat32s sets column i, a list or vector of float32.
func (b *Builder) SetFloat32s(i int, list []float32) {
	to := b.elements(i, len(list), 4)
	for k, v := range list {
		binary.LittleEndian.PutUint32(to[4*k:], math.Float32bits(v))
	}
}

// SetFloat64s sets column i, a list or vector of float64.
func (b *Builder) SetFloat64s(i int, list []float64) {
	to := b.elements(i, len(list), 8)
	for k, v := range list {
		binary.LittleEndian.PutUint64(to[8*k:], math.Float64bits(v))
	}
}

// SetTexts sets column i, of type list<string> or list<bytes>, to n elements.
func (b *Builder) SetTexts(i, n int, element func(k int) []byte) {
	start := len(b.buf)
	b.place(i, 0)
	b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(n))
	for k := range n {
		b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(len(element(k))))
	}
	for k := range n {
		b.buf = append(b.buf, element(k)...)
	}
	binary.LittleEndian.PutUint32(b.buf[b.layout.Offsets[i]+4:], uint32(len(b.buf)-start))
}
