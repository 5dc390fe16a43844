package row_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/schema"
	"larder/store/row"
)

func columnsOf(types []schema.Type) []schema.Column {
	columns := make([]schema.Column, len(types))
	for i, t := range types {
		columns[i] = schema.Column{Name: fmt.Sprintf("column_%d", i), Type: t}
	}
	return columns
}

// TestValueUndoesBuilder: whatever a row is built of is what is read, in a
// builder that is used again and again.
func TestValueUndoesBuilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := rapid.SliceOfN(rapid.SampledFrom(append(allTypes(), allVectors()...)), 1, 20).Draw(t, "types")
		layout := row.NewLayout(columnsOf(types))
		number := rapid.IntRange(0, math.MaxUint16).Draw(t, "number")
		b := row.NewBuilder(layout, number)
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			want := row.Header{Layout: uint16(number), Ingest: rapid.Int64().Draw(t, "ingest")}
			b.Reset(want.Ingest, false)
			rowValues := make([]any, len(types))
			for _, i := range rapid.Permutation(indexes(len(types))).Draw(t, "order") {
				if rapid.Bool().Draw(t, "present") {
					rowValues[i] = values(types[i]).Draw(t, "value")
					set(b, i, types[i], rowValues[i])
				}
			}
			if got, err := row.ParseHeader(b.Row()); err != nil || got != want {
				t.Fatalf("header %+v, %v; want %+v", got, err, want)
			}
			for i := range types {
				got, err := layout.Value(b.Row(), i)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(rowValues[i], got, sameBits); diff != "" {
					t.Fatalf("column %d, %s: %s", i, types[i], diff)
				}
			}
		}
	})
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestTombstoneIsItsHeader(t *testing.T) {
	layout := row.NewLayout(columnsOf(allTypes()))
	b := row.NewBuilder(layout, 3)
	set(b, 0, schema.Bool, true)
	b.Reset(12345, true)
	if n := len(b.Row()); n != row.HeaderBytes {
		t.Fatalf("a tombstone of %d bytes", n)
	}
	want := row.Header{Tombstone: true, Layout: 3, Ingest: 12345}
	if got, err := row.ParseHeader(b.Row()); err != nil || got != want {
		t.Fatalf("header %+v, %v; want %+v", got, err, want)
	}
	if _, err := layout.Value(b.Row(), 0); err == nil {
		t.Fatal("a tombstone has a value")
	}
	b.Reset(schema.NoIngestTime, false)
	if v, err := layout.Value(b.Row(), 0); err != nil || v != nil {
		t.Fatalf("after a tombstone, a new row begins with %v, %v", v, err)
	}
}

func TestNaNKeepsItsBits(t *testing.T) {
	layout := row.NewLayout(columnsOf([]schema.Type{schema.Float32, schema.Float64}))
	b := row.NewBuilder(layout, 0)
	b.SetFloat32(0, math.Float32frombits(0x7fc12345))
	b.SetFloat64(1, math.Float64frombits(0x7ff8000000abcdef))
	f32, _ := layout.Value(b.Row(), 0)
	f64, _ := layout.Value(b.Row(), 1)
	if got := math.Float32bits(f32.(float32)); got != 0x7fc12345 {
		t.Errorf("float32 NaN became %x", got)
	}
	if got := math.Float64bits(f64.(float64)); got != 0x7ff8000000abcdef {
		t.Errorf("float64 NaN became %x", got)
	}
}

func TestEmptyIsNotNull(t *testing.T) {
	f := func(typ schema.Type, empty any) {
		t.Helper()
		layout := row.NewLayout(columnsOf([]schema.Type{typ}))
		b := row.NewBuilder(layout, 0)
		set(b, 0, typ, empty)
		got, err := layout.Value(b.Row(), 0)
		if diff := cmp.Diff(empty, got); err != nil || diff != "" {
			t.Fatalf("%s: %v %s", typ, err, diff)
		}
	}
	f(schema.String, "")
	f(schema.Bytes, []byte{})
	for elem := schema.Bool; elem <= schema.Timestamp; elem++ {
		f(schema.List(elem), []any{})
	}
	f(schema.List(schema.String), []any{""})
	f(schema.List(schema.Bytes), []any{[]byte{}, []byte{}})
}

func TestParseHeaderRefuses(t *testing.T) {
	f := func(raw []byte, want string) {
		t.Helper()
		if _, err := row.ParseHeader(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got error %v; want one that says %q", err, want)
		}
	}
	f(nil, "a row of 0 bytes has no header")
	f(make([]byte, 11), "a row of 11 bytes has no header")
	f(append([]byte{2}, make([]byte, 20)...), "the row has format 2, and this larder reads 1")
	f(append([]byte{1, 0x82}, make([]byte, 20)...), "the row has unknown flags 0x82")
}

func TestValueRefusesBrokenRows(t *testing.T) {
	const lists, blob = 0, 1
	layout := row.NewLayout(columnsOf([]schema.Type{schema.List(schema.String), schema.Bytes}))
	f := func(column int, want string, broken func(b []byte) []byte) {
		t.Helper()
		b := row.NewBuilder(layout, 0)
		set(b, lists, schema.List(schema.String), []any{"ab", "c"})
		set(b, blob, schema.Bytes, []byte("xyz"))
		if _, err := layout.Value(broken(bytes.Clone(b.Row())), column); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got error %v; want one that says %q", err, want)
		}
	}
	put := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	at := layout.Offsets[lists]
	f(blob, "its layout needs 29", func(b []byte) []byte { return b[:layout.FixedEnd-1] })
	f(blob, `column "column_1": a value ends at byte 47 of a row of 46`, func(b []byte) []byte { return b[:len(b)-1] })
	f(blob, "a value ends at byte", put(layout.Offsets[blob], math.MaxUint32))
	f(lists, "a list of 1 bytes has no length", put(at+4, 1))
	f(lists, "a list has 100 elements in 15 bytes", put(layout.FixedEnd, 100))
	f(lists, "a list has 4294967295 elements in 15 bytes", put(layout.FixedEnd, math.MaxUint32))
	f(lists, "element 0 of a list is cut off", put(layout.FixedEnd+4, 9))
	f(lists, "a list has 1 bytes too many", put(layout.FixedEnd+8, 0))
	numbers := row.NewLayout(columnsOf([]schema.Type{schema.List(schema.Int64)}))
	b := row.NewBuilder(numbers, 0)
	b.SetInt64s(0, []int64{1})
	if _, err := numbers.Value(put(numbers.Offsets[0]+4, 7)(b.Row()), 0); err == nil || !strings.Contains(err.Error(), "a list of int64 does not fit 7 bytes") {
		t.Fatalf("got error %v", err)
	}
}

// TestVectorsLieInTheFixedSection: a row of vectors is as long as its layout says, and
// each is at its offset, without a length.
func TestVectorsLieInTheFixedSection(t *testing.T) {
	layout := row.NewLayout(columnsOf([]schema.Type{schema.Bool, schema.Vector(schema.Float32, 3), schema.String, schema.Vector(schema.Int64, 2)}))
	b := row.NewBuilder(layout, 0)
	b.SetInt64s(3, []int64{-1, 7})
	b.SetString(2, "text")
	b.SetFloat32s(1, []float32{1, 2, 3})
	stored := b.Row()
	const header = row.HeaderBytes + 1
	if want := header + 1 + 12 + 8 + 16; layout.FixedEnd != want || len(stored) != want+len("text") {
		t.Fatalf("a row of %d bytes, fixed up to %d; want %d", len(stored), layout.FixedEnd, want)
	}
	f := func(i, wantOffset int, wantFixed bool) {
		t.Helper()
		if offset, fixed := layout.Fixed(i); offset != wantOffset || fixed != wantFixed {
			t.Errorf("column %d is at %d, fixed: %v; want %d, %v", i, offset, fixed, wantOffset, wantFixed)
		}
	}
	f(0, header, true)
	f(1, header+1, true)
	f(2, header+13, false)
	f(3, header+21, true)
	if got, want := stored[header+1:header+13], []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40}; !bytes.Equal(got, want) {
		t.Errorf("the elements are %x, want %x", got, want)
	}
	if got := row.Elements(stored, header+21, schema.Vector(schema.Int64, 2)); binary.LittleEndian.Uint64(got[8:]) != 7 || len(got) != 16 {
		t.Errorf("the second vector is %x", got)
	}
	if !row.Null(row.NewBuilder(layout, 0).Row(), 1) || row.Null(stored, 1) {
		t.Error("a vector is null where it was set, or not where it wasn't")
	}
	if _, err := layout.Value(stored[:layout.FixedEnd-1], 3); err == nil {
		t.Error("a vector that is cut off is read")
	}
	defer func() {
		if recover() == nil {
			t.Error("a vector of another length is stored")
		}
	}()
	b.SetFloat32s(1, []float32{1, 2})
}

// goldenRow is a row with a value of every type, and its layout.
func goldenRow() (*row.Layout, []any, []byte) {
	types := append(allTypes(), schema.Int64)
	moment := time.UnixMicro(-1_000_001).UTC()
	want := []any{
		true,
		[]any{true, false},
		int32(-7),
		[]any{int32(math.MinInt32)},
		int64(1) << 40,
		[]any{int64(-1), int64(2)},
		float32(1.5),
		[]any{float32(math.Inf(-1))},
		math.Pi,
		[]any{math.NaN()},
		"caf\u00e9\x00",
		[]any{"", "b"},
		[]byte{0, 1},
		[]any{[]byte{2}, []byte{}},
		moment,
		[]any{moment, moment},
		nil,
	}
	layout := row.NewLayout(columnsOf(types))
	b := row.NewBuilder(layout, 258)
	b.Reset(1_700_000_000_123_456, false)
	for i, v := range want {
		set(b, i, types[i], v)
	}
	return layout, want, b.Row()
}

// goldenVectors is a row with a vector of every element, and its layout.
func goldenVectors() (*row.Layout, []any, []byte) {
	want := []any{
		[]any{int32(math.MinInt32), int32(7)},
		[]any{int64(-1), int64(2), int64(3)},
		[]any{float32(1.5), float32(math.Inf(1))},
		[]any{math.Pi},
		nil,
	}
	types := []schema.Type{schema.Vector(schema.Int32, 2), schema.Vector(schema.Int64, 3), schema.Vector(schema.Float32, 2), schema.Vector(schema.Float64, 1), schema.Vector(schema.Float32, 4)}
	layout := row.NewLayout(columnsOf(types))
	b := row.NewBuilder(layout, 2)
	b.Reset(1_700_000_000_123_456, false)
	for i, v := range want {
		set(b, i, types[i], v)
	}
	return layout, want, b.Row()
}

func TestGoldenRows(t *testing.T) {
	layout, want, all := goldenRow()
	b := row.NewBuilder(layout, 1)
	b.Reset(-5, true)
	vectors, wantVectors, rowOfVectors := goldenVectors()
	current := golden{"all_types": all, "tombstone": b.Row(), "vectors": rowOfVectors}
	kept := readGolden(t, "rows_format1.txt", current, []string{"all_types", "tombstone", "vectors"})
	if diff := cmp.Diff(kept, current); diff != "" {
		t.Errorf("rows are written differently from format 1 (-kept +now):\n%s", diff)
	}
	for i := range want {
		got, err := layout.Value(kept["all_types"], i)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], got, sameBits); diff != "" {
			t.Errorf("column %d: %s", i, diff)
		}
	}
	for i := range wantVectors {
		if got, err := vectors.Value(kept["vectors"], i); err != nil || cmp.Diff(wantVectors[i], got, sameBits) != "" {
			t.Errorf("vector %d: %v, %v", i, got, err)
		}
	}
	header, err := row.ParseHeader(kept["tombstone"])
	if wantHeader := (row.Header{Tombstone: true, Layout: 1, Ingest: -5}); err != nil || header != wantHeader {
		t.Errorf("header %+v, %v; want %+v", header, err, wantHeader)
	}
}

// FuzzValue: bytes from anywhere are read or refused; nothing beyond the row is
// read, and what was read is written and read again as it was.
func FuzzValue(f *testing.F) {
	_, _, all := goldenRow()
	f.Add([]byte{0x01, 0x21, 0x02, 0x22, 0x03, 0x23, 0x04, 0x24, 0x05, 0x25, 0x06, 0x26, 0x07, 0x27, 0x08, 0x28, 0x03}, all)
	f.Add([]byte{0x26}, all)
	f.Add([]byte{0x03}, []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xa4, 0xa2, 0x24}, all)
	f.Fuzz(func(t *testing.T, typeBytes, raw []byte) {
		var types []schema.Type
		for _, b := range typeBytes[:min(len(typeBytes), 64)] {
			typ := schema.Type(b & 0x7f)
			if b >= 0x80 {
				typ = schema.Vector(typ, 3)
			}
			if typ.Valid() {
				types = append(types, typ)
			}
		}
		raw = bytes.Clone(raw)[:len(raw):len(raw)]
		header, err := row.ParseHeader(raw)
		if err != nil || header.Tombstone {
			return
		}
		layout := row.NewLayout(columnsOf(types))
		again := row.NewBuilder(layout, int(header.Layout))
		again.Reset(header.Ingest, false)
		read := make([]any, len(types))
		for i := range types {
			if read[i], err = layout.Value(raw, i); err != nil {
				return
			}
			set(again, i, types[i], read[i])
		}
		for i := range types {
			got, err := layout.Value(again.Row(), i)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(read[i], got, sameBits); diff != "" {
				t.Fatalf("column %d, %s: %s", i, types[i], diff)
			}
		}
	})
}
