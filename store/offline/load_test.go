package offline_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/pgtest"
	"larder/store/offline"
)

// A loading is a database whose tables are filled.
type loading struct {
	t     *testing.T
	db    *pgtest.DB
	store *offline.Store
}

func newLoading(t *testing.T, sql string) *loading {
	t.Helper()
	l := &loading{t: t, db: pgtest.New(t)}
	if _, err := l.db.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	store, err := offline.Open(t.Context(), l.db.DSN, offline.Options{LoadsOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	l.store = store
	return l
}

// fill loads records into a table.
func (l *loading) fill(table string, opts offline.LoadOptions, csv bool, records ...arrow.Record) error {
	l.t.Helper()
	load, err := l.store.Load(l.t.Context(), table, records[0].Schema(), opts)
	if err != nil {
		return err
	}
	defer load.Close()
	if _, err := load.Add(l.t.Context(), "f.parquet", readerOf(l.t, records...), csv, func(int64) {}); err != nil {
		return err
	}
	return load.Commit(l.t.Context())
}

// rows returns what a query says, each row as Postgres writes it.
func (l *loading) rows(query string) string {
	l.t.Helper()
	var text string
	if err := l.db.Pool.QueryRow(l.t.Context(), "SELECT coalesce(string_agg(r::text, E'\n'), '') FROM ("+query+") AS r").Scan(&text); err != nil {
		l.t.Fatal(err)
	}
	return text
}

func readerOf(t *testing.T, records ...arrow.Record) array.RecordReader {
	t.Helper()
	r, err := array.NewRecordReader(records[0].Schema(), records)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record makes a record of columns, NAME TYPE each, from rows in JSON.
func record(t *testing.T, rows string, fields ...arrow.Field) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// texts makes a record of texts, as a CSV file has them: null where the text is "-".
func texts(t *testing.T, names []string, rows ...[]string) arrow.Record {
	t.Helper()
	var fields []arrow.Field
	for _, name := range names {
		fields = append(fields, field(name, arrow.BinaryTypes.String))
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for _, row := range rows {
		for i, value := range row {
			if value == "-" {
				b.Field(i).AppendNull()
				continue
			}
			b.Field(i).(*array.StringBuilder).Append(value)
		}
	}
	return b.NewRecord()
}

// TestLoadKeepsValuesOfEveryType: the type that a new table gets, and how Postgres writes
// the values.
func TestLoadKeepsValuesOfEveryType(t *testing.T) {
	l := newLoading(t, "SELECT")
	number := 0
	f := func(typ arrow.DataType, rows, wantType, want string) {
		t.Helper()
		number++
		table := fmt.Sprintf("types.t%d", number)
		if err := l.fill(table, offline.LoadOptions{}, false, record(t, rows, field("x", typ))); err != nil {
			t.Errorf("%s: %v", typ, err)
			return
		}
		if got := l.rows("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '" + table + "'::regclass AND attnum > 0"); got != "("+wantType+")" && got != `("`+wantType+`")` {
			t.Errorf("%s became %s, want %s", typ, got, wantType)
		}
		if got := l.rows("SELECT x::text FROM " + table); got != want {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
	f(arrow.FixedWidthTypes.Boolean, `[{"x":true},{"x":null}]`, "boolean", "(true)\n()")
	f(arrow.PrimitiveTypes.Int8, `[{"x":-128}]`, "smallint", "(-128)")
	f(arrow.PrimitiveTypes.Int16, `[{"x":-32768}]`, "smallint", "(-32768)")
	f(arrow.PrimitiveTypes.Int32, `[{"x":-2147483648}]`, "integer", "(-2147483648)")
	f(arrow.PrimitiveTypes.Int64, `[{"x":-9223372036854775808}]`, "bigint", "(-9223372036854775808)")
	f(arrow.PrimitiveTypes.Uint8, `[{"x":255}]`, "smallint", "(255)")
	f(arrow.PrimitiveTypes.Uint16, `[{"x":65535}]`, "integer", "(65535)")
	f(arrow.PrimitiveTypes.Uint32, `[{"x":4294967295}]`, "bigint", "(4294967295)")
	f(arrow.PrimitiveTypes.Uint64, `[{"x":"18446744073709551615"}]`, "numeric(20,0)", "(18446744073709551615)")
	f(arrow.FixedWidthTypes.Float16, `[{"x":1.5}]`, "real", "(1.5)")
	f(arrow.PrimitiveTypes.Float32, `[{"x":0.1},{"x":1e-45}]`, "real", "(0.1)\n(1e-45)")
	f(arrow.PrimitiveTypes.Float64, `[{"x":0.1},{"x":5e-324},{"x":-0.0},{"x":"NaN"},{"x":"-Inf"}]`, "double precision", "(0.1)\n(5e-324)\n(-0)\n(NaN)\n(-Infinity)")
	f(&arrow.Decimal128Type{Precision: 10, Scale: 2}, `[{"x":"1.50"},{"x":"-0.05"}]`, "numeric(10,2)", "(1.50)\n(-0.05)")
	f(&arrow.Decimal256Type{Precision: 60, Scale: 0}, `[{"x":"123456789012345678901234567890"}]`, "numeric(60,0)", "(123456789012345678901234567890)")
	f(arrow.BinaryTypes.String, `[{"x":"a\tb\\N\n\r"},{"x":""},{"x":"\\."}]`, "text", "(\"a\tb\\\\N\n\r\")\n(\"\")\n(\"\\\\.\")")
	f(arrow.BinaryTypes.LargeString, `[{"x":"ü"}]`, "text", "(ü)")
	f(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `[{"x":"b"},{"x":null},{"x":"b"}]`, "text", "(b)\n()\n(b)")
	f(arrow.BinaryTypes.Binary, `[{"x":"AP8="}]`, "bytea", `("\\x00ff")`)
	f(&arrow.FixedSizeBinaryType{ByteWidth: 2}, `[{"x":"AP8="}]`, "bytea", `("\\x00ff")`)
	f(arrow.FixedWidthTypes.Date32, `[{"x":"2026-01-31"},{"x":"1900-02-28"}]`, "date", "(2026-01-31)\n(1900-02-28)")
	f(arrow.FixedWidthTypes.Timestamp_us, `[{"x":"2026-01-31T10:00:00.000001Z"},{"x":"1969-12-31T23:59:59.999999Z"}]`, "timestamp with time zone", "(\"2026-01-31 10:00:00.000001+00\")\n(\"1969-12-31 23:59:59.999999+00\")")
	f(&arrow.TimestampType{Unit: arrow.Millisecond}, `[{"x":"2026-01-31 10:00:00.5"}]`, "timestamp without time zone", `("2026-01-31 10:00:00.5")`)
	f(arrow.FixedWidthTypes.Timestamp_ns, `[{"x":"1970-01-01T00:00:00.000001999Z"},{"x":"1969-12-31T23:59:59.999999999Z"}]`, "timestamp with time zone", "(\"1970-01-01 00:00:00.000001+00\")\n(\"1969-12-31 23:59:59.999999+00\")")
	f(arrow.FixedWidthTypes.Time64us, `[{"x":"10:00:00.000005"}]`, "time without time zone", "(10:00:00.000005)")
	f(arrow.Null, `[{"x":null}]`, "text", "()")
	f(arrow.ListOf(arrow.PrimitiveTypes.Int32), `[{"x":[1,null]},{"x":[]},{"x":null}]`, "integer[]", "(\"{1,NULL}\")\n({})\n()")
	f(arrow.ListOf(arrow.BinaryTypes.String), `[{"x":["a\"b\\","{,}","NULL","",null]}]`, "text[]", `("{""a\\""b\\\\"",""{,}"",""NULL"","""",NULL}")`)
	f(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), `[{"x":[0.5,1]},{"x":[2,3]}]`, "real[]", "(\"{0.5,1}\")\n(\"{2,3}\")")
	f(arrow.ListOf(arrow.FixedWidthTypes.Timestamp_s), `[{"x":["2026-01-31T10:00:00Z"]}]`, "timestamp with time zone[]", `("{""2026-01-31 10:00:00+00""}")`)
}

// TestLoadedYears: those before the first and after the ten thousandth.
func TestLoadedYears(t *testing.T) {
	l := newLoading(t, "SELECT")
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"})
	b.AppendValues([]arrow.Timestamp{-62_135_596_800, -62_135_596_801, -62_167_219_201, -210_863_520_000, 253_402_300_800}, nil)
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{field("x", b.Type())}, nil), []arrow.Array{b.NewArray()}, 5)
	if err := l.fill("years", offline.LoadOptions{}, false, rec); err != nil {
		t.Fatal(err)
	}
	want := "(-62135596800)\n(-62135596801)\n(-62167219201)\n(-210863520000)\n(253402300800)"
	if got := l.rows("SELECT extract(epoch FROM x)::bigint FROM years"); got != want {
		t.Errorf("got %s", got)
	}
	b.Append(1 << 60)
	rec = array.NewRecord(rec.Schema(), []arrow.Array{b.NewArray()}, 1)
	if err := l.fill("years", offline.LoadOptions{}, false, rec); err == nil || !strings.Contains(err.Error(), `f.parquet: row 1, column "x": a time of 1152921504606846976 s since 1970 is beyond`) {
		t.Errorf("a time far away: %v", err)
	}
}

func TestLoadRefusesTypesByName(t *testing.T) {
	l := newLoading(t, "SELECT")
	f := func(typ arrow.DataType) {
		t.Helper()
		err := l.fill("new.t", offline.LoadOptions{}, false, record(t, `[{}]`, field("id", arrow.PrimitiveTypes.Int64), field("odd", typ)))
		if err == nil || !strings.Contains(err.Error(), `column "odd" has the type`) || !strings.Contains(err.Error(), "--skip") {
			t.Errorf("%s: %v", typ, err)
		}
	}
	f(arrow.FixedWidthTypes.Duration_s)
	f(arrow.StructOf(field("a", arrow.FixedWidthTypes.Duration_s)))
	f(arrow.ListOf(arrow.ListOf(arrow.FixedWidthTypes.Duration_s)))
	if got := l.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'new'"); got != "" {
		t.Error("the schema of a table that was refused is there")
	}
}

const daily = `CREATE TABLE daily (id bigint NOT NULL, at timestamptz, naive timestamp, n integer, f real, v varchar(3), tags text[],
	loaded_at timestamptz NOT NULL DEFAULT '2026-01-01Z', twice bigint GENERATED ALWAYS AS (id * 2) STORED)`

func TestLoadMatchesColumnsByName(t *testing.T) {
	l := newLoading(t, daily)
	id := field("id", arrow.PrimitiveTypes.Int64)
	skip := offline.LoadOptions{Skip: []string{"at", "naive", "n", "f", "v", "tags"}}
	f := func(opts offline.LoadOptions, want string, fields ...arrow.Field) {
		t.Helper()
		opts.Skip = slices.DeleteFunc(slices.Clone(opts.Skip), func(name string) bool {
			return slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == name })
		})
		err := l.fill("daily", opts, false, record(t, `[]`, fields...))
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got %v, want %s", err, want)
		}
	}
	zoned, naive := arrow.FixedWidthTypes.Timestamp_us, &arrow.TimestampType{Unit: arrow.Microsecond}
	f(skip, "", id)
	f(skip, "", field("n", arrow.PrimitiveTypes.Float64), id)
	f(skip, "", id, field("at", zoned), field("naive", naive), field("tags", arrow.ListOf(arrow.BinaryTypes.String)))
	f(skip, `no column "ID"; did you mean "id"?`, field("ID", arrow.PrimitiveTypes.Int64))
	f(skip, `it has no column "id", which table public.daily has; add it to the file, or give it a default`, field("n", arrow.PrimitiveTypes.Int32))
	f(offline.LoadOptions{}, `it has no column "v", which table public.daily has; add it to the file, give it a default in the table, or leave it out with --skip`, id)
	f(skip, `column "twice" of table public.daily is generated`, id, field("twice", arrow.PrimitiveTypes.Int64))
	f(skip, `column "at" has the type timestamp[us], and in table public.daily it is timestamp with time zone; say in which time zone`, id, field("at", naive))
	f(skip, `column "naive" has the type timestamp[us, tz=UTC], and in table public.daily it is timestamp without time zone; make that column timestamptz`, id, field("naive", zoned))
	f(skip, `column "v" has the type int64, and in table public.daily it is character varying(3); cast`, id, field("v", arrow.PrimitiveTypes.Int64))
	f(skip, `column "n" has the type utf8`, id, field("n", arrow.BinaryTypes.String))
	f(skip, `column "f" has the type int64`, id, field("f", arrow.PrimitiveTypes.Int64)) // a float of 32 bits rounds it
	f(skip, `column "tags" has the type utf8`, id, field("tags", arrow.BinaryTypes.String))
	f(skip, `column "v" has the type list<item: utf8, nullable>`, id, field("v", arrow.ListOf(arrow.BinaryTypes.String)))
	f(skip, `two columns "id"`, id, id)
	f(offline.LoadOptions{Skip: append([]string{"nope"}, skip.Skip...)}, `neither it nor table public.daily has the column "nope"`, id)
	f(offline.LoadOptions{Skip: skip.Skip, Zone: "Europe/Berlin"}, "", id, field("at", naive))
	f(offline.LoadOptions{Zone: "Mars"}, `no time zone "Mars"`, id)
}

func TestLoadNamesTheRowOfABadValue(t *testing.T) {
	l := newLoading(t, daily)
	skip := []string{"at", "naive", "n", "f", "v", "tags"}
	f := func(typ arrow.DataType, column, value, want string) {
		t.Helper()
		opts := offline.LoadOptions{Skip: slices.DeleteFunc(slices.Clone(skip), func(name string) bool { return name == column })}
		rec := record(t, `[{"id":1},{"id":2,"`+column+`":`+value+`}]`, field("id", arrow.PrimitiveTypes.Int64), field(column, typ))
		if err := l.fill("daily", opts, false, rec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if got := l.rows("SELECT id FROM daily"); got != "" {
			t.Errorf("a part was loaded: %s", got)
		}
	}
	f(arrow.PrimitiveTypes.Int64, "n", "2147483648", `f.parquet: row 2, column "n": Postgres says: value "2147483648" is out of range for type integer`)
	f(arrow.PrimitiveTypes.Float64, "n", "1.5", `f.parquet: row 2, column "n": 1.5 is not a whole number`)
	f(arrow.PrimitiveTypes.Float64, "n", `"NaN"`, `f.parquet: row 2, column "n": NaN is not a whole number`)
	f(arrow.PrimitiveTypes.Float64, "f", "1e300", `f.parquet: row 2, column "f": Postgres says: "1e+300" is out of range for type real`)
	f(arrow.BinaryTypes.String, "v", `"abcd"`, `f.parquet: row 2, column "v": Postgres says: value too long`)
	f(arrow.BinaryTypes.String, "v", `"a\u0000"`, `f.parquet: row 2: Postgres says: invalid byte sequence`)
	f(&arrow.Decimal128Type{Precision: 9, Scale: 1}, "n", `"1.5"`, `f.parquet: row 2, column "n": 1.5 is not a whole number`)
}

// TestReplaceIsOneStep: those who read see the old rows until the new ones are there.
func TestReplaceIsOneStep(t *testing.T) {
	l := newLoading(t, "CREATE TABLE t (x bigint); INSERT INTO t VALUES (1), (2)")
	rec := record(t, `[{"x":3}]`, field("x", arrow.PrimitiveTypes.Int64))
	load, err := l.store.Load(t.Context(), "t", rec.Schema(), offline.LoadOptions{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()
	if _, err := load.Add(t.Context(), "f", readerOf(t, rec), false, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if got := l.rows("TABLE t"); got != "(1)\n(2)" {
		t.Errorf("before: %s", got)
	}
	if err := load.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.rows("TABLE t"); got != "(3)" {
		t.Errorf("after: %s", got)
	}
}

// TestStoppedLoadLeavesNothing: no rows, no table, no schema.
func TestStoppedLoadLeavesNothing(t *testing.T) {
	l := newLoading(t, "SELECT")
	rec := record(t, `[`+strings.Repeat(`{"x":1},`, 9999)+`{"x":1}]`, field("x", arrow.PrimitiveTypes.Int64))
	ctx, cancel := context.WithCancelCause(t.Context())
	load, err := l.store.Load(ctx, "new.t", rec.Schema(), offline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	records := slices.Repeat([]arrow.Record{rec}, 100)
	_, err = load.Add(ctx, "f", readerOf(t, records...), false, func(rows int64) {
		if rows > 100_000 {
			cancel(stopped)
		}
	})
	if !errors.Is(err, stopped) {
		t.Fatalf("got %v", err)
	}
	load.Close()
	if got := l.rows("SELECT nspname FROM pg_namespace WHERE nspname = 'new'"); got != "" {
		t.Errorf("there is %s", got)
	}
}

func TestLoadTakesTablesOnly(t *testing.T) {
	l := newLoading(t, `CREATE VIEW v AS SELECT 1 AS x; CREATE SCHEMA "S p"`)
	rec := record(t, `[{"x":1}]`, field("x", arrow.PrimitiveTypes.Int64))
	f := func(table, want string) {
		t.Helper()
		if err := l.fill(table, offline.LoadOptions{}, false, rec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", table, err)
		}
	}
	f("v", "public.v is not a table but a view")
	f("larder.runs", "the schema larder has Larder's own tables")
	f("", `"" is not the name of a table`)
	f("a.b.c", `"a.b.c" is not the name of a table`)
	f(`"a"`, "without quotes")
	f(".a", "is not the name")
	f("a.", "is not the name")
	f(strings.Repeat("a", 64), "too long")
	if err := l.fill("S p.T; DROP", offline.LoadOptions{}, false, rec); err != nil {
		t.Error(err)
	}
	if got := l.rows(`TABLE "S p"."T; DROP"`); got != "(1)" {
		t.Error(got)
	}
}

func FuzzCopyEscapes(f *testing.F) {
	f.Add([]byte("a\tb\\N\n\r"), 0)
	f.Add([]byte("\\\\."), 1)
	f.Fuzz(func(t *testing.T, value []byte, start int) {
		start = max(0, min(start, len(value)))
		escaped := offline.EscapeCopy(bytes.Clone(value), start)
		if !bytes.HasPrefix(escaped, value[:start]) {
			t.Fatal("what came before is changed")
		}
		if bytes.ContainsAny(escaped[start:], "\t\n\r") {
			t.Fatalf("%q would end the column", escaped)
		}
		var back []byte
		for i := start; i < len(escaped); i++ {
			if escaped[i] != '\\' {
				back = append(back, escaped[i])
				continue
			}
			i++
			back = append(back, map[byte]byte{'\\': '\\', 't': '\t', 'n': '\n', 'r': '\r'}[escaped[i]])
		}
		if !bytes.Equal(back, value[start:]) {
			t.Fatalf("%q came back as %q", value[start:], back)
		}
	})
}

// TestLoadsOfOneNewTable: each of several that begin at once finds the table of the first.
func TestLoadsOfOneNewTable(t *testing.T) {
	l := newLoading(t, "SELECT")
	rec := record(t, `[{"x":1}]`, field("x", arrow.PrimitiveTypes.Int64))
	ended := make(chan error)
	for range 3 {
		go func() {
			load, err := l.store.Load(t.Context(), "t", rec.Schema(), offline.LoadOptions{})
			if err == nil {
				_, err = load.Add(t.Context(), "f", readerOf(t, rec), false, func(int64) {})
				if err == nil {
					err = load.Commit(t.Context())
				}
				load.Close()
			}
			ended <- err
		}()
	}
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if got := l.rows("SELECT count(*) FROM t"); got != "(3)" {
		t.Error(got)
	}
}

// TestLoadFillsVectors: lists of numbers as pgvector writes them.
func TestLoadFillsVectors(t *testing.T) {
	x := pgvector(t)
	l := newLoading(t, x.create+"CREATE TABLE t (x vector)")
	rec := record(t, `[{"x":[0.5,1e-3]},{"x":null}]`, field("x", arrow.ListOf(arrow.PrimitiveTypes.Float32)))
	if err := l.fill("t", offline.LoadOptions{}, false, rec); err != nil {
		t.Fatal(err)
	}
	want := "[0.5,0.001]"
	if !x.real { // the stand-in keeps the text as bytes
		want = "[0.5,0.0010000000474974513]"
	}
	got := l.rows("SELECT x::text FROM t")
	if !x.real {
		raw, err := hex.DecodeString(strings.Trim(got[:strings.Index(got, "\n")], `()"\x`))
		if err != nil {
			t.Fatal(err)
		}
		got = "(\"" + string(raw) + "\")\n()"
	}
	if got != "(\""+want+"\")\n()" {
		t.Errorf("got %s", got)
	}
	if err := l.fill("t", offline.LoadOptions{}, true, texts(t, []string{"x"}, []string{"[1,2]"})); err != nil {
		t.Error(err)
	}
}
