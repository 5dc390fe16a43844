package arrowfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"larder/internal/arrowfile"
)

// copyCSV reads a CSV file and writes what was read as CSV.
func copyCSV(t *testing.T, text string, types map[string]arrow.DataType) string {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.csv")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := read(t, in, types)
	w, err := arrowfile.Create(out, all[0].Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(copied)
}

// TestCSVPassesThrough: columns without a type are not changed by a byte.
func TestCSVPassesThrough(t *testing.T) {
	for _, value := range []string{
		"12345678901234567890", "12345678901234567891", "007", "-007", "+4912345678", "1E5", "1.10", "0x1F", "1_000", " 12", "13 ", "True",
		"nan", "NULL", "0.12345678901234567890", "-0", "2026-01-01", `""`, "", `"a,b"`, `"say ""hi"""`, "\"a\r\nb\"", "größe",
	} {
		text := "x,y\n" + value + ",1\n"
		if got := copyCSV(t, text, nil); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestCSVTypes: a column with a type has its values as JSON has them.
func TestCSVTypes(t *testing.T) {
	types := map[string]arrow.DataType{
		"i": arrow.PrimitiveTypes.Int64, "f": arrow.PrimitiveTypes.Float64, "b": arrow.FixedWidthTypes.Boolean, "s": arrow.BinaryTypes.String,
		"at": moments, "raw": arrow.BinaryTypes.Binary, "l": arrow.ListOf(arrow.PrimitiveTypes.Int64), "t": arrow.ListOf(arrow.BinaryTypes.String),
	}
	text := "\ufeffi,f,b,s,at,raw,l,t\r\n" +
		"\"1\",2.5,true,007,2026-01-31 10:00:00+02:00,YWI=,\"[1, 2]\",\"[\"\"a\"\"]\"\r\n" +
		"\r\n" +
		"-9223372036854775808,NaN,false,\"\",2026-01-31T10:00:00.5Z,,[],[]\r\n" +
		"\"\",-Infinity,,,,\"\",,"
	const want = "i,f,b,s,at,raw,l,t\n" +
		"1,2.5,true,007,2026-01-31T08:00:00Z,YWI=,\"[1,2]\",\"[\"\"a\"\"]\"\n" +
		"-9223372036854775808,NaN,false,\"\",2026-01-31T10:00:00.5Z,,[],[]\n" +
		",-Infinity,,,,,,\n"
	if diff := cmp.Diff(want, copyCSV(t, text, types)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refuse := func(column, value, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte("id,"+column+"\n1,"+value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := arrowfile.Open(t.Context(), path, types); err == nil {
			r.Close()
			t.Errorf("%s %q was taken", column, value)
		} else if !strings.Contains(err.Error(), "line 2, column 3: "+want) {
			t.Errorf("%s %q: %v", column, value, err)
		}
	}
	for _, value := range []string{"007", "+1", "1.5", "1e-3", "1e19", " 1", "0x1F", "null", "9223372036854775808", "x"} {
		refuse("i", value, "i: ")
	}
	for _, value := range []string{"inf", "nan", "0x1p2", "1_0", ".5", "null", "1e400"} {
		refuse("f", value, "f: ")
	}
	refuse("b", "True", "b: ")
	refuse("at", "2026-01-31 10:00:00", `at: "2026-01-31T10:00:00" has no time zone`)
	refuse("at", "2026-01-31T10:00:00.1234567Z", "at: ")
	refuse("l", "7", "l: ")
	refuse("other", "gr\xf6\xdfe", "other: ")
}

func TestCSVThatIsRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := arrowfile.Open(t.Context(), path, nil); err == nil {
			r.Close()
			t.Errorf("%q was opened", text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("a,b,a\n1,2,3\n", `two columns "a"`)
	f("a,b\n1,2\n3\n", "line 3: wrong number of fields")
	f("a,b\n1,\"2\n", "line 2, column 3: a quoted field has no end")
	f("a,b\n1,\"2\"3\n", "a quoted field goes on")
	f("a,b\n1,2\"3\"\n", "a quote in a field without quotes")
	f("\xff\xfea\x00", "not UTF-8")
}

// TestColumnsThatAFormatCantHold are refused before anything is written.
func TestColumnsThatAFormatCantHold(t *testing.T) {
	f := func(path string, typ arrow.DataType, holds bool) {
		t.Helper()
		err := arrowfile.CheckColumns(path, arrow.NewSchema([]arrow.Field{{Name: "ok", Type: arrow.BinaryTypes.String}, {Name: "x", Type: typ}}, nil))
		if holds != (err == nil) || err != nil && !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s, %s: %v", path, typ, err)
		}
	}
	nested := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.String})
	f("a.csv", nested, false)
	f("a.csv", arrow.FixedWidthTypes.Duration_us, false)
	f("a.csv", arrow.ListOf(nested), false)
	f("a.csv", arrow.ListOf(arrow.PrimitiveTypes.Float32), true)
	f("a.csv", arrow.BinaryTypes.StringView, true)
	f("a.csv", &arrow.Decimal128Type{Precision: 9, Scale: 2}, true)
	f("a.parquet", nested, true)
	f("a.parquet", arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String), false)
	f("a.arrow", arrow.FixedWidthTypes.Duration_us, true)
}

// TestCSVOfUUIDs: an extension type is written as what it is.
func TestCSVOfUUIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	columns := arrow.NewSchema([]arrow.Field{{
		Name: "id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}, Metadata: arrow.MetadataFrom(map[string]string{"ARROW:extension:name": "arrow.uuid"}),
	}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	b.Field(0).(*array.FixedSizeBinaryBuilder).Append([]byte("0123456789abcdef"))
	w, err := arrowfile.Create(path, columns)
	if err == nil {
		err = errors.Join(w.Write(b.NewRecord()), w.Commit())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "id\n30313233-3435-3637-3839-616263646566\n" {
		t.Errorf("%q", got)
	}
}
