package arrows_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column/arrows"
)

// dictionaryOf returns the type of categories with values of a type.
func dictionaryOf(values arrow.DataType) arrow.DataType {
	return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: values}
}

// TestEmptyRecordsOfAnyType: also those for which Arrow's builders panic.
func TestEmptyRecordsOfAnyType(t *testing.T) {
	f := func(typ arrow.DataType) {
		t.Helper()
		columns := arrow.NewSchema([]arrow.Field{{Name: "x", Type: typ, Nullable: true}}, nil)
		rec := arrows.EmptyRecord(columns)
		defer rec.Release()
		var wire bytes.Buffer
		out := ipc.NewWriter(&wire, ipc.WithSchema(columns))
		if err := out.Write(rec); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if err := out.Close(); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		in, err := ipc.NewReader(&wire)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		defer in.Release()
		if !in.Next() || in.Record().NumRows() != 0 || !arrow.TypeEqual(in.Record().Column(0).DataType(), typ) {
			t.Errorf("%s: read back as %v (%v)", typ, in.Schema(), in.Err())
		}
	}
	for _, typ := range []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString,
		arrow.BinaryTypes.StringView, arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8),
		arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.String}), arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8),
		arrow.ListViewOf(arrow.PrimitiveTypes.Int8), &arrow.FixedSizeBinaryType{ByteWidth: 3},
	} {
		f(typ)
		if typ.ID() != arrow.NULL {
			f(dictionaryOf(typ))
		}
	}
}

// TestDictionariesOfAnyTypeAreCompared: those of the values that Arrow can't merge too.
func TestDictionariesOfAnyTypeAreCompared(t *testing.T) {
	record := func(words ...string) arrow.Record {
		b := array.NewLargeStringBuilder(memory.DefaultAllocator)
		b.AppendValues(words, nil)
		index := array.NewInt32Builder(memory.DefaultAllocator)
		index.AppendValues([]int32{0, 1}, nil)
		d := array.NewDictionaryArray(dictionaryOf(arrow.BinaryTypes.LargeString), index.NewArray(), b.NewArray())
		list := array.NewData(arrow.ListOf(d.DataType()), 1, []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 2}))}, []arrow.ArrayData{d.Data()}, 0, 0)
		columns := arrow.NewSchema([]arrow.Field{{Name: "x", Type: list.DataType()}}, nil)
		return array.NewRecord(columns, []arrow.Array{array.MakeFromData(list)}, 1)
	}
	ab := record("a", "b")
	for _, c := range []struct {
		other arrow.Record
		same  bool
	}{{ab, true}, {record("a", "b"), true}, {record("b", "a"), false}, {record("a", "b", "c"), false}} {
		if got := arrows.SameDictionaries(ab, c.other); got != c.same {
			t.Errorf("%v and %v: %t", ab, c.other, got)
		}
	}
}
