package codec

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"larder/column"
	"larder/schema"
	"larder/stream/source"
)

// MaxMessageBytes is the most bytes that a message may have.
const MaxMessageBytes = 1 << 20

// maxSchemaBytes is the most bytes that a schema in a definition may have.
const maxSchemaBytes = 1 << 20

// Options are what a decoder needs besides its stream. The zero value is ready to use.
type Options struct {
	// Secrets returns the value of a variable of the server that a definition names. Nil
	// means that no variable is set.
	Secrets func(name string) (string, bool)
	// HTTP talks to the schema registry. Defaults to a client with a timeout of 5 seconds.
	HTTP *http.Client
	// Logger is told which schemas are read, and of panics. Defaults to none.
	Logger *slog.Logger
}

// A Decoder decodes the messages of one stream. Not safe for concurrent use.
type Decoder struct {
	format  format
	row     row
	id      int // the field of the event id; -1: none
	deleted int // the field that retracts; -1: none
	logger  *slog.Logger
}

// A format reads the values of a message into a row. What it doesn't set is missing.
type format interface {
	decode(ctx context.Context, message []byte, r *row) error
}

// New returns a decoder of the messages of a stream. Its error names all faults of the
// stream's fields and format.
func New(stream *schema.Stream, opts Options) (*Decoder, error) {
	row, err := newRow(stream.Fields)
	if err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Decoder{row: row, id: stream.Field(stream.EventID), deleted: stream.Field(stream.DeletedField), logger: opts.Logger}
	if d.deleted >= 0 && stream.Fields[d.deleted].Type != schema.Bool {
		return nil, fmt.Errorf("deleted_field %q is %s; it must be bool", stream.DeletedField, stream.Fields[d.deleted].Type)
	}
	d.format, err = newFormat(stream, d.row.fields, opts)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func newFormat(stream *schema.Stream, fields []field, opts Options) (format, error) {
	f := stream.Format
	if f == nil {
		f = &schema.StreamFormat{Type: schema.JSONFormat}
	}
	if len(f.Schema) > maxSchemaBytes {
		return nil, fmt.Errorf("the schema has %d bytes; at most %d can be read", len(f.Schema), maxSchemaBytes)
	}
	if f.Registry != "" {
		return newRegistered(f, fields, opts)
	}
	switch f.Type {
	case schema.JSONFormat:
		return newJSON(fields)
	case schema.AvroFormat:
		return newAvro(f.Schema, fields)
	case schema.ProtobufFormat:
		return newProtobuf(f.Schema, f.Message, fields)
	}
	return nil, fmt.Errorf("no format %q; write json, avro or protobuf", f.Type)
}

// Decode appends the values of a message to columns, one for each field of the stream, in
// order and of its type. Every column gets one value and one entry of Valid, or, with an
// error, none. A *BadMessage is a dead letter; any other error may pass: try again later.
// The columns don't share memory with the message.
func (d *Decoder) Decode(ctx context.Context, m *source.Message, into []column.Column) error {
	switch {
	case m.Value == nil:
		return bad(Undecodable, "the message has no value (a tombstone); to retract an event, send its id with deleted_field true")
	case len(m.Value) > MaxMessageBytes:
		return bad(TooLarge, "the message has %d bytes; send at most %d", len(m.Value), MaxMessageBytes)
	case len(into) != len(d.row.fields):
		return fmt.Errorf("%d columns for %d fields", len(into), len(d.row.fields))
	}
	d.row.reset()
	if err := d.read(ctx, m.Value); err != nil {
		return err
	}
	if err := d.complete(m.Deleted); err != nil {
		return err
	}
	d.row.appendTo(into)
	return nil
}

// read reads the values of a message. A panic makes it a dead letter: otherwise one
// message would end each server that reads it, again and again.
func (d *Decoder) read(ctx context.Context, message []byte) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			d.logger.Error("decoder panicked", "panic", cause, "stack", string(debug.Stack()))
			err = bad(Undecodable, "the decoder panicked (a bug; the server's log has more): %v", cause)
		}
	}()
	return d.format.decode(ctx, message, &d.row)
}

// complete checks that the fields that must have values have them.
func (d *Decoder) complete(deleted bool) error {
	if d.deleted >= 0 && d.row.values[d.deleted].isTrue() {
		deleted = true
	}
	var missing []string
	for i := range d.row.fields {
		f := &d.row.fields[i]
		needed := !f.nullable
		if deleted {
			needed = i == d.id
		}
		if needed && d.row.values[i].state != present {
			missing = append(missing, f.missing(d.row.values[i].state))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return bad(MissingField, "%s; send a value, or make the field nullable", strings.Join(missing, ", "))
}
