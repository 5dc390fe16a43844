package wire_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
	"larder/schema"
)

// examples is a value of each scalar type, in the Go form of schema.ParseValue.
var examples = map[schema.Type]any{
	schema.Bool: true, schema.Int32: int32(-7), schema.Int64: int64(7), schema.Float32: float32(1.5), schema.Float64: 0.1,
	schema.String: "é", schema.Bytes: []byte{0, 0xff}, schema.Timestamp: time.UnixMicro(1_750_000_000_123_456).UTC(),
}

// TestVectorsAreListsInMessages: a message has no length of its own.
func TestVectorsAreListsInMessages(t *testing.T) {
	vector := column.Column{Type: schema.Vector(schema.Float32, 2), Float32s: []float32{1, 2, 3, 4}, Ends: []uint32{2, 2, 4}}
	got := wire.Column(wire.Write([]column.Column{vector}, func(int) string { return "v" })[0])
	want := vector
	want.Type = schema.List(schema.Float32)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEveryTypeIsAMessage: what is written, sent and read is what was there.
func TestEveryTypeIsAMessage(t *testing.T) {
	var want []column.Column
	for _, name := range schema.TypeNames() {
		typ, err := schema.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		v := examples[typ.Elem()]
		if typ.IsList() {
			v = []any{v, v}
		}
		c := column.Column{Type: typ, Valid: []bool{true, false, true}}
		for _, x := range []any{v, nil, v} {
			c.AppendValue(x)
		}
		want = append(want, c)
	}
	sent := &larderv1.GetFeaturesAndScoreRequest{Request: wire.Write(want, func(i int) string { return want[i].Type.String() })}
	raw, err := proto.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	received := new(larderv1.GetFeaturesAndScoreRequest)
	if err := proto.Unmarshal(raw, received); err != nil {
		t.Fatal(err)
	}
	var got column.Columns
	if err := wire.Read(&got, "request value", received.GetRequest()); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got.Names[i] != want[i].Type.String() {
			t.Errorf("column %d is called %q", i, got.Names[i])
		}
		if diff := cmp.Diff(want[i], got.Values[i], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want[i].Type, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	f := func(reason string, c *larderv1.Column) {
		t.Helper()
		var dst column.Columns
		var said *schema.Error
		if err := wire.Read(&dst, "join key", []*larderv1.Column{c}); !errors.As(err, &said) || string(said.Reason) != reason || said.Kind != schema.Invalid {
			t.Errorf("%v: %v; want %s", c, err, reason)
		}
	}
	two := &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: []bool{true, false}}}
	f("BAD_NULLS", &larderv1.Column{Name: "a", Values: two, Nulls: []uint32{2}})
	f("BAD_NULLS", &larderv1.Column{Name: "a", Values: two, Nulls: []uint32{1, 0}})
	f("BAD_NULLS", &larderv1.Column{Name: "a", Values: two, Nulls: []uint32{1, 1}})
	f("BAD_NULLS", &larderv1.Column{Name: "a", Nulls: []uint32{0}})
	f("NULL_ELEMENT", &larderv1.Column{Name: "a", Values: &larderv1.Column_Lists{
		Lists: &larderv1.Lists{Elements: &larderv1.Column{Values: two, Nulls: []uint32{0}}, Ends: []uint32{2}},
	}})
}

// TestListsOfListsHaveNoValues: nor has a message without any; binding refuses them.
func TestListsOfListsHaveNoValues(t *testing.T) {
	inner := &larderv1.Column{Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{Elements: &larderv1.Column{}}}}
	for _, c := range []*larderv1.Column{nil, {}, {Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{Elements: inner}}}, inner} {
		if got := wire.Column(c); got.Type.Valid() || got.Len() != 0 {
			t.Errorf("%v is %+v", c, got)
		}
	}
}
