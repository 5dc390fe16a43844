package window

import (
	"encoding/binary"
	"math"
)

// format is the first byte of a state; see doc.go.
const format = 1

// How a pending value is written.
const (
	tagNull = iota
	tagValue
	tagHash
	tagPresent
)

// Append appends the state's bytes. Equal sets of events have equal bytes.
func (s *State) Append(dst []byte) []byte {
	dst = append(dst, format, byte(len(s.pending)))
	at := int64(0)
	for i := range s.pending {
		e := &s.pending[i]
		if i == 0 {
			dst = binary.AppendVarint(dst, e.time)
		} else {
			dst = appendUint(dst, e.time-at)
		}
		at = e.time
		dst = s.program.appendEntry(dst, e)
	}
	if len(s.pending) < MaxPending {
		return dst
	}
	if !s.folded {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = appendUint(dst, s.pending[0].time-s.settled)
	for i := range s.rows {
		dst = s.rows[i].append(dst)
	}
	return dst
}

func (p *Program) appendEntry(dst []byte, e *entry) []byte {
	dst = appendBytes(dst, e.id)
	if !e.live {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	for _, f := range p.used {
		switch v := e.values[f]; v.kind {
		case kindNull:
			dst = append(dst, tagNull)
		case kindHash:
			dst = binary.BigEndian.AppendUint64(append(dst, tagHash), v.bits)
		case kindPresent:
			dst = append(dst, tagPresent)
		default:
			dst = appendValue(append(dst, tagValue), p.fields[f], v)
		}
	}
	return dst
}

// append writes the number of tiles, and each with how far its start is from the one
// before.
func (r *row) append(dst []byte) []byte {
	dst = appendUint(dst, int64(len(r.tiles)))
	unit := max(r.level.hop, 1)
	at := int64(0)
	for i, t := range r.tiles {
		if i == 0 {
			dst = binary.AppendVarint(dst, t.start/unit)
		} else {
			dst = appendUint(dst, (t.start-at)/unit)
		}
		at = t.start
		dst = t.append(dst, &r.level.layout)
	}
	return dst
}

// Decode reads what Append wrote with a program of the same fingerprint, and nothing else.
// After an error the state is empty. It keeps a copy of raw, in which its texts lie, and
// overwrites the one that it has.
func (s *State) Decode(raw []byte) error {
	s.Reset()
	s.raw = append(s.raw[:0], raw...)
	r := &s.view.reader
	*r = reader{b: s.raw}
	if f := r.byte(); f != format && !r.failed() {
		r.bad("the format")
	}
	s.decodePending(r)
	if len(s.pending) == MaxPending && !r.failed() {
		switch r.byte() {
		case 0:
		case 1:
			s.folded = true
			s.settled = s.pending[0].time - r.count(s.pending[0].time-MinTime)
			for i := range s.rows {
				if r.failed() {
					break
				}
				s.rows[i].decode(r, s.settled)
			}
		default:
			r.bad("the mark of folded events")
		}
	}
	if r.left() > 0 {
		r.bad("what follows the end")
	}
	if r.err != nil {
		s.Reset()
	}
	r.b = nil
	return r.err
}

func (s *State) decodePending(r *reader) {
	n := r.count(MaxPending)
	at := int64(0)
	for i := range int(n) {
		if i == 0 {
			at = r.varint()
		} else {
			at += r.count(MaxTime - at)
		}
		id := r.bytes(maxID)
		if at < MinTime || at > MaxTime || i > 0 && comparePlaces(s.pending[i-1].time, s.pending[i-1].id, at, id) >= 0 {
			r.bad("the order of events")
		}
		if r.failed() {
			return
		}
		s.pending = s.pending[:i+1]
		e := &s.pending[i]
		e.time, e.id = at, append(e.id[:0], id...)
		s.program.decodeEntry(r, e)
	}
}

func (p *Program) decodeEntry(r *reader, e *entry) {
	clear(e.values)
	live := r.byte()
	if live > 1 {
		r.bad("the mark of an event")
	}
	if e.live = live == 1; !e.live {
		return
	}
	for _, f := range p.used {
		text := p.fields[f] == Text
		switch tag := r.byte(); {
		case tag == tagNull:
		case tag == tagValue && (!text || p.needs[f].text):
			e.values[f] = r.value(p.fields[f])
		case tag == tagHash && text && p.needs[f].hash:
			e.values[f] = Value{kind: kindHash, bits: r.uint64()}
		case tag == tagPresent && text && !p.needs[f].hash:
			e.values[f] = Value{kind: kindPresent}
		default:
			r.bad("a value")
		}
	}
}

func (r *row) decode(in *reader, settled int64) {
	horizon, unit := r.horizon(settled), max(r.level.hop, 1)
	n := in.length(math.MaxInt32, 2)
	start := int64(0)
	for i := range n {
		if i == 0 {
			start = in.varint()
			if start < MinTime*2/unit || start > MaxTime/unit {
				in.bad("a tile's start")
			}
			start *= unit
		} else {
			start += in.count((settled-start)/unit) * unit
			if start == r.tiles[i-1].start {
				in.bad("a tile's start")
			}
		}
		if start < horizon || start > settled || start != r.start(start) {
			in.bad("a tile's start")
		}
		if in.failed() {
			return
		}
		t := r.old()
		r.tiles = append(r.tiles, t)
		t.decode(in, &r.level.layout, start, settled)
	}
}
