package stream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"larder/schema"
	"larder/store/eventlog"
	"larder/stream/codec"
	"larder/stream/source"
)

// The reasons of dead letters that a decoder doesn't give.
const (
	reasonFuture  codec.Defect = "FUTURE"
	reasonTooOld  codec.Defect = "TOO_OLD"
	reasonNullKey codec.Defect = "NULL_KEY"
	reasonBadID   codec.Defect = "BAD_ID"
)

// maxIDBytes bounds the id of an event.
const maxIDBytes = 256

// An intake turns messages into events of one stream. It belongs to one goroutine.
type intake struct {
	stream  *schema.Stream
	decoder *codec.Decoder
	keys    [][]int // the fields that are the join keys of each view
	time    int     // the fields that have a meaning; -1 when there is none
	id      int
	deleted int
}

// newIntake returns an intake for the views that a stream has in a catalog.
func newIntake(stream *schema.Stream, views []*schema.View, opts codec.Options) (*intake, error) {
	decoder, err := codec.New(stream, opts)
	if err != nil {
		return nil, err
	}
	in := &intake{stream: stream, decoder: decoder, time: stream.Field(stream.TimestampField), id: stream.Field(stream.EventID), deleted: stream.Field(stream.DeletedField)}
	for _, v := range views {
		var keys []int
		for _, k := range v.Keys {
			keys = append(keys, stream.Field(k.Name))
		}
		in.keys = append(in.keys, keys)
	}
	return in, nil
}

// take appends the event of a message. It returns a *codec.BadMessage if the message is
// none; any other error may go away.
func (in *intake) take(ctx context.Context, m *source.Message, into *eventlog.Events) error {
	if err := in.decoder.Decode(ctx, m, into.Fields); err != nil {
		return err
	}
	i := into.Len()
	id, retract, bad := in.check(m, into, i)
	if bad != nil {
		into.Truncate(i)
		return bad
	}
	into.IDs, into.Retract = append(into.IDs, id), append(into.Retract, retract)
	return nil
}

// check checks the values of event i that have a meaning.
func (in *intake) check(m *source.Message, e *eventlog.Events, i int) (id string, retract bool, bad error) {
	if id, bad = in.idOf(m, e, i); bad != nil {
		return "", false, bad
	}
	if retract = m.Deleted || in.retracts(e, i); retract {
		return id, true, nil // it needs nothing but its id
	}
	at, now := e.Fields[in.time].Int64s[i], time.Now().UnixMicro()
	switch {
	case at > now+in.stream.AheadLimit().Micros():
		return "", false, badMessage(reasonFuture, "field %q is %s, which is more than %s ahead of the clock", in.stream.TimestampField, shownTime(at), in.stream.AheadLimit())
	case in.stream.MaxAge != 0 && at < now-in.stream.MaxAge.Micros():
		return "", false, badMessage(reasonTooOld, "field %q is %s, which is older than %s", in.stream.TimestampField, shownTime(at), in.stream.MaxAge)
	case in.keyless(e, i):
		return "", false, badMessage(reasonNullKey, "the join keys of every view of the stream are null")
	}
	return id, retract, nil
}

// retracts reports whether event i says that it retracts the event of its id.
func (in *intake) retracts(e *eventlog.Events, i int) bool {
	return in.deleted >= 0 && !e.Fields[in.deleted].IsNull(i) && e.Fields[in.deleted].Bools[i]
}

// checkRow is check for an event that came as a row of columns, any of which may be null.
func (in *intake) checkRow(m *source.Message, e *eventlog.Events, i int) (id string, retract bool, bad error) {
	retract = in.retracts(e, i)
	for f := range e.Fields {
		if e.Fields[f].IsNull(i) && !in.stream.Fields[f].Nullable && (!retract || f == in.id) {
			return "", false, badMessage(codec.MissingField, "field %q is null; it is not nullable", in.stream.Fields[f].Name)
		}
		if e.Fields[f].Type == schema.String && strings.Contains(e.Fields[f].Strings[i], "\x00") {
			return "", false, badMessage(codec.OutOfRange, "field %q: the text has the character U+0000, which Postgres can't keep; use type bytes", in.stream.Fields[f].Name)
		}
	}
	return in.check(m, e, i)
}

func (in *intake) idOf(m *source.Message, e *eventlog.Events, i int) (string, error) {
	if in.id < 0 {
		return m.ID, nil
	}
	var id string
	switch c := &e.Fields[in.id]; c.Type {
	case schema.String:
		id = c.Strings[i]
	case schema.Bytes:
		id = hex.EncodeToString(c.Bytes[i])
	default:
		id = strconv.FormatInt(c.Integer(i), 10)
	}
	if id == "" || len(id) > maxIDBytes {
		return "", badMessage(reasonBadID, "field %q, the event's id, has %d bytes; it must have 1 to %d", in.stream.EventID, len(id), maxIDBytes)
	}
	return id, nil
}

// keyless reports whether event i has a key in no view.
func (in *intake) keyless(e *eventlog.Events, i int) bool {
	for _, keys := range in.keys {
		null := false
		for _, f := range keys {
			null = null || e.Fields[f].IsNull(i)
		}
		if !null {
			return false
		}
	}
	return len(in.keys) > 0
}

func badMessage(reason codec.Defect, format string, args ...any) error {
	return &codec.BadMessage{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

func shownTime(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }

// asBad returns what is wrong with a message; nil when the error is another one.
func asBad(err error) *codec.BadMessage {
	var bad *codec.BadMessage
	errors.As(err, &bad)
	return bad
}
