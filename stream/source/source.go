package source

import "strconv"

// A Message is one message as a source gave it.
type Message struct {
	Part   string // the part of the source that it is in, as a partition; "" when it has one part
	Offset int64  // its position in the part
	// ID identifies the event when the stream has no event_id. It is a function of the
	// position, so that a message that is read twice has the same.
	ID      string
	Value   []byte // belongs to the message; nil is a tombstone of the source
	Deleted bool   // retracts the event of the id in Value: a deleted row
	Time    int64  // when the source took it, in microseconds since 1970 UTC; 0 when unknown
	Token   any    // what Acknowledge of the source needs; nil for others
}

// A Position is how far a part of a source was read.
type Position struct {
	Part string
	// Incarnation tells a part from another one of the same name that was made later, such
	// as a topic that was deleted and created. Empty when the source can't tell.
	Incarnation string
	Next        int64 // the offset after the last message that is in the log
}

// A Batch is some messages, in the order of each part.
type Batch struct {
	Messages []Message
	// Positions are how far each part is read once Messages are in the log. They may move
	// without messages, over records that nobody gets.
	Positions []Position
}

// Bytes returns the bytes of all messages.
func (b *Batch) Bytes() int {
	n := 0
	for i := range b.Messages {
		n += len(b.Messages[i].Value)
	}
	return n
}

// A Lag is how far the log is behind one part of a source.
type Lag struct {
	Part   string
	Events int64 // messages that are not in the log, at most; -1 when unknown
	Bytes  int64 // what Postgres keeps of its write-ahead log for us; 0 for other sources
}

// Lost says that a source no longer has messages that were not read.
type Lost struct {
	Part string
	Why  string // one sentence that names the part: what is lost, from where to where, and the remedy
}

// Error says what is lost.
func (e *Lost) Error() string { return e.Why }

// Stopped says that a source can't go on until a person changes something: wrong
// credentials, a missing topic, a table that was truncated.
type Stopped struct {
	Why string // one sentence that names the thing and the remedy
}

// Error says why.
func (e *Stopped) Error() string { return e.Why }

// PositionID returns the id of an event that has none, made of where its message is.
func PositionID(part string, offset int64) string {
	if part == "" {
		return strconv.FormatInt(offset, 10)
	}
	return part + ":" + strconv.FormatInt(offset, 10)
}
