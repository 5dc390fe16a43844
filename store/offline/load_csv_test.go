package offline_test

import (
	"strings"
	"testing"

	"larder/store/offline"
)

func TestTypesOfTexts(t *testing.T) {
	f := func(zone bool, want string, values ...string) {
		t.Helper()
		var rows [][]string
		for _, v := range values {
			rows = append(rows, []string{v})
		}
		rec := texts(t, []string{"x"}, rows...)
		var g offline.TextGuess
		if err := g.Add(t.Context(), readerOf(t, rec)); err != nil {
			t.Fatal(err)
		}
		if got := g.Columns(rec.Schema(), zone).Field(0).Type.String(); got != want {
			t.Errorf("%q: got %s, want %s", values, got, want)
		}
	}
	f(false, "utf8")
	f(false, "utf8", "-", "")
	f(false, "bool", "true", "False", "-", "")
	f(false, "utf8", "true", "1")
	f(false, "int64", "0", "-1", "9223372036854775807")
	f(false, "utf8", "9223372036854775808")
	f(false, "utf8", "007")
	f(false, "utf8", "1", "00")
	f(false, "utf8", "+1")
	f(false, "utf8", "1 ")
	f(false, "utf8", "1,5")
	f(false, "float64", "1", "1.5", "-1e-05", "NaN", "inf", "-Infinity")
	f(false, "utf8", "9007199254740993", "1.5") // a float would be another number
	f(false, "utf8", "1e999")
	f(false, "utf8", "1.")
	f(false, "utf8", "-")
	f(false, "utf8", "--1", "e5", "1e")
	f(false, "date32", "2026-01-31", "1900-01-01")
	f(false, "timestamp[us]", "2026-01-31", "2026-01-31 10:00", "2026-01-31T10:00:00.123456789")
	f(false, "timestamp[us, tz=UTC]", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00+01", "2026-01-31 10:00:00.5 -0530", "2026-01-31T10:00+01:00")
	f(false, "utf8", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00")
	f(true, "timestamp[us, tz=UTC]", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00")
	f(false, "utf8", "2026-01-31T10")
	f(false, "utf8", "2026-01-31X10:00")
	f(false, "utf8", "2026-1-31")
	f(false, "utf8", "2026-01-31T10:00:00 Berlin")
	f(false, "utf8", "2026-01-31T10:00:00+1")
}

// TestTextsFitTheTable: CSV's texts become what the columns of the table are.
func TestTextsFitTheTable(t *testing.T) {
	l := newLoading(t, daily+`; CREATE TYPE mood AS ENUM ('a', 'b');
		CREATE TABLE more (i smallint, d date, j jsonb, u uuid, b bytea, m mood, l integer[], num numeric(5,2), iv interval, ok boolean)`)
	names := []string{"i", "d", "j", "u", "b", "m", "l", "num", "iv", "ok"}
	good := texts(
		t, names,
		[]string{"1.0", "2026-01-31", `{"a": "\t"}`, "6f9619ff-8b86-d011-b42d-00c04fc964ff", "AAE=", "a", "[1,null]", "1.239", "1 day", "True"},
		[]string{"-7", "2026-01-31 00:00:00", "[]", "-", `\xff`, "b", "{2}", "NaN", "-", "f"},
	)
	if err := l.fill("more", offline.LoadOptions{}, true, good); err != nil {
		t.Fatal(err)
	}
	want := `(1,2026-01-31,"{""a"": ""\\t""}",6f9619ff-8b86-d011-b42d-00c04fc964ff,"\\x0001",a,"{1,NULL}",1.24,"1 day",t)` + "\n" +
		`(-7,2026-01-31,[],,"\\xff",b,{2},NaN,,f)`
	if got := l.rows("TABLE more"); got != want {
		t.Errorf("got %s", got)
	}
	f := func(table, column, value, want string) {
		t.Helper()
		var skip []string
		for _, name := range []string{"i", "d", "j", "u", "b", "m", "l", "num", "iv", "ok"} {
			if table == "more" && name != column {
				skip = append(skip, name)
			}
		}
		for _, name := range []string{"at", "naive", "n", "f", "v", "tags"} {
			if table == "daily" && name != column {
				skip = append(skip, name)
			}
		}
		rec := texts(t, []string{"id", column}, []string{"1", value})
		if table == "more" {
			rec = texts(t, []string{column}, []string{value})
		}
		if err := l.fill(table, offline.LoadOptions{Skip: skip}, true, rec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: got %v", column, value, err)
		}
	}
	f("daily", "at", "2026-01-31 10:00", `row 1, column "at": "2026-01-31 10:00" has no time zone`)
	f("daily", "at", "31.1.2026", "is not a time")
	f("daily", "at", "2026-02-30T00:00Z", "out of range")
	f("daily", "naive", "2026-01-31T10:00Z", "has a time zone, and the column has none")
	f("more", "d", "2026-01-31 10:00", "has a time of the day")
	f("more", "i", "1.5", "not a whole number")
	f("more", "i", "40000", "out of range")
	f("more", "i", "x", "invalid input syntax")
	f("more", "j", "{", `row 1, column "j": Postgres says: invalid input syntax for type json`)
	f("more", "b", "%", "neither base64 nor")
	f("more", "l", "[[1]]", "a list within a list")
	f("more", "l", "[1] [2]", "goes on after the list")
	f("more", "l", "[1", "is not a list")
	f("more", "l", "[1.5]", "not a whole number")
	f("more", "m", "c", "invalid input value for enum")
}

// TestTimeZoneOfTexts: the session's zone is the one that was given, with its summer time.
func TestTimeZoneOfTexts(t *testing.T) {
	l := newLoading(t, "CREATE TABLE t (at timestamptz)")
	rec := texts(t, []string{"at"}, []string{"2026-07-01 12:00"}, []string{"2026-01-01"}, []string{"2026-01-01T00:00Z"})
	if err := l.fill("t", offline.LoadOptions{Zone: "Europe/Berlin"}, true, rec); err != nil {
		t.Fatal(err)
	}
	if got := l.rows("SELECT at AT TIME ZONE 'UTC' FROM t"); got != "(\"2026-07-01 10:00:00\")\n(\"2025-12-31 23:00:00\")\n(\"2026-01-01 00:00:00\")" {
		t.Error(got)
	}
}
