package codec_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

const payProto = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Kind { UNKNOWN = 0; CARD = 1; CASH = -3; }
message Pay {
  message Card { int64 id = 1; string country = 2; optional Card parent = 3; }
  string id = 1;
  Card card = 2;
  double amount = 3;
  google.protobuf.Timestamp happened = 4;
  optional double ref = 5;
  repeated int64 items = 6;
  oneof how { int64 cash = 7; string code = 8; Card other = 9; }
  Kind kind = 10;
  google.protobuf.Int64Value wrapped = 11;
  google.protobuf.StringValue note = 12;
  sint32 s32 = 13;
  sint64 s64 = 14;
  uint32 u32 = 15;
  uint64 u64 = 16;
  fixed32 f32 = 17;
  fixed64 f64 = 18;
  sfixed32 sf32 = 19;
  sfixed64 sf64 = 20;
  float single = 21;
  bool yes = 22;
  bytes raw = 23;
  int32 i32 = 24;
  map<string, int64> counts = 25;
}`

// payFields are fields of a Pay, all that a path can reach.
func payFields() []schema.StreamField {
	f := func(name, path string, kind schema.Type) schema.StreamField {
		return schema.StreamField{Name: name, Path: path, Type: kind, Nullable: true}
	}
	return []schema.StreamField{
		f("id", "", schema.String), f("card_id", "card.id", schema.Int64), f("country", "card.country", schema.String),
		f("parent", "card.parent.id", schema.Int64), f("amount", "", schema.Float64), f("happened", "", schema.Timestamp), f("ref", "", schema.Float64),
		f("cash", "", schema.Int64), f("code", "", schema.String), f("other", "other.country", schema.String), f("kind", "", schema.String),
		f("kind_number", "kind", schema.Int32), f("wrapped", "", schema.Int64), f("note", "", schema.String), f("s32", "", schema.Int32), f("s64", "", schema.Int64),
		f("u32", "", schema.Int64), f("u64", "", schema.Int64), f("f32", "", schema.Int64), f("f64", "", schema.Int64), f("sf32", "", schema.Int32),
		f("sf64", "", schema.Int64), f("single", "", schema.Float32), f("yes", "", schema.Bool), f("raw", "", schema.Bytes), f("i32", "", schema.Int32),
	}
}

func payStream() *schema.Stream {
	return &schema.Stream{Name: "pay", Fields: payFields(), Format: &schema.StreamFormat{Type: schema.ProtobufFormat, Schema: payProto}}
}

func payType(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"pay.proto": payProto}),
	})}
	files, err := c.Compile(t.Context(), "pay.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName("Pay")
}

// protoOracle reads the value at a path of a message that the library has decoded. ok is
// false for a value that the column can't have.
func protoOracle(m protoreflect.Message, f *schema.StreamField) (v any, ok bool) {
	keys := strings.Split(f.ValuePath(), ".")
	for _, key := range keys[:len(keys)-1] {
		d := m.Descriptor().Fields().ByName(protoreflect.Name(key))
		if !m.Has(d) {
			return nil, true
		}
		m = m.Get(d).Message()
	}
	d := m.Descriptor().Fields().ByName(protoreflect.Name(keys[len(keys)-1]))
	if d.HasPresence() && !m.Has(d) {
		return nil, true
	}
	value := m.Get(d)
	if d.Kind() == protoreflect.MessageKind {
		inner := value.Message()
		fields := inner.Descriptor().Fields()
		if fields.Len() == 2 { // a Timestamp
			seconds, nanos := inner.Get(fields.ByNumber(1)).Int(), inner.Get(fields.ByNumber(2)).Int()
			at := time.Unix(seconds, nanos).UTC()
			ok := nanos >= 0 && nanos < 1e9 && seconds >= int64(schema.BeginningOfTime)/1e6 && seconds <= int64(schema.EndOfTime)/1e6
			return at.Truncate(time.Microsecond), ok
		}
		value = inner.Get(fields.ByNumber(1))
	}
	switch x := value.Interface().(type) {
	case protoreflect.EnumNumber:
		if f.Type != schema.String {
			return int32(x), true
		}
		if named := d.Enum().Values().ByNumber(x); named != nil {
			return string(named.Name()), true
		}
		return nil, false
	case uint32:
		return int64(x), true
	case uint64:
		return int64(x), int64(x) >= 0
	case string:
		return x, !strings.Contains(x, "\x00")
	default:
		return x, true
	}
}

// likeProto fails unless a message gives the values, or the error, that the library's
// reading of it calls for.
func likeProto(t *testing.T, s *schema.Stream, d *codec.Decoder, pay protoreflect.MessageDescriptor, message []byte) {
	got, err := decode(t, s, d, &source.Message{Value: message})
	reason := reasonOf(t, err)
	m := dynamicpb.NewMessage(pay)
	if proto.Unmarshal(message, m) != nil {
		return // of what isn't on a path less is checked
	}
	fits := true
	for i := range s.Fields {
		want, ok := protoOracle(m, &s.Fields[i])
		if fits = fits && ok; err != nil || !ok {
			continue
		}
		if !reflect.DeepEqual(got[i], want) && !bothNaN(got[i], want) {
			t.Fatalf("%x: %s is %#v, want %#v", message, s.Fields[i].Name, got[i], want)
		}
	}
	// The library keeps a field of another wire type as unknown; here it is a wrong type.
	if fits != (err == nil) && reason != codec.WrongType {
		t.Fatalf("%x: %v, and all values fit: %v", message, err, fits)
	}
}

func bothNaN(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.CanFloat() && y.CanFloat() && x.Float() != x.Float() && y.Float() != y.Float()
}

// randomPay returns the bytes of a message with random fields, in random order and some
// of them twice.
func randomPay(r *rand.Rand, m protoreflect.MessageDescriptor, depth int) []byte {
	var b []byte
	for range r.IntN(12) {
		f := m.Fields().Get(r.IntN(m.Fields().Len()))
		switch f.Kind() {
		case protoreflect.MessageKind:
			if depth < 4 && !f.IsMap() {
				b = protowire.AppendTag(b, f.Number(), protowire.BytesType)
				b = protowire.AppendBytes(b, randomPay(r, f.Message(), depth+1))
			}
		case protoreflect.StringKind, protoreflect.BytesKind:
			b = protowire.AppendTag(b, f.Number(), protowire.BytesType)
			b = protowire.AppendString(b, []string{"", "a", "grün", "😀"}[r.IntN(4)])
		case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
			b = protowire.AppendTag(b, f.Number(), protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, r.Uint32())
		case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
			b = protowire.AppendTag(b, f.Number(), protowire.Fixed64Type)
			b = protowire.AppendFixed64(b, r.Uint64()>>r.IntN(3))
		default:
			b = protowire.AppendTag(b, f.Number(), protowire.VarintType)
			b = protowire.AppendVarint(b, r.Uint64()>>r.IntN(64))
		}
	}
	return b
}

func TestProtobufReadsWhatTheLibraryReads(t *testing.T) {
	s, pay := payStream(), payType(t)
	d := newDecoder(t, s, codec.Options{})
	random := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		message := randomPay(random, pay, 0)
		if message == nil {
			message = []byte{}
		}
		likeProto(t, s, d, pay, message)
	}
}

func FuzzProtobuf(f *testing.F) {
	s, pay := payStream(), payType(f)
	random := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		f.Add(randomPay(random, pay, 0))
	}
	f.Add(append([]byte{0x1b}, []byte(strings.Repeat("\x1b", 5000))...)) // groups in groups
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})                    // a message of 4 GiB
	d := newDecoder(f, s, codec.Options{})
	f.Fuzz(func(t *testing.T, message []byte) {
		if message == nil {
			message = []byte{}
		}
		likeProto(t, s, d, pay, message)
		frugal(t, s, d, message)
	})
}

func TestProtobufProto2(t *testing.T) {
	const text = `syntax = "proto2"; message M { optional int32 a = 1 [default = 7]; optional int32 b = 2; required string c = 3; optional E e = 4 [default = Y];
	  enum E { X = 0; Y = 1; } }`
	s := &schema.Stream{Name: "m", Format: &schema.StreamFormat{Type: schema.ProtobufFormat, Schema: text, Message: "M"}, Fields: []schema.StreamField{
		{Name: "a", Type: schema.Int32}, {Name: "b", Type: schema.Int32, Nullable: true}, {Name: "c", Type: schema.String, Nullable: true}, {Name: "e", Type: schema.String},
	}}
	got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: []byte{}})
	if err != nil || !reflect.DeepEqual(got, []any{int32(7), nil, nil, "Y"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestProtoFilesThatAreDeep would end the process: the stack of the parser grows with them.
func TestProtoFilesThatAreDeep(t *testing.T) {
	const deep = 200_000
	f := func(want, text string) {
		t.Helper()
		s := one(schema.StreamField{Type: schema.Int64, Path: "x"})
		s.Format = &schema.StreamFormat{Type: schema.ProtobufFormat, Schema: text}
		if _, err := codec.New(s, codec.Options{}); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %.200v, want %q", text, err, want)
		}
	}
	const want = "more than 100 levels of braces and brackets"
	const message = "message m { int64 x = 1; }"
	f(want, `syntax = "proto3";`+"\n"+message+" option (x) = {"+strings.Repeat("a{", deep)+strings.Repeat("}", deep)+"};")
	f("line 2: "+want, `syntax = "proto3";`+"\n"+strings.Repeat("message a{", 90_000))
	f(want, `syntax = "proto3"; option (x) = {a: `+strings.Repeat("<a:", deep))
	f(want, `syntax = "proto3"; option (x) = {a: `+strings.Repeat("[", deep))
	f(want, `syntax = "proto3"; /* " */ option (x) = {a: "\"{" `+strings.Repeat("{a ", deep))
	braces := strings.Repeat("{", 1000)
	f("", `syntax = "proto3"; // `+braces+"\n/* "+braces+" **/ option java_package = \""+braces+`\"`+braces+"\"; option go_package = '"+braces+"';\n"+message+" // "+braces)
	f("", `syntax = "proto3"; `+message+" /**/ enum e { a = 0; reserved 2 to 4; }")
}

func TestProtobufFaults(t *testing.T) {
	f := func(text, message, path string, kind schema.Type, want string) {
		t.Helper()
		s := one(schema.StreamField{Type: kind, Path: path})
		s.Format = &schema.StreamFormat{Type: schema.ProtobufFormat, Schema: text, Message: message}
		if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s of %s: %v, want %q", path, message, err, want)
		}
	}
	f("", "", "id", schema.String, "set file or registry")
	f("message {", "", "id", schema.String, "stream.proto:1:9")
	f(`syntax = "proto3"; import "/etc/passwd"; message M { int32 id = 1; }`, "", "id", schema.Int32, `/etc/passwd`)
	f(`syntax = "proto3"; import "go.mod"; message M { int32 id = 1; }`, "", "id", schema.Int32, `go.mod`)
	f(`syntax = "proto3"; message A {} message B {}`, "", "id", schema.String, "has 2 messages")
	f(payProto, "Pay", "id", schema.String, `no message "Pay"; it has shop.Pay`)
	f(payProto, "shop.Pay.Card", "country", schema.Int64, `field "x": string can't be read as int64`)
	f(payProto, "", "nothing", schema.Int64, `field "x": the message has nothing at its path`)
	f(payProto, "", "items", schema.Int64, `"items" is repeated`)
	f(payProto, "", "counts.a", schema.Int64, `"counts" is repeated or a map`)
	f(payProto, "", "card", schema.Int64, "name a value in it by path")
	f(payProto, "", "id.x", schema.Int64, "a path can walk messages only")
	f(payProto, "", "s64", schema.Timestamp, "set format: epoch_s")
	f(payProto, "", "happened", schema.Int64, "google.protobuf.Timestamp can't be read as int64")
	f(payProto, "", "amount", schema.Int64, "double can't be read as int64")
	f(strings.Repeat(" ", 1<<20+1), "", "id", schema.Int64, "at most 1048576")
}

func TestProtobufBadMessages(t *testing.T) {
	s := payStream()
	d := newDecoder(t, s, codec.Options{})
	f := func(message []byte, want codec.Defect) {
		t.Helper()
		_, err := decode(t, s, d, &source.Message{Value: message})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%x: %s (%v), want %s", message, got, err, want)
		}
	}
	field := func(n protowire.Number, kind protowire.Type, rest ...byte) []byte {
		return append(protowire.AppendTag(nil, n, kind), rest...)
	}
	f([]byte{}, "")
	f(field(99, protowire.VarintType, 1), "")
	f([]byte{0}, codec.Undecodable)
	f([]byte("{}"), codec.Undecodable)
	f(field(1, protowire.BytesType, 5, 'a'), codec.Undecodable)
	f(field(1, protowire.BytesType, 1, 0xff), codec.Undecodable)
	f(field(1, protowire.BytesType, 1, 0), codec.OutOfRange)
	f(field(1, protowire.VarintType, 1), codec.WrongType)
	f(field(2, protowire.VarintType, 1), codec.WrongType)
	f(field(4, protowire.BytesType, 2, 0x08, 0xff), codec.Undecodable)
	f(field(4, protowire.BytesType, 6, 0x10, 0x80, 0x94, 0xeb, 0xdc, 0x03), codec.OutOfRange)
	f(field(10, protowire.VarintType, 9), codec.OutOfRange)
	f(field(16, protowire.VarintType, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), codec.OutOfRange)
}
