package parquetfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// write writes a file of two row groups of 10 rows.
func write(t *testing.T) []byte {
	t.Helper()
	columns := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	for i := range 10 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append("same")
	}
	rec := b.NewRecord()
	defer rec.Release()
	var out bytes.Buffer
	w, err := NewWriter(&out, columns, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// readAll reads a file and returns its rows and why it can't be read.
func readAll(data []byte) (rows int64, err error) {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	r, err := f.Read(context.Background(), nil, nil)
	if err != nil {
		return 0, err
	}
	for r.Next() {
		rows += r.Record().NumRows()
	}
	return rows, r.Err()
}

// changed returns a file with another footer, and its checksum.
func changed(t *testing.T, data []byte, change func(*metadata.FileMetaData)) []byte {
	t.Helper()
	at := len(data) - trailer
	begin := at - int(binary.LittleEndian.Uint32(data[at:]))
	meta, err := metadata.NewFileMetaData(data[begin:at], nil)
	if err != nil {
		t.Fatal(err)
	}
	change(meta)
	footer, err := meta.Serialize(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copy(footerSum(footer), "00000000")
	if err := signFooter(footer); err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(data[:begin]), footer...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), magic...)
}

// TestCountsDisagree: what a footer says twice must be the same, and the pages must
// have what it says.
func TestCountsDisagree(t *testing.T) {
	data := write(t)
	if rows, err := readAll(changed(t, data, func(*metadata.FileMetaData) {})); rows != 20 || err != nil {
		t.Fatalf("%d rows, %v", rows, err)
	}
	f := func(want string, change func(m *metadata.FileMetaData)) {
		t.Helper()
		if rows, err := readAll(changed(t, data, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d rows, %v; want %q", rows, err, want)
		}
	}
	f("its row groups have 20 rows together, and the file should have 21", func(m *metadata.FileMetaData) { m.NumRows++ })
	f("its row groups have 10 rows together", func(m *metadata.FileMetaData) { m.RowGroups = m.RowGroups[:1] })
	f(`row group 1, column "id" (RLE_DICTIONARY, PLAIN, RLE): it has 9 values, and its row group 10 rows`, func(m *metadata.FileMetaData) { m.RowGroups[1].Columns[0].MetaData.NumValues-- })
	f(`row group 0, column "id" (RLE_DICTIONARY, PLAIN, RLE): its pages have 10 values, and the footer says 11`, func(m *metadata.FileMetaData) {
		m.NumRows++
		m.RowGroups[0].NumRows++
		for _, c := range m.RowGroups[0].Columns {
			c.MetaData.NumValues++
		}
	})
	f(`row group 1 has 1 columns, and the schema 2`, func(m *metadata.FileMetaData) { m.RowGroups[1].Columns = m.RowGroups[1].Columns[:1] })
	f(`are not in the file`, func(m *metadata.FileMetaData) { m.RowGroups[1].Columns[1].MetaData.TotalCompressedSize += 1 << 20 })
	f(`which the footer doesn't name`, func(m *metadata.FileMetaData) {
		m.RowGroups[0].Columns[0].MetaData.Encodings = m.RowGroups[0].Columns[1].MetaData.Encodings[:0]
	})
	f(`its compression LZO can't be read; write it with zstd`, func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.Codec = 3 })
	f(`its compression LZ4 can't be read; write it with zstd`, func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.Codec = 5 })
	f(`its header can't be read`, func(m *metadata.FileMetaData) { *m.RowGroups[0].Columns[0].MetaData.DictionaryPageOffset++ })
	f(`its pages hold`, func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.TotalUncompressedSize = 1 })
}

// TestColumnsOfSomeGroups: only what is asked for is read and checked.
func TestColumnsOfSomeGroups(t *testing.T) {
	data := changed(t, write(t), func(m *metadata.FileMetaData) { m.RowGroups[0].Columns[1].MetaData.TotalUncompressedSize = 1 })
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(t.Context(), []string{"nothing"}, nil); err == nil {
		t.Error("none of the columns is there, and nothing says so")
	}
	for _, groups := range [][]int{nil, {1}, {}} {
		r, err := f.Read(t.Context(), []string{"id"}, groups)
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		for r.Next() {
			rows += r.Record().NumRows()
		}
		want := map[int]int64{0: 0, 1: 10}[len(groups)]
		if groups == nil {
			want = 20
		}
		if rows != want || r.Err() != nil || r.Schema().NumFields() != 1 {
			t.Errorf("groups %v: %d rows of %s, %v", groups, rows, r.Schema(), r.Err())
		}
	}
	if least, greatest, known := f.Int64Range(1, "id"); least != 0 || greatest != 9 || !known {
		t.Errorf("ids from %d to %d, %v", least, greatest, known)
	}
}
