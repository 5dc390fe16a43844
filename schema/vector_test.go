package schema_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larder/schema"
)

// numbers are the types that the elements of a vector may have.
var numbers = []schema.Type{schema.Int32, schema.Int64, schema.Float32, schema.Float64}

// vectors draws a type of vectors, and a length for it.
func vectors(t *rapid.T, most int) schema.Type {
	return schema.Vector(rapid.SampledFrom(numbers).Draw(t, "element"), rapid.IntRange(1, most).Draw(t, "length"))
}

func TestVectorTypes(t *testing.T) {
	pattern := regexp.MustCompile(schema.VectorPattern)
	rapid.Check(t, func(t *rapid.T) {
		typ := vectors(t, schema.MaxVectorLen)
		back, err := schema.ParseType(typ.String())
		if err != nil || back != typ || !typ.Valid() || !pattern.MatchString(typ.String()) {
			t.Fatalf("%s is read as %s, %v", typ, back, err)
		}
		if !typ.IsList() || !typ.IsVector() || typ.IsKey() || typ.IsInteger() || typ.IsFloat() || typ.AsList() != schema.List(typ.Elem()) || typ != schema.Vector(typ.Elem(), typ.Len()) {
			t.Fatalf("%s is no list of %d %s", typ, typ.Len(), typ.Elem())
		}
	})
	f := func(valid bool, typ schema.Type) {
		t.Helper()
		if typ.Valid() != valid {
			t.Errorf("%s is valid: %v", typ, !valid)
		}
	}
	f(true, schema.Vector(schema.Float32, schema.MaxVectorLen))
	f(false, schema.Vector(schema.Float32, schema.MaxVectorLen+1))
	f(false, schema.Vector(schema.String, 2))
	f(false, schema.Vector(schema.Timestamp, 2))
	f(false, schema.Float32|1<<8) // a length without the bit of lists
	f(false, schema.Vector(0, 2))
	f(false, schema.Type(1<<32-1))
	for _, name := range schema.TypeNames() {
		if typ, err := schema.ParseType(name); err != nil || typ.IsVector() || typ.Len() != 0 || typ.VectorBytes() != 0 || typ.AsList() != typ || typ > 0xff {
			t.Errorf("%s, %d, is a vector: %v", name, typ, err)
		}
	}
}

// TestScalarsAndListsKeepTheirNumbers: they are written into catalogs and snapshots.
func TestScalarsAndListsKeepTheirNumbers(t *testing.T) {
	var got []schema.Type
	for typ := schema.Bool; typ <= schema.Timestamp; typ++ {
		got = append(got, typ, schema.List(typ))
	}
	want := []schema.Type{1, 0x21, 2, 0x22, 3, 0x23, 4, 0x24, 5, 0x25, 6, 0x26, 7, 0x27, 8, 0x28}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzParseType: a name is refused, or it is that of a type whose own name gives it back.
func FuzzParseType(f *testing.F) {
	for _, name := range append(schema.TypeNames(), "vector<float32, 64>", "vector<int64,1>", "vector< float64 ,  65536 >", "vector<string, 3>", "vector<float32, 65537>", "vector<,>", "vector<", "vector", "list<vector<int32, 1>>", "vector<float32, 64", "vector<int32, 00>") {
		f.Add(name)
	}
	pattern := regexp.MustCompile(schema.VectorPattern)
	f.Fuzz(func(t *testing.T, name string) {
		typ, err := schema.ParseType(name)
		if got := err == nil && typ.IsVector(); got != pattern.MatchString(name) {
			t.Fatalf("%q is a vector: %v, %v; the pattern of editors says otherwise", name, got, err)
		}
		if err != nil {
			return
		}
		if back, err := schema.ParseType(typ.String()); err != nil || back != typ || !typ.Valid() {
			t.Fatalf("%q is read as %s, which is read as %s, %v", name, typ, back, err)
		}
	})
}

// TestVectorsRoundTrip: ParseValue reads what AppendValue writes, of exactly the length.
func TestVectorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := vectors(t, 5)
		list := rapid.SliceOfN(values(typ.Elem()), 0, 7).Draw(t, "list")
		got, err := schema.ParseValue(typ, schema.AppendValue(nil, list))
		if len(list) != typ.Len() {
			if err == nil {
				t.Fatalf("%v is a %s: %v", list, typ, got)
			}
			return
		}
		if diff := cmp.Diff(any(list), got, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Fatalf("%s: %v %s", typ, err, diff)
		}
	})
	f := func(typ schema.Type, raw, want string) {
		t.Helper()
		if v, err := schema.ParseValue(typ, json.RawMessage(raw)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", raw, v, err, want)
		}
	}
	two := schema.Vector(schema.Int32, 2)
	f(two, `[1]`, "the length is 1; vector<int32, 2> has length 2")
	f(two, `[1, 2, 3, "x"]`, "the length is 4; vector<int32, 2> has length 2")
	f(two, `[]`, "the length is 0; vector<int32, 2> has length 2")
	f(two, `7`, "7 is not a valid vector<int32, 2> value; write [a whole number, ...]")
	f(two, `[1, null]`, "element 2: null is not a valid int32 value; write a whole number")
	if v, err := schema.ParseValue(two, json.RawMessage("null")); v != nil || err != nil {
		t.Errorf("null is %v, %v", v, err)
	}
}
