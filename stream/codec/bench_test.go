package codec_test

import (
	"testing"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

func tenFields() *schema.Stream {
	return &schema.Stream{Name: "payments", EventID: "id", Fields: []schema.StreamField{
		{Name: "id", Type: schema.String},
		{Name: "card_id", Type: schema.Int64, Path: "card.id"},
		{Name: "amount", Type: schema.Float64},
		{Name: "happened", Type: schema.Timestamp, Format: schema.TimeEpochMilli},
		{Name: "void", Type: schema.Bool, Nullable: true},
		{Name: "merchant", Type: schema.String},
		{Name: "country", Type: schema.String, Path: "card.country"},
		{Name: "seen", Type: schema.Timestamp},
		{Name: "score", Type: schema.Float32},
		{Name: "tries", Type: schema.Int32},
	}}
}

const event = `{"id":"0192f0c1-7d2a-7000-8000-3b7f5a9c1e42","card":{"id":9007199254740993,"country":"DE","brand":"visa"},"amount":129.95,` +
	`"happened":1769860800123,"void":false,"merchant":"Blumen Müller GmbH","seen":"2026-01-31T12:00:00.5Z","score":0.25,"tries":3,"agent":{"os":"linux","v":[1,2]}}`

// decodeAll decodes one message again and again, into columns of 1,024 rows.
func decodeAll(b *testing.B, s *schema.Stream, message []byte) {
	d := newDecoder(b, s, codec.Options{})
	into := newColumns(s)
	m := &source.Message{Value: message}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if len(into[0].Valid) == 1024 {
			for i := range into {
				into[i].Reserve(1024)
				into[i].Valid = into[i].Valid[:0]
			}
		}
		if err := d.Decode(b.Context(), m, into); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) { decodeAll(b, tenFields(), []byte(event)) }

func BenchmarkAvro(b *testing.B) {
	message, err := avro.MustParse(eventAvro).Encode(anEvent())
	if err != nil {
		b.Fatal(err)
	}
	decodeAll(b, eventStream(), message)
}

func BenchmarkProtobuf(b *testing.B) {
	pay := payType(b)
	m := dynamicpb.NewMessage(pay)
	set := func(m protoreflect.Message, name string, v any) {
		m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(v))
	}
	card := dynamicpb.NewMessage(pay.Messages().ByName("Card"))
	set(card, "id", int64(9007199254740993))
	set(card, "country", "DE")
	set(m, "card", card.ProtoReflect())
	set(m, "id", "0192f0c1-7d2a-7000-8000-3b7f5a9c1e42")
	set(m, "amount", 129.95)
	set(m, "code", "BLUMEN")
	set(m, "yes", true)
	message, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	s := payStream()
	s.Fields = s.Fields[:10]
	decodeAll(b, s, message)
}
