package codec_test

import (
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protowire"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

// frame puts Confluent's header before a message.
func frame(t *testing.T, id int, indexes []int, body []byte) *source.Message {
	t.Helper()
	b, err := new(sr.ConfluentHeader).AppendEncode(nil, id, indexes)
	if err != nil {
		t.Fatal(err)
	}
	return &source.Message{Value: append(b, body...)}
}

// counted counts the requests that a registry gets.
func counted(r *srfake.Registry) *int {
	n := new(int)
	r.Intercept(func(http.ResponseWriter, *http.Request) bool { *n++; return false })
	return n
}

const (
	cardV1 = `{"type":"record","name":"Card","fields":[{"name":"id","type":"long"}]}`
	cardV2 = `{"type":"record","name":"Card","fields":[{"name":"note","type":"string"},{"name":"id","type":["null","int"]},{"name":"amount","type":"double"}]}`
)

func cardStream(url string) *schema.Stream {
	return &schema.Stream{Name: "cards", Format: &schema.StreamFormat{Type: schema.AvroFormat, Registry: url}, Fields: []schema.StreamField{
		{Name: "id", Type: schema.Int64}, {Name: "amount", Type: schema.Float64, Nullable: true},
	}}
}

func encodeAvro(t *testing.T, text string, v any) []byte {
	t.Helper()
	b, err := avro.MustParse(text).Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRegistryAvro(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	requests := counted(r)
	r.SeedSchema("cards-value", 1, 7, sr.Schema{Schema: cardV1})
	r.SeedSchema("cards-value", 2, 8, sr.Schema{Schema: cardV2})
	r.SeedSchema("cards-value", 3, 9, sr.Schema{Schema: `{"type":"record","name":"Card","fields":[{"name":"id","type":"string"}]}`})
	r.SeedSchema("cards-value", 4, 10, sr.Schema{Schema: `{"type":"record","name":"Card","fields":[{"name":"number","type":"long"}]}`})
	r.SeedSchema("cards-value", 5, 11, sr.Schema{Schema: payProto, Type: sr.TypeProtobuf})
	s := cardStream(r.URL())
	d := newDecoder(t, s, codec.Options{})
	f := func(id int, body []byte, want codec.Defect, values ...any) {
		t.Helper()
		got, err := decode(t, s, d, frame(t, id, nil, body))
		if reason := reasonOf(t, err); reason != want || err == nil && !reflect.DeepEqual(got, values) {
			t.Errorf("schema %d: %v, %v, want %v %v", id, got, err, want, values)
		}
	}
	for range 3 {
		f(7, encodeAvro(t, cardV1, map[string]any{"id": int64(1)}), "", int64(1), nil)
		f(8, encodeAvro(t, cardV2, map[string]any{"note": "n", "id": int32(2), "amount": 1.5}), "", int64(2), 1.5)
		f(8, encodeAvro(t, cardV2, map[string]any{"note": "n", "id": nil, "amount": 1.5}), codec.MissingField)
		f(9, []byte{2, 'a'}, codec.Undecodable) // id is a string there
		f(10, []byte{2}, codec.MissingField)
		f(11, []byte{}, codec.Undecodable) // Protobuf
	}
	if *requests != 5 {
		t.Errorf("%d requests for 5 schemas", *requests)
	}
	for _, m := range []string{"", "\x00", "\x00\x00\x00\x00", "\x01\x00\x00\x00\x07\x02", "{}"} {
		if _, err := decode(t, s, d, &source.Message{Value: []byte(m)}); reasonOf(t, err) != codec.Undecodable {
			t.Errorf("%q: %v", m, err)
		}
	}
}

func TestRegistryReferences(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	r.SeedSchema("country", 1, 1, sr.Schema{Schema: `{"type":"enum","name":"Country","namespace":"geo","symbols":["DE","FR"]}`})
	r.SeedSchema("place", 1, 2, sr.Schema{
		Schema:     `{"type":"record","name":"Place","namespace":"geo","fields":[{"name":"country","type":"Country"}]}`,
		References: []sr.SchemaReference{{Name: "geo.Country", Subject: "country", Version: 1}},
	})
	r.SeedSchema("event", 1, 3, sr.Schema{
		Schema: `{"type":"record","name":"E","fields":[{"name":"from","type":"geo.Place"},{"name":"to","type":["null","geo.Place"]},{"name":"home","type":"geo.Country"}]}`,
		References: []sr.SchemaReference{
			{Name: "geo.Place", Subject: "place", Version: 1}, {Name: "geo.Country", Subject: "country", Version: 1},
		},
	})
	s := &schema.Stream{Format: &schema.StreamFormat{Type: schema.AvroFormat, Registry: r.URL()}, Fields: []schema.StreamField{
		{Name: "a", Path: "from.country", Type: schema.String}, {Name: "b", Path: "to.country", Type: schema.String, Nullable: true}, {Name: "c", Path: "home", Type: schema.String},
	}}
	d := newDecoder(t, s, codec.Options{})
	got, err := decode(t, s, d, frame(t, 3, nil, []byte{2, 2, 0, 2}))
	if err != nil || !reflect.DeepEqual(got, []any{"FR", "DE", "FR"}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRegistryProtobuf(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	requests := counted(r)
	r.SeedSchema("money.proto", 1, 1, sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package money; message Money { int64 units = 1; }`})
	r.SeedSchema("pay", 1, 2, sr.Schema{
		Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "lib/money.proto", Subject: "money.proto", Version: 1}},
		Schema: `syntax = "proto3"; package shop; import "lib/money.proto"; message Refund { string id = 1; }
		  message Outer { message Unused {} message Pay { money.Money amount = 1; string id = 2; } }`,
	})
	body := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte{0x08, 7})
	body = protowire.AppendString(protowire.AppendTag(body, 2, protowire.BytesType), "p")
	f := func(message string, indexes []int, body []byte, want codec.Defect, values ...any) {
		t.Helper()
		s := &schema.Stream{Format: &schema.StreamFormat{Type: schema.ProtobufFormat, Registry: r.URL(), Message: message}, Fields: []schema.StreamField{
			{Name: "id", Type: schema.String}, {Name: "units", Path: "amount.units", Type: schema.Int64, Nullable: true},
		}}
		d := newDecoder(t, s, codec.Options{})
		for range 2 {
			got, err := decode(t, s, d, frame(t, 2, indexes, body))
			if reason := reasonOf(t, err); reason != want || err == nil && !reflect.DeepEqual(got, values) {
				t.Errorf("%q %v: %v, %v, want %v %v", message, indexes, got, err, want, values)
			}
		}
	}
	f("", []int{1, 1}, body, "", "p", int64(7))
	f("shop.Outer.Pay", []int{1, 1}, body, "", "p", int64(7))
	f("", []int{0}, []byte{0x0a, 1, 'r'}, "", "r", nil) // a Refund has no amount
	f("shop.Outer.Pay", []int{0}, []byte{0x0a, 1, 'r'}, codec.WrongType)
	f("", []int{1, 0}, nil, codec.MissingField)
	f("", []int{2}, body, codec.Undecodable)
	f("", []int{1, 1, 0}, body, codec.Undecodable)
	f("", []int{-1}, body, codec.Undecodable)
	f("", make([]int, 33), body, codec.Undecodable)
	f("", nil, append([]byte{0x80, 0}, 0x0a, 1, 'r'), "", "r", nil) // a 0 of two bytes
	f("", nil, nil, codec.Undecodable)
	f("", nil, []byte{2}, codec.Undecodable)
	f("", nil, []byte{1}, codec.Undecodable)
	if *requests != 2*13 {
		t.Errorf("%d requests by 13 decoders", *requests)
	}
}

func TestRegistryJSON(t *testing.T) {
	s := one(schema.StreamField{Type: schema.Int64})
	s.Format = &schema.StreamFormat{Type: schema.JSONFormat, Registry: "http://127.0.0.1:1"}
	d := newDecoder(t, s, codec.Options{})
	got, err := decode(t, s, d, frame(t, 7, nil, []byte(`{"x":1}`)))
	if err != nil || got[0] != int64(1) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := decode(t, s, d, &source.Message{Value: []byte(`{"x":1}`)}); reasonOf(t, err) != codec.Undecodable {
		t.Errorf("without a header: %v", err)
	}
}

// passing fails unless an error is one that may pass, and says something.
func passing(t *testing.T, err error, want string) {
	t.Helper()
	var b *codec.BadMessage
	if err == nil || errors.As(err, &b) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want an error that may pass and says %q", err, want)
	}
}

func TestRegistryWithoutTheSchema(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	requests := counted(r)
	s := cardStream(r.URL())
	d := newDecoder(t, s, codec.Options{})
	now := time.Unix(0, 0)
	d.SetClock(func() time.Time { return now })
	m := frame(t, 7, nil, []byte{2})
	for range 3 {
		_, err := decode(t, s, d, m)
		passing(t, err, "has no schema 7; register it there")
	}
	if *requests != 1 {
		t.Errorf("%d requests", *requests)
	}
	r.SeedSchema("cards-value", 1, 7, sr.Schema{Schema: cardV1})
	if _, err := decode(t, s, d, m); err == nil {
		t.Error("asked again at once")
	}
	now = now.Add(5 * time.Second)
	if got, err := decode(t, s, d, m); err != nil || got[0] != int64(1) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRegistryAway(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	r.SeedSchema("cards-value", 1, 7, sr.Schema{Schema: cardV1})
	requests, status, body := 0, http.StatusServiceUnavailable, ""
	r.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		requests++
		if status == http.StatusOK && body == "" {
			return false
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	})
	s := cardStream(r.URL())
	d := newDecoder(t, s, codec.Options{})
	now := time.Unix(0, 0)
	d.SetClock(func() time.Time { return now })
	m := frame(t, 7, nil, []byte{2})
	f := func(code int, text, want string) {
		t.Helper()
		status, body = code, text
		now = now.Add(time.Minute)
		before := requests
		for range 3 {
			_, err := decode(t, s, d, m)
			passing(t, err, want)
		}
		if requests != before+1 {
			t.Errorf("%d requests at once", requests-before)
		}
	}
	f(503, "", "HTTP 503")
	f(401, "", `refuses user ""`)
	f(403, `{"error_code":40301,"message":"no"}`, "check user and password_env")
	f(404, "page not found", "check the path of registry")
	f(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, "check the path of registry")
	f(200, "<html>", "schema 7")
	f(200, `{"schema":"`+strings.Repeat("a", 5<<20)+`"}`, "too large")

	// The pause grows up to 10 seconds.
	status, body = 503, ""
	before := requests
	for range 1000 {
		now = now.Add(100 * time.Millisecond)
		_, err := decode(t, s, d, m)
		passing(t, err, "")
	}
	if n := requests - before; n < 8 || n > 12 {
		t.Errorf("%d requests in 100 seconds", n)
	}
	status, body = 200, ""
	now = now.Add(10 * time.Second)
	if got, err := decode(t, s, d, m); err != nil || got[0] != int64(1) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestRegistryThatRedirects is not followed to another host, and one that isn't allowed is
// not asked.
func TestRegistryThatRedirects(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	away := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	f := func(registry, want string, opts codec.Options) {
		t.Helper()
		s := cardStream(registry)
		_, err := decode(t, s, newDecoder(t, s, opts), frame(t, 7, nil, []byte{2}))
		passing(t, err, want)
	}
	f(away.URL, "redirects on the same host only", codec.Options{})
	f("http://169.254.169.254", "does not connect to 169.254.169.254", codec.Options{})
	hosts, err := egress.Parse("registry.example.com")
	if err != nil {
		t.Fatal(err)
	}
	f(other.URL, "may not connect to 127.0.0.1", codec.Options{HTTP: hosts.HTTP(time.Second)})
	if asked {
		t.Error("the other server was asked")
	}
}

func TestRegistryStopsWithItsContext(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	r.SeedSchema("cards-value", 1, 7, sr.Schema{Schema: cardV1})
	s := cardStream(r.URL())
	d := newDecoder(t, s, codec.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Decode(ctx, frame(t, 7, nil, []byte{2}), newColumns(s)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := decode(t, s, d, frame(t, 7, nil, []byte{2})); err != nil {
		t.Errorf("a request that was given up counts: %v", err)
	}
}

func TestRegistryUser(t *testing.T) {
	r := srfake.New(srfake.WithAuth("Basic " + base64.StdEncoding.EncodeToString([]byte("larder:secret"))))
	defer r.Close()
	r.SeedSchema("cards-value", 1, 7, sr.Schema{Schema: cardV1})
	s := cardStream(r.URL())
	s.Format.User, s.Format.PasswordEnv = "larder", "LARDER_SECRET_REGISTRY"
	if _, err := codec.New(s, codec.Options{}); err == nil || !strings.Contains(err.Error(), "LARDER_SECRET_REGISTRY") {
		t.Errorf("without the variable: %v", err)
	}
	password := "wrong"
	opts := codec.Options{Secrets: func(name string) (string, bool) { return password, name == "LARDER_SECRET_REGISTRY" }}
	_, err := decode(t, s, newDecoder(t, s, opts), frame(t, 7, nil, []byte{2}))
	passing(t, err, `refuses user "larder"`)
	if strings.Contains(err.Error(), password) {
		t.Errorf("the password is in %v", err)
	}
	password = "secret"
	if _, err := decode(t, s, newDecoder(t, s, opts), frame(t, 7, nil, []byte{2})); err != nil {
		t.Error(err)
	}
	s.Format.Schema = cardV1
	if _, err := codec.New(s, opts); err == nil || !strings.Contains(err.Error(), "leave out file") {
		t.Errorf("with a schema: %v", err)
	}
}

// TestRegistryKeepsSomeSchemas reads more schemas than are kept.
func TestRegistryKeepsSomeSchemas(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		_, _ = w.Write([]byte(`{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"}`))
	}))
	defer server.Close()
	s := cardStream(server.URL)
	d := newDecoder(t, s, codec.Options{})
	read := func(id int) {
		if _, err := decode(t, s, d, frame(t, id, nil, []byte{2})); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 1025 {
		read(id)
	}
	read(1024)
	read(1)
	if requests != 1025 {
		t.Errorf("%d requests", requests)
	}
	read(0)
	if requests != 1026 {
		t.Errorf("%d requests after the oldest", requests)
	}
}

// FuzzProtobufIndexes reads what is before a Protobuf message.
func FuzzProtobufIndexes(f *testing.F) {
	r := srfake.New()
	f.Cleanup(r.Close)
	r.SeedSchema("pay", 1, 2, sr.Schema{Type: sr.TypeProtobuf, Schema: payProto})
	s := payStream()
	s.Format = &schema.StreamFormat{Type: schema.ProtobufFormat, Registry: r.URL()}
	d := newDecoder(f, s, codec.Options{})
	random := rand.New(rand.NewPCG(7, 8))
	for range 10 {
		f.Add(append([]byte{0}, randomPay(random, payType(f), 0)...))
	}
	f.Add([]byte{4, 0, 0, 8, 1})
	f.Add([]byte{0x80, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, message []byte) {
		m := frame(t, 2, nil, message)
		_, err := decode(t, s, d, m)
		reasonOf(t, err)
		frugal(t, s, d, m.Value)
	})
}
