package arrowfile_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowfile"
	"larder/internal/arrowfile/parquetfile"
)

var moments = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// batch has rows of every type that a training set has, from row first on.
func batch(t *testing.T, first, rows int) arrow.Record {
	t.Helper()
	columns := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "yes", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "at", Type: moments, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	t.Cleanup(b.Release)
	for i := first; i < first+rows; i++ {
		if i%7 == 3 {
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(int64(i) << 40)
		if i%11 == 5 {
			b.Field(1).(*array.Float64Builder).Append(math.Float64frombits(0x7ff8_0000_0000_0000 + uint64(i)))
		} else {
			b.Field(1).(*array.Float64Builder).Append(float64(i) / 3)
		}
		b.Field(2).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(3).(*array.StringBuilder).Append(strings.Repeat("größe, \"\n", i%3+1))
		b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(1_700_000_000_123_456 + i))
	}
	rec := b.NewRecord()
	t.Cleanup(rec.Release)
	return rec
}

// TestRoundTrip: what is written in batches is read back, in every format.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"a.parquet", "a.pq", "a.arrow", "a.feather", "a.ipc", "a.arrows", "a.csv", "A.CSV"} {
		path := filepath.Join(t.TempDir(), name)
		want := []arrow.Record{batch(t, 0, 3000), batch(t, 3000, 9000)}
		w, err := arrowfile.Create(path, want[0].Schema())
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range want {
			if err := w.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there before it is whole: %v", name, err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		got := read(t, path, map[string]arrow.DataType{
			"n": arrow.PrimitiveTypes.Int64, "x": arrow.PrimitiveTypes.Float64, "yes": arrow.FixedWidthTypes.Boolean, "at": moments,
		})
		all := batch(t, 0, 12000)
		first := int64(0)
		for _, rec := range got {
			part := all.NewSlice(first, first+rec.NumRows())
			for i, c := range part.Columns() {
				if rec.ColumnName(i) != part.ColumnName(i) || !sameBits(c, rec.Column(i), name) {
					t.Errorf("%s: column %s differs in the rows from %d on", name, rec.ColumnName(i), first)
				}
			}
			first += rec.NumRows()
		}
		if first != 12000 {
			t.Errorf("%s: %d rows", name, first)
		}
	}
}

// sameBits compares columns, doubles by their bits; CSV has one NaN only.
func sameBits(a, b arrow.Array, name string) bool {
	x, isDouble := a.(*array.Float64)
	if !isDouble {
		return array.Equal(a, b)
	}
	y, isDouble := b.(*array.Float64)
	if !isDouble || x.Len() != y.Len() {
		return false
	}
	for i := range x.Len() {
		switch v, w := x.Value(i), y.Value(i); {
		case x.IsNull(i) != y.IsNull(i):
			return false
		case x.IsNull(i), strings.HasSuffix(strings.ToLower(name), ".csv") && v != v && w != w:
		case math.Float64bits(v) != math.Float64bits(w):
			return false
		}
	}
	return true
}

func read(t *testing.T, path string, types map[string]arrow.DataType) []arrow.Record {
	t.Helper()
	r, err := arrowfile.Open(t.Context(), path, types)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []arrow.Record
	rows := int64(0)
	for r.Next() {
		rec := r.Record()
		rec.Retain()
		t.Cleanup(rec.Release)
		all, rows = append(all, rec), rows+rec.NumRows()
	}
	if err := r.Err(); err != nil || r.Rows != -1 && r.Rows != rows {
		t.Errorf("%s: %d rows, said to have %d: %v", path, rows, r.Rows, err)
	}
	return all
}

// TestEmbeddings: lists of a fixed size, as other programs write embeddings. In Parquet
// they can't be null.
func TestEmbeddings(t *testing.T) {
	columns := arrow.NewSchema([]arrow.Field{{Name: "e", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true}}, nil)
	f := func(path, text, want string) {
		t.Helper()
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, columns, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer rec.Release()
		path = filepath.Join(t.TempDir(), path)
		w, err := arrowfile.Create(path, columns)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		err = w.Write(rec)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			return
		}
		if err != nil || w.Commit() != nil {
			t.Fatal(err)
		}
		if got := read(t, path, nil); len(got) != 1 || !array.Equal(got[0].Column(0), rec.Column(0)) {
			t.Errorf("%s: read %v", path, got)
		}
	}
	const whole, holed = `[{"e": [1, 2]}, {"e": [3, 4]}]`, `[{"e": [1, 2]}, {"e": null}]`
	f("a.parquet", whole, "")
	f("a.arrow", whole, "")
	f("a.arrow", holed, "")
	f("a.parquet", holed, `column "e" has nulls, which Parquet is not written with in a fixed_size_list<item: float32, nullable>[2]; cast it to a list, or write .arrow`)
}

// TestAbandonedFile: nothing is left of a file that was not committed, and one
// that was there stays.
func TestAbandonedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.parquet")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := arrowfile.Create(path, batch(t, 0, 1).Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(batch(t, 0, 100)), w.Close()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	if old, err := os.ReadFile(path); err != nil || string(old) != "old" {
		t.Errorf("%q %v", old, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	types := map[string]arrow.DataType{"at": moments, "n": arrow.PrimitiveTypes.Int64}
	f := func(name, text, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := arrowfile.Open(t.Context(), path, types); err == nil {
			r.Close()
			t.Errorf("%s was opened", name)
		} else if got := strings.ReplaceAll(err.Error(), path, "FILE"); !strings.Contains(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("a.txt", "", "FILE has an unknown file extension; use .parquet, .arrow, .arrows or .csv")
	f("a.csv", "", "read FILE: it is empty; its first line names the columns")
	f("a.csv", "n,at\n1\n", "wrong number of fields")
	f("a.csv", "n,at\n1,2026-01-31T10:00:00Z\nx,\n", `read FILE: line 3, column 1: n: "x" is not a value of type int64; write a whole number, as in 7`)
	f("a.csv", "n,at\n1,2026-01-31T10:00:00\n", "has no time zone")
	f("a.csv", "n,at\n1,yesterday\n", `"yesterday" is not a time; write it as 2026-01-31T10:00:00Z`)
	f("a.parquet", "not at all", "read FILE: ")
	f("a.arrow", "not at all", "read FILE: ")
	f("a.arrows", "not at all", "read FILE: ")
	if _, err := arrowfile.Open(t.Context(), filepath.Join(t.TempDir(), "none.csv"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that isn't there: %v", err)
	}
}

// TestCutShort: a file that ends early is refused, wherever it ends.
func TestCutShort(t *testing.T) {
	for _, name := range []string{"a.parquet", "a.arrow", "a.arrows"} {
		path := filepath.Join(t.TempDir(), name)
		rec := batch(t, 0, 30)
		w, err := arrowfile.Create(path, rec.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, rows, err := rowsOf(path); err != nil || len(rows) != 60 {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for size := range data {
			if err := os.WriteFile(path, data[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, rows, err := rowsOf(path); err == nil {
				t.Fatalf("%s: %d of %d bytes are read as %d rows", name, size, len(data), len(rows))
			}
		}
		if err := os.WriteFile(path, append(data, 0), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := rowsOf(path); err == nil {
			t.Errorf("%s: a byte after its end is not noticed", name)
		}
	}
}

// TestWideRowGroups: a row group of Parquet, which is in memory while it is written, has
// fewer rows where values are wide.
func TestWideRowGroups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	columns := arrow.NewSchema([]arrow.Field{{Name: "raw", Type: arrow.BinaryTypes.Binary}}, nil)
	w, err := arrowfile.Create(path, columns)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	random := rand.NewChaCha8([32]byte{})
	for range 10 {
		raw := make([]byte, 1<<20)
		for range 9 {
			_, _ = random.Read(raw) // never fails
			b.Field(0).(*array.BinaryBuilder).Append(raw)
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	in, err := parquetfile.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if in.Groups() != 2 || in.Rows != 90 {
		t.Errorf("%d rows in %d row groups", in.Rows, in.Groups())
	}
}
