package cache

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// A page is what the cache knows about one entity: its key, without the view, and its
// rows in some views. So a request for many views of an entity finds the rows next to
// each other. Integers are little endian:
//
//	page: hash 8 | bytes 4 | key length 2 | 0 2 | visited 4 | 0 4 | key, padded to 8 | slots
//	slot: view 4 | state 1 and row length 3 | event time 8 | row, padded to 8
type page []byte

// A Row is a row of a view, or says that there is none.
type Row struct {
	View      uint32
	EventTime int64  // in microseconds since 1970 UTC
	Bytes     []byte // at most MaxRowBytes
	Absent    bool   // the entity has no row in the view
}

// MaxRowBytes bounds a row, and MaxEntityBytes the key of an entity.
const (
	MaxRowBytes    = lengthMask
	MaxEntityBytes = 1<<16 - 1
)

const (
	pageHeader = 24
	slotHeader = 16
	unit       = 8

	lengthBits = 24
	lengthMask = 1<<lengthBits - 1
)

// The states of a slot.
const (
	rowState     = iota // here it is
	absentState         // there is none
	unknownState        // ask the store
)

// newPage appends a page without slots.
func newPage(dst []byte, hash uint64, key []byte) page {
	dst = binary.LittleEndian.AppendUint64(dst, hash)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	return pad(append(dst, key...))
}

func pad(b []byte) []byte {
	for len(b)%unit != 0 {
		b = append(b, 0)
	}
	return b
}

func padded(n int) int { return (n + unit - 1) &^ (unit - 1) }

// withRow appends a slot.
func (p page) withRow(r *Row) page {
	state := uint32(rowState)
	if r.Absent {
		state = absentState
	}
	p = binary.LittleEndian.AppendUint32(p, r.View)
	p = binary.LittleEndian.AppendUint32(p, state<<lengthBits|uint32(len(r.Bytes)))
	p = binary.LittleEndian.AppendUint64(p, uint64(r.EventTime))
	return pad(append(p, r.Bytes...))
}

// seal writes the size of a page that is complete.
func (p page) seal() { binary.LittleEndian.PutUint32(p[8:], uint32(len(p))) }

// pageAt returns the page that b begins with.
func pageAt(b []byte) page {
	n := binary.LittleEndian.Uint32(b[8:])
	return b[:n:n]
}

func (p page) hash() uint64 { return binary.LittleEndian.Uint64(p) }

func (p page) keyBytes() int { return int(binary.LittleEndian.Uint16(p[12:])) }

// visited reports whether the page was read since it was written. It may be set under
// a read lock.
func (p page) visited() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&p[16])) }

// visit marks the page as read.
func (p page) visit() {
	if v := p.visited(); v.Load() == 0 { // most pages are marked already: a write would take the cache line from other cores
		v.Store(1)
	}
}

func (p page) isOf(key []byte) bool {
	return bytes.Equal(p[pageHeader:pageHeader+p.keyBytes()], key)
}

// slots returns where the slots begin.
func (p page) slots() int { return pageHeader + padded(p.keyBytes()) }

func (p page) view(slot int) uint32 { return binary.LittleEndian.Uint32(p[slot:]) }

func (p page) state(slot int) int {
	return int(binary.LittleEndian.Uint32(p[slot+4:]) >> lengthBits)
}

func (p page) rowBytes(slot int) int {
	return int(binary.LittleEndian.Uint32(p[slot+4:]) & lengthMask)
}

// next returns where the slot after a slot begins.
func (p page) next(slot int) int { return slot + slotHeader + padded(p.rowBytes(slot)) }

// slot returns where the slot of a view is; 0 when there is none. It searches the
// slots from from on, and then from the start. Views are mostly requested in the order
// in which they were added.
func (p page) slot(view uint32, from int) int {
	for at := from; at < len(p); at = p.next(at) {
		if p.view(at) == view {
			return at
		}
	}
	for at := p.slots(); at < from; at = p.next(at) {
		if p.view(at) == view {
			return at
		}
	}
	return 0
}

// row returns the row of a slot. The slot must not be unknown. The row aliases the
// page.
func (p page) row(slot int) Row {
	start := slot + slotHeader
	end := start + p.rowBytes(slot)
	return Row{
		View: p.view(slot), EventTime: int64(binary.LittleEndian.Uint64(p[slot+8:])),
		Bytes: p[start:end:end], Absent: p.state(slot) == absentState,
	}
}

// forget makes a slot unknown.
func (p page) forget(slot int) {
	length := uint32(p.rowBytes(slot))
	binary.LittleEndian.PutUint32(p[slot+4:], unknownState<<lengthBits|length)
}

// replace writes a row over that of a slot, if it has the same room.
func (p page) replace(slot int, r *Row) bool {
	if padded(len(r.Bytes)) != padded(p.rowBytes(slot)) {
		return false
	}
	p[:slot:p.next(slot)].withRow(r)
	return true
}
