package row_test

import (
	"bytes"
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

func TestAppendInt64SortsAsNumbersDo(t *testing.T) {
	f := func(lo, hi int64) {
		t.Helper()
		if a, b := row.AppendInt64(nil, lo), row.AppendInt64(nil, hi); bytes.Compare(a, b) >= 0 {
			t.Fatalf("key(%d)=%x does not sort before key(%d)=%x", lo, a, hi, b)
		}
	}
	f(math.MinInt64, -1)
	f(-1, 0)
	f(0, 1)
	f(255, 256)
	f(0, math.MaxInt64)
}

func TestKeysOfDifferentValuesDiffer(t *testing.T) {
	f := func(a, b []byte) {
		t.Helper()
		if bytes.Equal(a, b) {
			t.Fatalf("both keys are %x", a)
		}
	}
	two := func(x, y int64) []byte { return row.AppendInt64(row.AppendInt64(nil, x), y) }
	texts := func(x, y string) []byte { return row.AppendString(row.AppendString(nil, x), y) }
	f(two(1, 23), two(12, 3))
	f(texts("1", "23"), texts("12", "3"))
	f(texts("a\x00", "b"), texts("a", "\x00b"))
	f(texts("a\x00\x01", "b"), texts("a", "b"))
	f(texts("", "a"), texts("a", ""))
	f(row.AppendString(nil, "5"), row.AppendInt64(nil, 5))
	f(row.AppendInt32(nil, 5), row.AppendInt64(nil, 5))
	f(row.AppendInt64(row.AppendView(nil, 1), 7), row.AppendInt64(row.AppendView(nil, 2), 7))
}

// TestKeyOrder: keys sort as their values do, part by part, and equal keys are
// equal values. One view's keys lie together, between those of its neighbours.
func TestKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := rapid.SliceOfN(rapid.SampledFrom(keyTypes), 1, 3).Draw(t, "types")
		a, b := drawKey(t, types), drawKey(t, types)
		want := 0
		for i := range types {
			if want = compare(a[i], b[i]); want != 0 {
				break
			}
		}
		encodedA, encodedB := encode(3, a), encode(3, b)
		if got := bytes.Compare(encodedA, encodedB); got != want {
			t.Fatalf("%v and %v compare as %d, their keys %x and %x as %d", a, b, want, encodedA, encodedB, got)
		}
		if bytes.Compare(encode(2, b), encodedA) >= 0 || bytes.Compare(encodedA, encode(4, b)) >= 0 {
			t.Fatalf("keys of view 3 are not between those of 2 and 4")
		}
	})
}

func TestDecodeKeyUndoesAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := rapid.SliceOfN(rapid.SampledFrom(keyTypes), 0, 4).Draw(t, "types")
		want := drawKey(t, types)
		view, got, err := row.DecodeKey(encode(77, want), joinKeys(types))
		if err != nil || view != 77 {
			t.Fatalf("view %d, %v", view, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

var keyTypes = []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.String, schema.Bytes, schema.Timestamp}

func joinKeys(types []schema.Type) []schema.JoinKey {
	keys := make([]schema.JoinKey, len(types))
	for i, t := range types {
		keys[i] = schema.JoinKey{Name: fmt.Sprintf("key_%d", i), Type: t}
	}
	return keys
}

func drawKey(t *rapid.T, types []schema.Type) []any {
	key := make([]any, len(types))
	for i, typ := range types {
		key[i] = values(typ).Draw(t, "part")
	}
	return key
}

func encode(view uint32, key []any) []byte {
	dst := row.AppendView(nil, view)
	for _, part := range key {
		switch v := part.(type) {
		case bool:
			dst = row.AppendBool(dst, v)
		case int32:
			dst = row.AppendInt32(dst, v)
		case int64:
			dst = row.AppendInt64(dst, v)
		case string:
			dst = row.AppendString(dst, v)
		case []byte:
			dst = row.AppendBytes(dst, v)
		case time.Time:
			dst = row.AppendTimestamp(dst, v.UnixMicro())
		}
	}
	return dst
}

// compare is the order of two values of one type.
func compare(a, b any) int {
	switch a := a.(type) {
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	case int32:
		return sign(int64(a), int64(b.(int32)))
	case int64:
		return sign(a, b.(int64))
	case string:
		return strings.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	}
	return a.(time.Time).Compare(b.(time.Time))
}

func sign(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestDecodeKeyRefuses(t *testing.T) {
	f := func(key []byte, types []schema.Type, want string) {
		t.Helper()
		if _, _, err := row.DecodeKey(key, joinKeys(types)); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got error %v; want one that says %q", err, want)
		}
	}
	prefix := row.AppendView(nil, 1)
	after := func(parts ...byte) []byte { return append(bytes.Clone(prefix), parts...) }
	f(nil, nil, "is not a key of format 1")
	f([]byte{9, 0, 0, 0, 1}, nil, "is not a key of format 1")
	f(after(1), nil, "1 bytes too many")
	f(after(2), []schema.Type{schema.Bool}, `join key "key_0": no bool`)
	f(after(1, 2, 3), []schema.Type{schema.Int32}, "3 bytes are not an int32")
	f(after(1, 2, 3), []schema.Type{schema.Timestamp}, "3 bytes are not a value of type timestamp")
	f(after('a'), []schema.Type{schema.String}, "text has no terminator")
	f(after('a', 0), []schema.Type{schema.String}, "text has no terminator")
	f(after('a', 0, 7), []schema.Type{schema.Bytes}, "text contains a stray 0x00 0x07")
	f(after(1), []schema.Type{schema.Float64}, "float64 is not a type for keys")
}

func TestGoldenKeys(t *testing.T) {
	types := keyTypes
	key := []any{true, int32(-2), int64(math.MaxInt64), "caf\u00e9\x00", []byte{0, 0xff, 1}, time.UnixMicro(-1).UTC()}
	current := golden{"none": encode(1, nil), "all_types": encode(0xdeadbeef, key)}
	kept := readGolden(t, "keys_format1.txt", current, []string{"none", "all_types"})
	if diff := cmp.Diff(kept, current); diff != "" {
		t.Errorf("keys are written differently from format 1 (-kept +now):\n%s", diff)
	}
	view, got, err := row.DecodeKey(kept["all_types"], joinKeys(types))
	if err != nil || view != 0xdeadbeef {
		t.Fatalf("view %x, %v", view, err)
	}
	if diff := cmp.Diff(key, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeysKeepsEachApart(t *testing.T) {
	var keys row.Keys
	for range 2 {
		keys.Reset()
		for i := range 3 {
			keys.Append(func(dst []byte) []byte { return row.AppendString(dst, strings.Repeat("x", i)) })
		}
		if keys.Len() != 3 {
			t.Fatalf("%d keys", keys.Len())
		}
		for i := range 3 {
			if got, want := keys.At(i), row.AppendString(nil, strings.Repeat("x", i)); !bytes.Equal(got, want) || cap(got) != len(got) {
				t.Fatalf("key %d is %x (capacity %d); want %x", i, got, cap(got), want)
			}
		}
	}
}

func FuzzDecodeKey(f *testing.F) {
	f.Add([]byte{2, 3}, encode(1, []any{int32(1), int64(2)}))
	f.Add([]byte{4, 5, 8}, encode(1, []any{"a\x00b", []byte{0}, time.UnixMicro(5)}))
	f.Add([]byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, typeBytes, key []byte) {
		types := make([]schema.Type, min(len(typeBytes), schema.MaxJoinKeys))
		for i := range types {
			types[i] = schema.Type(typeBytes[i])
		}
		view, values, err := row.DecodeKey(key, joinKeys(types))
		if err != nil {
			return
		}
		if again := encode(view, values); !bytes.Equal(again, key) {
			t.Fatalf("%x was read as %v, which is written as %x", key, values, again)
		}
	})
}
