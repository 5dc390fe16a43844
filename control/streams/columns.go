package streams

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/arrows"
	"larder/column/wire"
	"larder/internal/arrowfile"
	"larder/schema"
	"larder/store/eventlog"
	"larder/stream"
	"larder/stream/codec"
	"larder/vector"
)

// split returns the events of a JSON body, one message each.
func split(body []byte) ([][]byte, error) {
	all, err := codec.Split(body, stream.MaxPushEvents)
	switch {
	case err != nil:
		return nil, schema.BadEvent.Errorf("the events can't be read: %v", err)
	case len(all) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))) == 0:
		return nil, schema.BadEvent.Errorf("the push has no events; send a JSON list of them, or one a line")
	}
	return all, nil
}

// fromColumns returns events that came as columns.
func fromColumns(s *schema.Stream, columns []*larderv1.Column) (*eventlog.Events, error) {
	var named column.Columns
	for _, c := range columns {
		values, err := wire.Nullable("field", c)
		if err != nil {
			return nil, err
		}
		named.Add(c.GetName(), values)
	}
	return fromNamed(s, named)
}

// fromNamed returns the events of columns that have the names of a stream's fields. A
// field that is nullable may be missing, and any field where events may be retractions,
// which only need their id.
func fromNamed(s *schema.Stream, named column.Columns) (*eventlog.Events, error) {
	events := eventlog.NewEvents(s, 0)
	rows, seen := -1, map[string]bool{}
	for i, name := range named.Names {
		at := s.Field(name)
		switch {
		case at < 0:
			return nil, schema.BadEvent.Errorf("stream %q has no field %q; %s", s.Name, name, schema.Nearest(name, fieldNames(s)))
		case seen[name]:
			return nil, schema.DuplicateColumn.Errorf("field %q comes twice", name)
		}
		seen[name] = true
		if rows < 0 {
			rows = named.Values[i].Len()
		}
		values, err := vector.ConvertColumn("field", name, s.Fields[at].Type, &named.Values[i], rows)
		if err != nil {
			return nil, err
		}
		events.Fields[at] = *values
	}
	for at, f := range s.Fields {
		switch {
		case seen[f.Name]:
		case !f.Nullable && (s.DeletedField == "" || !seen[s.DeletedField]):
			return nil, schema.BadEvent.Errorf("the events have no field %q, which is not nullable", f.Name)
		default:
			events.Fields[at] = column.New(f.Type, max(rows, 0))
			events.Fields[at].Valid = make([]bool, max(rows, 0))
		}
	}
	for at := range events.Fields {
		withValid(&events.Fields[at])
	}
	return events, nil
}

// withValid makes a column say of each row that it is not null, unless it does already.
func withValid(c *column.Column) {
	if c.Valid != nil {
		return
	}
	c.Valid = make([]bool, c.Len())
	for i := range c.Valid {
		c.Valid[i] = true
	}
}

func fieldNames(s *schema.Stream) []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

// fromArrow returns the events of an Arrow IPC stream.
func fromArrow(s *schema.Stream, data []byte) (*eventlog.Events, error) {
	in, err := arrowfile.ReadStream(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, schema.BadArrowStream.Errorf("the events are not an Arrow IPC stream: %v", err)
	}
	defer in.Close() //nolint:errcheck // it reads memory
	var named column.Columns
	for _, f := range in.Schema().Fields() {
		named.Add(f.Name, column.Column{})
	}
	rows := 0
	for in.Next() {
		rec := in.Record()
		if rows += int(rec.NumRows()); rows > stream.MaxPushEvents {
			return nil, schema.BadEvent.Errorf("the push has more than %d events; send several", stream.MaxPushEvents)
		}
		for i, name := range named.Names {
			at := s.Field(name)
			if at < 0 {
				return nil, schema.BadEvent.Errorf("stream %q has no field %q; %s", s.Name, name, schema.Nearest(name, fieldNames(s)))
			}
			values, err := arrows.Read(rec.Column(i), s.Fields[at].Type)
			if err != nil {
				return nil, schema.BadEvent.Errorf("field %q: %v", name, err)
			}
			if values.Type.IsList() || values.Type.IsVector() {
				return nil, schema.BadEvent.Errorf("field %q is %s; the request sends %s", name, s.Fields[at].Type, values.Type)
			}
			if err := appendAll(&named.Values[i], &values); err != nil {
				return nil, schema.BadEvent.Errorf("field %q: %v", name, err)
			}
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return nil, schema.BadArrowStream.Errorf("the events are not an Arrow IPC stream: %v", err)
	}
	return fromNamed(s, named)
}

// appendAll appends the values of a column to another one.
func appendAll(to, from *column.Column) error {
	if to.Type == 0 {
		to.Type = from.Type
		to.Valid = []bool{}
	}
	if to.Type != from.Type {
		return fmt.Errorf("it is %s in one batch and %s in another", to.Type, from.Type)
	}
	for i := range from.Len() {
		valid := !from.IsNull(i)
		to.AppendElements(from, uint32(i), uint32(i+1))
		to.Valid = append(to.Valid, valid)
	}
	return nil
}

// shownTime returns a time as JSON has it.
func shownTime(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
