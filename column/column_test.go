package column_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
)

// examples are two values of each scalar type, in the Go form of schema.ParseValue.
var examples = map[schema.Type][2]any{
	schema.Bool:      {true, false},
	schema.Int32:     {int32(math.MinInt32), int32(7)},
	schema.Int64:     {int64(math.MaxInt64), int64(-7)},
	schema.Float32:   {float32(1.5), float32(math.Inf(1))},
	schema.Float64:   {0.1, math.Inf(-1)},
	schema.String:    {"a <b> & \"c\" \\ é", ""},
	schema.Bytes:     {[]byte{0, 0xff}, []byte{}},
	schema.Timestamp: {time.UnixMicro(1_750_000_000_123_456).UTC(), time.UnixMicro(-1).UTC()},
}

// eachType calls f with every type that there is, and two values of it.
func eachType(t *testing.T, f func(t schema.Type, a, b any)) {
	t.Helper()
	for _, name := range schema.TypeNames() {
		typ, err := schema.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		values, known := examples[typ.Elem()]
		if !known {
			t.Fatalf("no examples of %s", typ)
		}
		a, b := values[0], values[1]
		if typ.IsList() {
			a, b = []any{a, b}, []any{}
		}
		f(typ, a, b)
	}
}

// TestEveryTypeIsInTheTable: each type does everything that a column does.
func TestEveryTypeIsInTheTable(t *testing.T) {
	eachType(t, func(typ schema.Type, a, b any) {
		want := []any{a, nil, b, a}
		c := column.Column{Type: typ, Valid: []bool{true, false, true, true}}
		for _, v := range want {
			c.AppendValue(v)
		}
		check := func(what string, c *column.Column, want ...any) {
			t.Helper()
			got := []any{}
			for i := range c.Len() {
				got = append(got, c.Value(i))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", typ, what, diff)
			}
			for i, v := range want {
				if got, want := string(c.AppendJSON(nil, i)), string(schema.AppendValue(nil, v)); got != want {
					t.Errorf("%s, %s: JSON %s, want %s", typ, what, got, want)
				}
			}
			if !c.Even(len(want)) || c.Even(len(want)+1) {
				t.Errorf("%s, %s: not even with its own rows, or with more", typ, what)
			}
		}
		check("values", &c, want...)
		picked := c.Pick([]int{3, 1, 0})
		check("picked", &picked, a, nil, a)
		if !c.EqualRow(0, &c, 3) || c.EqualRow(0, &c, 2) || c.EqualRow(0, &c, 1) || !c.EqualRow(1, &picked, 1) {
			t.Errorf("%s: rows compare wrong", typ)
		}
		if c.RowBytes(0) == 0 || c.MemoryBytes() < c.RowBytes(0) {
			t.Errorf("%s: a value takes %d bytes of %d", typ, c.RowBytes(0), c.MemoryBytes())
		}
		if typ.IsList() {
			return
		}
		made := column.New(typ, 2)
		made.CopyRow(1, &c, 2)
		made.CopyRow(0, &c, 0)
		check("copied", &made, a, b)
		slab, parts := column.Column{}, []column.Column{{Type: typ}, {}, {Type: typ}}
		column.Divide(parts, []int{0, 2}, 2, &slab)
		parts[0].Copy(&made)
		parts[2].CopyRow(0, &c, 2)
		parts[2].CopyRow(1, &c, 0)
		check("first part", &parts[0], a, b)
		check("second part", &parts[2], b, a)
	})
}

func TestFloatsCompareByTheirBits(t *testing.T) {
	nan := math.Float64frombits(0x7ff8000000000002)
	c := column.Column{Type: schema.Float64, Float64s: []float64{0, math.Copysign(0, -1), math.NaN(), nan, nan}}
	if c.EqualRow(0, &c, 1) || c.EqualRow(2, &c, 3) || !c.EqualRow(3, &c, 4) {
		t.Error("zeros with another sign or NaNs of other bits are taken for the same, or the same for others")
	}
}

// TestListsMustLieWithinTheirElements: ends come from outside.
func TestListsMustLieWithinTheirElements(t *testing.T) {
	f := func(want bool, ends ...uint32) {
		t.Helper()
		c := column.Column{Type: schema.List(schema.Bool), Bools: make([]bool, 3), Ends: ends}
		if got := c.EndsFit(); got != want {
			t.Errorf("ends %v fit: %v", ends, got)
		}
	}
	f(true)
	f(true, 3)
	f(true, 0, 3, 3)
	f(false, 2)
	f(false, 4)
	f(false, 2, 1, 3)
	f(false, math.MaxUint32, 3)
}

func TestResetKeepsOnlyMemory(t *testing.T) {
	var c column.Columns
	c.Add("a", column.Column{Type: schema.Bool, Bools: []bool{true}})
	c.Reset()
	if len(c.Names) != 0 || len(c.Values) != 0 || c.Values[:1][0].Bools != nil || slices.Contains(c.Names[:1], "a") {
		t.Errorf("%+v holds on to what was in it", c)
	}
}
