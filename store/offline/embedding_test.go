package offline_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/offline"
)

// standIn makes types that send what those of pgvector send: a value is written as the
// bytes that go over the wire. Postgres has all functions that it takes.
const standIn = `
CREATE FUNCTION embedding_length(cstring[]) RETURNS integer IMMUTABLE STRICT LANGUAGE internal AS 'varbittypmodin';
CREATE TYPE vector;
CREATE FUNCTION vector_in(cstring) RETURNS vector IMMUTABLE STRICT LANGUAGE internal AS 'byteain';
CREATE FUNCTION vector_out(vector) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'byteaout';
CREATE FUNCTION vector_send(vector) RETURNS bytea IMMUTABLE STRICT LANGUAGE internal AS 'byteasend';
CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, SEND = vector_send, TYPMOD_IN = embedding_length, INTERNALLENGTH = VARIABLE);
CREATE TYPE halfvec;
CREATE FUNCTION halfvec_in(cstring) RETURNS halfvec IMMUTABLE STRICT LANGUAGE internal AS 'byteain';
CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'byteaout';
CREATE FUNCTION halfvec_send(halfvec) RETURNS bytea IMMUTABLE STRICT LANGUAGE internal AS 'byteasend';
CREATE TYPE halfvec (INPUT = halfvec_in, OUTPUT = halfvec_out, SEND = halfvec_send, TYPMOD_IN = embedding_length, INTERNALLENGTH = VARIABLE);
`

// An extension is pgvector, or what stands in for it where it isn't installed.
type extension struct {
	create string
	real   bool
}

// pgvector returns the extension, if the tests' Postgres has it with halfvec.
func pgvector(t *testing.T) extension {
	t.Helper()
	var installed bool
	const sql = `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector' AND string_to_array(default_version, '.')::int[] >= '{0,7}')`
	if err := pgtest.New(t).Pool.QueryRow(t.Context(), sql).Scan(&installed); err != nil {
		t.Fatal(err)
	}
	if installed {
		return extension{"CREATE EXTENSION vector;", true}
	}
	return extension{standIn, false}
}

// vector returns a literal of a vector.
func (x extension) vector(elements ...float32) string {
	if x.real {
		return "'" + strings.ReplaceAll(fmt.Sprint(elements), " ", ",") + "'"
	}
	raw := head(len(elements))
	for _, v := range elements {
		raw = binary.BigEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return fmt.Sprintf(`'\x%x'`, raw)
}

// halfvec returns a literal of a halfvec, whose elements are given by their bits.
func (x extension) halfvec(elements ...uint16) string {
	raw, values := head(len(elements)), []float32{}
	for _, half := range elements {
		raw, values = binary.BigEndian.AppendUint16(raw, half), append(values, offline.HalfFloat(half))
	}
	if x.real {
		return x.vector(values...)
	}
	return fmt.Sprintf(`'\x%x'`, raw)
}

// head returns what an embedding of n elements begins with.
func head(n int) []byte { return []byte{byte(n >> 8), byte(n), 0, 0} }

// TestEmbeddings reads pgvector's types as lists and vectors of floats.
func TestEmbeddings(t *testing.T) {
	x := pgvector(t)
	insert := func(id int, v, h, free string) string {
		return fmt.Sprintf("INSERT INTO e VALUES (%d, '2025-01-01 00:00:00+00', %s, %s, %s);", id, v, h, free)
	}
	v, h := x.vector(1, -2.5, 3e-8), x.halfvec(0x3800, 0x7bff)
	w := newWorld(t, x.create+"CREATE DOMAIN taste AS vector(2); CREATE TABLE e (id bigint, at timestamptz, v vector(3), h halfvec(2), free vector);"+
		insert(1, v, h, x.vector(0.1, 0.2))+insert(2, "NULL", "NULL", "NULL")+insert(3, v, h, x.vector(1, 2, 3))+insert(4, v, x.halfvec(0x0001, 0x8000), x.vector(7, 8))+insert(5, v, h, x.vector(1)),
		schema.Source{Query: "SELECT *, v AS wide, v AS list, h AS halves, free::taste AS taste FROM e ORDER BY id", TimestampField: "at"}, idKey,
		schema.Feature{Name: "v", Type: schema.Vector(schema.Float32, 3)}, schema.Feature{Name: "wide", Type: schema.Vector(schema.Float64, 3)},
		schema.Feature{Name: "list", Type: schema.List(schema.Float32)}, schema.Feature{Name: "h", Type: schema.Vector(schema.Float32, 2)},
		schema.Feature{Name: "halves", Type: schema.List(schema.Float64)}, schema.Feature{Name: "free", Type: schema.Vector(schema.Float32, 2)})
	if x.real {
		w.view.Origin.Query = strings.Replace(w.view.Origin.Query, "free::taste", "NULL::taste", 1) // which 3 elements don't fit
	}
	if _, err := w.store.Check(t.Context(), w.view); err != nil {
		t.Fatal(err)
	}
	rows, bad := w.read(everything())
	row := func(id int64, half []any, free ...any) []any {
		narrow, wide, halves := []any{float32(1), float32(-2.5), float32(3e-8)}, []any{1.0, -2.5, float64(float32(3e-8))}, []any{}
		for _, v := range half {
			halves = append(halves, float64(v.(float32)))
		}
		return []any{id, int64(micros2025), nil, false, narrow, wide, narrow, half, halves, free}
	}
	want := [][]any{
		row(1, []any{float32(0.5), float32(65504)}, float32(0.1), float32(0.2)),
		{int64(2), int64(micros2025), nil, false, nil, nil, nil, nil, nil, nil},
		row(4, []any{float32(0x1p-24), float32(math.Copysign(0, -1))}, float32(7), float32(8)),
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	wantBad := []schema.BadRow{{Reason: schema.BadLength, Sample: "id=3 free=vector of length 3, not 2"}, {Reason: schema.BadLength, Sample: "id=5 free=vector of length 1, not 2"}}
	if d := cmp.Diff(wantBad, bad); d != "" {
		t.Error(d)
	}
	f := func(column string, typ schema.Type, want string) {
		t.Helper()
		source := schema.Source{Query: "SELECT id, at, " + column + " AS x FROM e", TimestampField: "at"}
		_, err := w.store.Check(t.Context(), view(t, source, idKey, schema.Feature{Name: "x", Type: typ}))
		if said := (*schema.Error)(nil); !errors.As(err, &said) || said.Message != `feature view "v": source "s": column "x", the feature, is `+want {
			t.Errorf("%s as %s: got %v, want %s", column, typ, err, want)
		}
	}
	const reads = "smallint[], integer[], numeric[], real[], double precision[], vector, halfvec"
	const floats = "; vector can be declared as list<float32>, list<float64>"
	f("v", schema.Vector(schema.Float32, 4), "vector(3) and can't be read as vector<float32, 4>: the length is 3; vector<float32, 4> has length 4")
	f("h", schema.Vector(schema.Float64, 3), "halfvec(2) and can't be read as vector<float64, 3>: the length is 2; vector<float64, 3> has length 3")
	f("v::taste", schema.Vector(schema.Float32, 3), "vector(2) and can't be read as vector<float32, 3>: the length is 2; vector<float32, 3> has length 3")
	f("v", schema.Vector(schema.Int32, 3), "vector and can't be read as vector<int32, 3>: vector<int32, 3> is read from smallint[], integer[], bigint[], numeric[], real[], double precision[]"+floats)
	f("v", schema.Float32, "vector and can't be read as float32: float32 is read from smallint, integer, numeric, real, double precision"+floats)
	f("ARRAY[v]", schema.Vector(schema.Float32, 3), "vector[] and can't be read as vector<float32, 3>: vector<float32, 3> is read from "+reads)
}

// TestBrokenEmbeddings: bytes that aren't in pgvector's format end the read.
func TestBrokenEmbeddings(t *testing.T) {
	f := func(hex string) {
		t.Helper()
		w := newWorld(t, standIn+`CREATE TABLE e (id bigint, at timestamptz, v vector); INSERT INTO e VALUES (1, '2025-01-01', '\x`+hex+`')`,
			schema.Source{Table: "e", TimestampField: "at"}, idKey, schema.Feature{Name: "v", Type: schema.Vector(schema.Float32, 1)})
		err := w.store.Window(t.Context(), w.view, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
		if want := `source "s": column "v": the bytes are not a value of type vector`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", hex, err)
		}
	}
	f("")
	f("0001")
	f("00010000")
	f("000100003f8000")
	f("000100003f80000000")
	f("000200003f800000")
	f("ffff00003f800000")
}

// TestHalfFloats compares all floats of 16 bits with the formula of IEEE 754.
func TestHalfFloats(t *testing.T) {
	for bits := range 1 << 16 {
		sign, exponent, fraction := 1.0, bits>>10&0x1f, float64(bits&0x3ff)
		if bits>>15 == 1 {
			sign = -1
		}
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 0x1f && fraction == 0:
			want = math.Inf(1)
		case exponent == 0x1f:
			want = math.NaN()
		}
		got := offline.HalfFloat(uint16(bits))
		if float64(got) != math.Copysign(want, sign) && !(math.IsNaN(want) && got != got) || math.Signbit(float64(got)) != (bits>>15 == 1) {
			t.Fatalf("%04x is %v, want %v", bits, got, want*sign)
		}
	}
}
