package arrows_test

import (
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
)

// examples is a value of each scalar type, in the Go form of schema.ParseValue.
var examples = map[schema.Type]any{
	schema.Bool: true, schema.Int32: int32(-7), schema.Int64: int64(7), schema.Float32: float32(1.5), schema.Float64: 0.1,
	schema.String: "é", schema.Bytes: []byte{0, 0xff}, schema.Timestamp: time.UnixMicro(1_750_000_000_123_456).UTC(),
}

// eachType calls f with a column of every type: a value, a null and a value.
func eachType(t *testing.T, f func(c *column.Column)) {
	t.Helper()
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
		f(&c)
	}
}

// TestVectorsAreListsInArrow: with a null, which has no elements.
func TestVectorsAreListsInArrow(t *testing.T) {
	vector := column.Column{Type: schema.Vector(schema.Int64, 2), Int64s: []int64{1, 2, 3, 4}, Ends: []uint32{2, 2, 4}, Valid: []bool{true, false, true}}
	want := vector
	want.Type = schema.List(schema.Int64)
	b := array.NewBuilder(memory.DefaultAllocator, arrows.Type(vector.Type))
	defer b.Release()
	for i := range vector.Len() {
		arrows.Append(b, &vector, vector.Type, i)
	}
	for _, a := range []arrow.Array{arrows.Write(&vector), b.NewArray()} {
		got, err := arrows.Read(a, 0)
		if diff := cmp.Diff(want, got); err != nil || diff != "" || !arrow.TypeEqual(a.DataType(), arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int64)) {
			t.Errorf("%s: %v %s", a.DataType(), err, diff)
		}
	}
}

// TestFixedSizeListsAreLists: embeddings come in them, in slices of larger arrays, and
// with elements also where they are null.
func TestFixedSizeListsAreLists(t *testing.T) {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	defer b.Release()
	elements := b.ValueBuilder().(*array.Float32Builder)
	for i := range 5 {
		if i == 2 {
			b.AppendNull()
			continue
		}
		b.Append(true)
		elements.AppendValues([]float32{float32(i), float32(-i)}, nil)
	}
	whole := b.NewArray()
	defer whole.Release()
	for start := range int64(5) {
		part := array.NewSlice(whole, start, 5)
		got, err := arrows.Read(part, 0)
		part.Release()
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Len() {
			row := float32(start) + float32(i)
			want := any([]any{row, -row})
			if row == 2 {
				want = nil
			}
			if diff := cmp.Diff(want, got.Value(i)); diff != "" {
				t.Errorf("row %v, read from row %d on: %s", row, start, diff)
			}
		}
	}
}

// TestEveryTypeIsInTheTable: an array that is written, or built value by value, is read
// as what it was made of.
func TestEveryTypeIsInTheTable(t *testing.T) {
	eachType(t, func(c *column.Column) {
		check := func(what string, a arrow.Array) {
			t.Helper()
			defer a.Release()
			if !arrow.TypeEqual(a.DataType(), arrows.Type(c.Type)) {
				t.Errorf("%s, %s: the array is %s", c.Type, what, a.DataType())
			}
			got, err := arrows.Read(a, c.Type)
			if err != nil {
				t.Fatalf("%s, %s: %v", c.Type, what, err)
			}
			if diff := cmp.Diff(*c, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", c.Type, what, diff)
			}
		}
		check("written", arrows.Write(c))
		b := array.NewBuilder(memory.DefaultAllocator, arrows.Type(c.Type))
		defer b.Release()
		for i := range c.Len() {
			arrows.Append(b, c, c.Type, i)
		}
		check("appended", b.NewArray())
	})
}

// TestAppendConvertsNumbers: as vector does where a request sends another number.
func TestAppendConvertsNumbers(t *testing.T) {
	f := func(to schema.Type, c column.Column, want any) {
		t.Helper()
		b := array.NewBuilder(memory.DefaultAllocator, arrows.Type(to))
		defer b.Release()
		arrows.Append(b, &c, to, 0)
		a := b.NewArray()
		defer a.Release()
		got, err := arrows.Read(a, to)
		if err != nil || got.Value(0) != want {
			t.Errorf("%s as %s: %v (%v), want %v", c.Type, to, got.Value(0), err, want)
		}
	}
	i32, i64 := column.Column{Type: schema.Int32, Int32s: []int32{-3}}, column.Column{Type: schema.Int64, Int64s: []int64{-3}}
	f(schema.Int64, i32, int64(-3))
	f(schema.Int32, i64, int32(-3))
	f(schema.Float32, i64, float32(-3))
	f(schema.Float64, i32, -3.0)
	f(schema.Float64, column.Column{Type: schema.Float32, Float32s: []float32{0.5}}, 0.5)
	f(schema.Float32, column.Column{Type: schema.Float64, Float64s: []float64{0.1}}, float32(0.1))
}

// TestNullsOfNoType: an array of nulls only is of the type that is wanted.
func TestNullsOfNoType(t *testing.T) {
	eachType(t, func(c *column.Column) {
		a := array.NewNull(2)
		defer a.Release()
		got, err := arrows.Read(a, c.Type)
		if err != nil || got.Type != c.Type || got.Len() != 2 || !got.IsNull(0) || !got.IsNull(1) {
			t.Errorf("%s: %+v (%v)", c.Type, got, err)
		}
	})
}

// TestAppendValue: a value in its Go form becomes the row of an array that a column of it
// has, for each type and for null.
func TestAppendValue(t *testing.T) {
	eachType(t, func(c *column.Column) {
		want := arrows.Write(c)
		defer want.Release()
		b := array.NewBuilder(memory.DefaultAllocator, want.DataType())
		defer b.Release()
		for i := range c.Len() {
			arrows.AppendValue(b, c.Value(i))
		}
		got := b.NewArray()
		defer got.Release()
		if !array.Equal(want, got) {
			t.Errorf("%s: got %v, want %v", c.Type, got, want)
		}
	})
}
