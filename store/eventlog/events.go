package eventlog

import (
	"larder/column"
	"larder/schema"
)

// Events are some events of one stream, column by column.
type Events struct {
	Fields []column.Column // of each field of the stream
	IDs    []string
	// Retract says of an event that is appended that it retracts the event of its id: its
	// other fields don't matter. Of an event that is read, that it no longer counts.
	Retract []bool

	// Of events that are read.
	Deleted []bool  // of those with Retract: no correction follows in the batch
	Seqs    []int64 // the batch of each
	Ats     []int64 // the stamp of each, in microseconds since 1970 UTC
}

// NewEvents returns no events of a stream, with room for n.
func NewEvents(s *schema.Stream, n int) *Events {
	e := &Events{Fields: make([]column.Column, len(s.Fields)), IDs: make([]string, 0, n), Retract: make([]bool, 0, n)}
	for i, f := range s.Fields {
		e.Fields[i] = column.Column{Type: f.Type, Valid: make([]bool, 0, n)}
		e.Fields[i].Reserve(n)
		e.Fields[i].Resize(0)
	}
	return e
}

// Len returns the number of events.
func (e *Events) Len() int { return len(e.IDs) }

// Reset leaves no events, and keeps the memory.
func (e *Events) Reset() {
	for i := range e.Fields {
		e.Fields[i].Valid = e.Fields[i].Valid[:0]
		e.Fields[i].Resize(0)
	}
	e.IDs, e.Retract = e.IDs[:0], e.Retract[:0]
	e.Deleted, e.Seqs, e.Ats = e.Deleted[:0], e.Seqs[:0], e.Ats[:0]
}

// Append appends event i of others of the same stream, with their batch if they have one.
func (e *Events) Append(from *Events, i int) {
	for f := range e.Fields {
		e.Fields[f].AppendRow(&from.Fields[f], i)
	}
	e.IDs, e.Retract = append(e.IDs, from.IDs[i]), append(e.Retract, from.Retract[i])
	if len(from.Seqs) > 0 {
		e.Deleted, e.Seqs, e.Ats = append(e.Deleted, from.Deleted[i]), append(e.Seqs, from.Seqs[i]), append(e.Ats, from.Ats[i])
	}
}

// stamp gives the events up to n that have no batch one.
func (e *Events) stamp(n int, seq, at int64) {
	for range n - len(e.Seqs) {
		e.Seqs, e.Ats = append(e.Seqs, seq), append(e.Ats, at)
	}
}

// Bytes returns about how much memory the events take.
func (e *Events) Bytes() int {
	n := 0
	for i := range e.Fields {
		n += e.Fields[i].MemoryBytes()
	}
	for _, id := range e.IDs {
		n += len(id) + 16
	}
	return n
}

// Truncate leaves the first n events.
func (e *Events) Truncate(n int) {
	for f := range e.Fields {
		c := &e.Fields[f]
		c.Valid = c.Valid[:n]
		c.Resize(n)
	}
	e.IDs, e.Retract = e.IDs[:min(n, len(e.IDs))], e.Retract[:min(n, len(e.Retract))]
	if len(e.Seqs) > n {
		e.Deleted, e.Seqs, e.Ats = e.Deleted[:n], e.Seqs[:n], e.Ats[:n]
	}
}
