package codec

import (
	"fmt"

	"larder/schema"
)

// A Defect says why a message can't become an event. The list is closed.
type Defect string

// The reasons.
const (
	Undecodable   Defect = "UNDECODABLE"    // not of the stream's format, or cut off
	MissingField  Defect = "MISSING_FIELD"  // a field that isn't nullable has no value
	WrongType     Defect = "WRONG_TYPE"     // a value of another type than the field
	OutOfRange    Defect = "OUT_OF_RANGE"   // a value that doesn't fit the field's type
	DuplicateKey  Defect = "DUPLICATE_KEY"  // an object that has a key twice
	TooLarge      Defect = "TOO_LARGE"      // more than MaxMessageBytes
	BadTime       Defect = "BAD_TIME"       // a text that isn't a time
	AmbiguousTime Defect = "AMBIGUOUS_TIME" // a local time that clocks show twice, or never
)

// Reasons returns all reasons.
func Reasons() []Defect {
	return []Defect{Undecodable, MissingField, WrongType, OutOfRange, DuplicateKey, TooLarge, BadTime, AmbiguousTime}
}

// A BadMessage is a message that can't become an event, now or later: a dead letter.
type BadMessage struct {
	Reason Defect
	Text   string // names the field where there is one, and says what to do; at most some hundred bytes
}

// Error returns the text.
func (b *BadMessage) Error() string { return b.Text }

// bad returns a *BadMessage.
func bad(reason Defect, format string, args ...any) error {
	const most = 600
	return &BadMessage{Reason: reason, Text: schema.Cut(fmt.Sprintf(format, args...), most)}
}

// clip returns the bytes of a value for a message.
func clip(raw []byte) string {
	const most = 60
	return schema.Cut(string(raw[:min(len(raw), 2*most)]), most)
}
