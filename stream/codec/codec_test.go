package codec_test

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"larder/column"
	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

// newColumns returns an empty column for each field of a stream.
func newColumns(s *schema.Stream) []column.Column {
	into := make([]column.Column, len(s.Fields))
	for i, f := range s.Fields {
		into[i] = column.Column{Type: f.Type, Valid: []bool{}}
	}
	return into
}

func newDecoder(t testing.TB, s *schema.Stream, opts codec.Options) *codec.Decoder {
	t.Helper()
	d, err := codec.New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decode returns the values of a message in the Go form of schema.ParseValue.
func decode(t testing.TB, s *schema.Stream, d *codec.Decoder, m *source.Message) ([]any, error) {
	t.Helper()
	into := newColumns(s)
	err := d.Decode(t.Context(), m, into)
	want := 1
	if err != nil {
		want = 0
	}
	values := make([]any, len(into))
	for i := range into {
		c := &into[i]
		if c.Len() != want || len(c.Valid) != want {
			t.Fatalf("%s: %d values and %d of Valid after %v", s.Fields[i].Name, c.Len(), len(c.Valid), err)
		}
		if err == nil {
			values[i] = c.Value(0)
		}
	}
	return values, err
}

// reasonOf returns the reason of a dead letter; "" for success. Any other error fails.
func reasonOf(t testing.TB, err error) codec.Defect {
	t.Helper()
	var b *codec.BadMessage
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &b):
		t.Fatalf("not a dead letter: %v", err)
	case !slices.Contains(codec.Reasons(), b.Reason) || b.Text == "" || len(b.Text) > 600:
		t.Fatalf("reason %q, text %q", b.Reason, b.Text)
	case strings.Contains(b.Text, "panicked"):
		t.Fatal(b.Text)
	}
	return b.Reason
}

func TestDecodePanics(t *testing.T) {
	s := one(schema.StreamField{Type: schema.Int64})
	var log bytes.Buffer
	d := newDecoder(t, s, codec.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	d.Break()
	into := newColumns(s)
	var b *codec.BadMessage
	if err := d.Decode(t.Context(), &source.Message{Value: []byte("{}")}, into); !errors.As(err, &b) || b.Reason != codec.Undecodable || into[0].Len() != 0 {
		t.Errorf("%v, %d rows", err, into[0].Len())
	}
	if !strings.Contains(log.String(), "export_test.go") {
		t.Errorf("the log has no stack: %s", &log)
	}
}

// one returns a stream with one field.
func one(f schema.StreamField) *schema.Stream {
	if f.Name == "" {
		f.Name = "x"
	}
	return &schema.Stream{Name: "s", Fields: []schema.StreamField{f}}
}

// frugal fails if decoding a message takes much more memory than the message has.
func frugal(t *testing.T, s *schema.Stream, d *codec.Decoder, message []byte) {
	t.Helper()
	into := newColumns(s)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = d.Decode(t.Context(), &source.Message{Value: message}, into)
	runtime.ReadMemStats(&after)
	const times, more = 32, 1 << 20 // more is what other goroutines may take meanwhile
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(times*len(message)+more) {
		t.Fatalf("%d bytes took %d bytes of memory", len(message), took)
	}
}
