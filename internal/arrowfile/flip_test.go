package arrowfile_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowfile"
)

// flipBytes is how much memory the reading of a small damaged file may take.
const flipBytes = 256 << 20

// allocated returns how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// rowsOf reads a file and touches each of its values. It returns them as text, in
// which a NaN has its bits.
func rowsOf(path string) (columns string, rows []string, err error) {
	in, err := arrowfile.Open(context.Background(), path, nil)
	if err != nil {
		return "", nil, err
	}
	defer in.Close()
	for in.Next() {
		rec := in.Record()
		for i := range int(rec.NumRows()) {
			text := ""
			for _, c := range rec.Columns() {
				text += c.ValueStr(i) + "|"
			}
			rows = append(rows, text)
		}
	}
	names := ""
	for _, f := range in.Schema().Fields() {
		names += fmt.Sprintf("%s %s|", f.Name, f.Type)
	}
	return names, rows, in.Err()
}

// flip changes every step-th byte of a file, once all of its bits and once one of them.
// Each time the file is read as it was, or refused; a file without checksums may be read
// with other values, but with all rows.
func flip(t *testing.T, path string, checksums bool, step int) {
	t.Helper()
	columns, rows, err := rowsOf(path)
	if err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged"+filepath.Ext(path))
	if err := os.WriteFile(damaged, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(damaged, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	set := func(at int, value byte) {
		t.Helper()
		if _, err := file.WriteAt([]byte{value}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	refused, same, other := 0, 0, 0
	for at := 0; at < len(data); at += step {
		for _, mask := range []byte{0xff, 1 << (at % 8)} {
			set(at, data[at]^mask)
			before := allocated()
			gotColumns, got, err := rowsOf(damaged)
			if took := allocated() - before; took > flipBytes {
				t.Errorf("byte %d ^ %#x: it took %d bytes of memory", at, mask, took)
			}
			switch {
			case err != nil:
				refused++
			case gotColumns == columns && equal(got, rows):
				same++
			case len(got) != len(rows):
				t.Errorf("byte %d ^ %#x: %d rows of %d", at, mask, len(got), len(rows))
			case checksums:
				t.Errorf("byte %d ^ %#x: other values", at, mask)
			default:
				other++
			}
		}
		set(at, data[at])
	}
	t.Logf("%d bytes: %d refused, %d read as they were, %d with other values", len(data), refused, same, other)
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// nested is a record of columns within columns, and of a dictionary.
func nested(t *testing.T) arrow.Record {
	t.Helper()
	columns := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "at", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float32, Nullable: true}), Nullable: true},
		{Name: "kind", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	for i := range 20 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		tags, at, kind := b.Field(1).(*array.ListBuilder), b.Field(2).(*array.StructBuilder), b.Field(3).(*array.BinaryDictionaryBuilder)
		if i%5 == 4 {
			tags.AppendNull()
			at.AppendNull()
			kind.AppendNull()
			continue
		}
		tags.Append(true)
		for k := range i % 3 {
			tags.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprint("tag", k))
		}
		at.Append(true)
		at.FieldBuilder(0).(*array.Float32Builder).Append(float32(i) / 3)
		if err := kind.AppendString(string(rune('a' + i%3))); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecord()
	t.Cleanup(rec.Release)
	return rec
}

func TestAnyByteChanged(t *testing.T) {
	flat, deep := batch(t, 0, 40), nested(t)
	for _, name := range []string{"a.parquet", "a.arrow", "a.arrows"} {
		for kind, rec := range map[string]arrow.Record{"flat": flat, "nested": deep} {
			t.Run(kind+" "+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
				w, err := arrowfile.Create(path, rec.Schema())
				if err != nil {
					t.Fatal(err)
				}
				for _, part := range []arrow.Record{rec.NewSlice(0, 10), rec.NewSlice(10, rec.NumRows())} {
					if err := w.Write(part); err != nil {
						t.Fatal(err)
					}
					part.Release()
				}
				if err := w.Commit(); err != nil {
					t.Fatal(err)
				}
				flip(t, path, name == "a.parquet", 1)
			})
		}
	}
}

// flipOthers changes every step-th byte of small files of other writers.
func flipOthers(t *testing.T, step int) {
	t.Helper()
	dir := t.TempDir()
	runPython(t, "small", dir)
	for _, pattern := range []string{filepath.Join(dir, "*.*"), "testdata/spark/*.parquet"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) { flip(t, path, false, step) })
		}
	}
}

func TestSomeBytesOfOtherWritersChanged(t *testing.T) { flipOthers(t, 97) }
