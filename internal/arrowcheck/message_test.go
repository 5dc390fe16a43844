package arrowcheck_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowcheck"
)

// messages are the headers and bodies of a stream with a column of lists and one of a
// dictionary.
func messages(t testing.TB) (metas, bodies [][]byte) {
	t.Helper()
	columns := arrow.NewSchema([]arrow.Field{
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	for _, row := range []string{`{"l": ["a"], "d": "x"}`, `{"l": null, "d": "y"}`} {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	w := ipc.NewWriterWithPayloadWriter(payloads{&metas, &bodies}, ipc.WithSchema(columns))
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	return metas, bodies
}

type payloads struct{ metas, bodies *[][]byte }

func (payloads) Start() error { return nil }
func (payloads) Close() error { return nil }

func (p payloads) WritePayload(payload ipc.Payload) error {
	meta := payload.Meta()
	defer meta.Release()
	var body bytes.Buffer
	err := payload.SerializeBody(&body)
	*p.metas, *p.bodies = append(*p.metas, bytes.Clone(meta.Bytes())), append(*p.bodies, body.Bytes())
	return err
}

func TestMessages(t *testing.T) {
	metas, bodies := messages(t)
	if len(metas) != 3 {
		t.Fatalf("%d messages", len(metas))
	}
	var c arrowcheck.Checker
	for i := range metas {
		if err := c.Message(metas[i], bodies[i]); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if id, adds, found, err := arrowcheck.Dictionary(metas[1]); id != 0 || adds || !found || err != nil {
		t.Errorf("dictionary %d, adds %v, found %v, %v", id, adds, found, err)
	}
	if err := c.Message(metas[2], bodies[2][:8]); err == nil {
		t.Error("a body that was cut short is not noticed")
	}
	if err := c.Message(metas[1], bodies[2]); err == nil {
		t.Error("another body is not noticed")
	}
}

// FuzzMessage: whatever the bytes are, a message is checked without a panic.
func FuzzMessage(f *testing.F) {
	metas, bodies := messages(f)
	for i := range metas {
		f.Add(metas[i], bodies[i])
	}
	f.Fuzz(func(t *testing.T, meta, body []byte) {
		var c arrowcheck.Checker
		if err := c.Message(metas[0], bodies[0]); err != nil {
			t.Fatal(err)
		}
		_ = c.Message(meta, body)
	})
}
