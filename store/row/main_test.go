package row_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/schema"
	"larder/store/row"
)

var update = flag.Bool("update", false, "write the golden files of the current format")

// allTypes are the types that a column can have.
func allTypes() []schema.Type {
	var all []schema.Type
	for t := schema.Bool; t <= schema.Timestamp; t++ {
		all = append(all, t, schema.List(t))
	}
	return all
}

// allVectors are some vectors of each element.
func allVectors() []schema.Type {
	var all []schema.Type
	for _, e := range []schema.Type{schema.Int32, schema.Int64, schema.Float32, schema.Float64} {
		all = append(all, schema.Vector(e, 1), schema.Vector(e, 5))
	}
	return all
}

// values draws values of a type, in the Go form of schema.ParseValue.
func values(t schema.Type) *rapid.Generator[any] {
	if t.IsVector() {
		return rapid.Map(rapid.SliceOfN(values(t.Elem()), t.Len(), t.Len()), func(list []any) any { return list })
	}
	if t.IsList() {
		return rapid.Map(rapid.SliceOfN(values(t.Elem()), 0, 5), func(list []any) any { return list })
	}
	switch t {
	case schema.Bool:
		return rapid.Bool().AsAny()
	case schema.Int32:
		return rapid.Int32().AsAny()
	case schema.Int64:
		return rapid.Int64().AsAny()
	case schema.Float32:
		return rapid.Map(rapid.Uint32(), math.Float32frombits).AsAny()
	case schema.Float64:
		return rapid.Map(rapid.Uint64(), math.Float64frombits).AsAny()
	case schema.String:
		return rapid.Map(texts(), func(b []byte) any { return string(b) })
	case schema.Bytes:
		return texts().AsAny()
	}
	return rapid.Map(rapid.Int64(), func(v int64) any { return time.UnixMicro(v).UTC() })
}

// texts draws bytes with many of those that the escaping of keys is about.
func texts() *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte{0, 1, 0xff}), rapid.Byte()), 0, 6)
}

// set sets column i to a value of type t; nil leaves it null.
func set(b *row.Builder, i int, t schema.Type, value any) {
	list, _ := value.([]any)
	switch v := value.(type) {
	case bool:
		b.SetBool(i, v)
	case int32:
		b.SetInt32(i, v)
	case int64:
		b.SetInt64(i, v)
	case float32:
		b.SetFloat32(i, v)
	case float64:
		b.SetFloat64(i, v)
	case string:
		b.SetString(i, v)
	case []byte:
		b.SetBytes(i, v)
	case time.Time:
		b.SetTimestamp(i, v.UnixMicro())
	case []any:
		switch t.Elem() {
		case schema.Bool:
			b.SetBools(i, typed[bool](list))
		case schema.Int32:
			b.SetInt32s(i, typed[int32](list))
		case schema.Int64:
			b.SetInt64s(i, typed[int64](list))
		case schema.Timestamp:
			micros := make([]int64, len(list))
			for k, x := range list {
				micros[k] = x.(time.Time).UnixMicro()
			}
			b.SetInt64s(i, micros)
		case schema.Float32:
			b.SetFloat32s(i, typed[float32](list))
		case schema.Float64:
			b.SetFloat64s(i, typed[float64](list))
		case schema.String, schema.Bytes:
			b.SetTexts(i, len(list), func(k int) []byte { return fmt.Append(nil, text(list[k])) })
		}
	}
}

func text(v any) string {
	if b, isBytes := v.([]byte); isBytes {
		return string(b)
	}
	return v.(string)
}

func typed[T any](list []any) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = v.(T)
	}
	return out
}

// sameBits compares floats bit by bit, so that each NaN is itself only.
var sameBits = cmp.Options{
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
}

// golden is a file of named bytes in hex, one per line.
type golden map[string][]byte

// readGolden reads a golden file, or writes it with what the current code makes.
func readGolden(t *testing.T, name string, current golden, order []string) golden {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		var b bytes.Buffer
		for _, key := range order {
			fmt.Fprintf(&b, "%s %x\n", key, current[key])
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./store/row -update", err)
	}
	kept := golden{}
	for line := range strings.Lines(string(raw)) {
		key, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kept[key], err = hex.DecodeString(text); err != nil {
			t.Fatalf("%s: %s: %v", path, key, err)
		}
	}
	return kept
}
