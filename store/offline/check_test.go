package offline_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
	"larder/store/offline"
)

// TestCheckTellsWhatWouldFit reads the messages that a person gets who applies
// definitions that don't fit their source.
func TestCheckTellsWhatWouldFit(t *testing.T) {
	w := newWorld(t, `CREATE TABLE daily (id bigint, big bigint, at timestamptz, naive timestamp, day date, loaded timestamptz, txt text, n numeric, f real, xs int[], price money, gone boolean);
		CREATE TABLE monthly (id bigint); CREATE SCHEMA nowhere; CREATE TABLE nowhere.daily (id bigint);
		CREATE SCHEMA IF NOT EXISTS larder; CREATE TABLE IF NOT EXISTS larder.versions (version bigint)`, schema.Source{Table: "daily", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Float64})
	f := func(source schema.Source, keys []schema.JoinKey, want string, features ...schema.Feature) {
		t.Helper()
		_, err := w.store.Check(t.Context(), view(t, source, keys, features...))
		if want == "" {
			if err != nil {
				t.Errorf("refused: %v", err)
			}
			return
		}
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid {
			t.Fatalf("got %v, want an Invalid error", err)
		}
		if said.Message != want {
			t.Errorf("got:\n%s\nwant:\n%s", said.Message, want)
		}
	}
	daily := schema.Source{Table: "daily", TimestampField: "at"}
	n := schema.Feature{Name: "n", Type: schema.Float64}

	f(daily, idKey, "", n)
	f(schema.Source{Query: "SELECT * FROM daily;\n", TimestampField: "day", TimeZone: "Asia/Tokyo", CreatedTimestampColumn: "naive", DeletedColumn: "gone"}, idKey, "", n)

	f(schema.Source{Table: "dayly", TimestampField: "at"}, idKey, `source "s": no table dayly; did you mean "daily"?`, n)
	f(schema.Source{Table: "nowhere.dail", TimestampField: "at"}, idKey, `source "s": no table nowhere.dail; did you mean "nowhere.daily"?`, n)
	f(schema.Source{Table: "versions", TimestampField: "at"}, idKey, `source "s": no table versions; use daily, monthly or nowhere.daily`, n)
	f(schema.Source{Query: "SELEC 1", TimestampField: "at"}, idKey, `source "s": Postgres says: syntax error at or near "SELEC"`, n)
	f(schema.Source{Query: "SELECT id, at, nn FROM daily", TimestampField: "at"}, idKey,
		`source "s": Postgres says: column "nn" does not exist (Perhaps you meant to reference the column "daily.n".)`, n)
	f(schema.Source{Query: "SELECT id, n, at, id FROM daily", TimestampField: "at"}, idKey,
		`feature view "v": source "s": two columns are named "id"; rename one with AS`, n)
	f(schema.Source{Query: "SELECT id, n, at FROM daily WHERE n > $1", TimestampField: "at"}, idKey,
		`feature view "v": source "s": its query has the parameter $1, and Larder passes it no values; write the value into the query`, n)
	f(daily, idKey, `feature view "v": source "s": column "big", the feature, is bigint and can't be read as float32: float32 is read from smallint, integer, numeric, real, double precision; bigint can be declared as int32, int64, float64`,
		schema.Feature{Name: "big", Type: schema.Float32})
	f(schema.Source{Query: "DELETE FROM daily RETURNING *", TimestampField: "at"}, idKey, `source "s": Postgres says: syntax error at or near "FROM"`, n)

	f(schema.Source{Table: "daily", TimestampField: "att", CreatedTimestampColumn: "lodead", DeletedColumn: "n"}, []schema.JoinKey{{Name: "f", Type: schema.Int64}, {Name: "txt", Type: schema.Int32}},
		`feature view "v": source "s": column "f", the join key, is real and can't be read as int64: int64 is read from smallint, integer, bigint, numeric
feature view "v": source "s": column "txt", the join key, is text and can't be read as int32: int32 is read from smallint, integer, bigint, numeric; text can be declared as string
feature view "v": source "s": no column "att", the timestamp_field; did you mean "at"?
feature view "v": source "s": no column "lodead", the created_timestamp_column; did you mean "loaded"?
feature view "v": source "s": column "n", the deleted_column, is numeric and can't be read as bool: bool is read from boolean; numeric can be declared as int32, int64, float32, float64
feature view "v": source "s": column "xs", the feature, is integer[] and can't be read as int64: int64 is read from smallint, integer, bigint, numeric, real, double precision; integer[] can be declared as list<int32>, list<int64>, list<float32>, list<float64>
feature view "v": source "s": column "price", the feature, is money and can't be read as float64: float64 is read from smallint, integer, bigint, numeric, real, double precision`,
		schema.Feature{Name: "xs", Type: schema.Int64}, schema.Feature{Name: "price", Type: schema.Float64})
	f(schema.Source{Table: "daily", TimestampField: "naive"}, idKey,
		`feature view "v": source "s": column "naive", the timestamp_field, is timestamp without time zone, which has no time zone; declare the source's time_zone, as in time_zone: UTC
feature view "v": source "s": column "day", the feature, is date, which has no time zone; declare the source's time_zone, as in time_zone: UTC`,
		schema.Feature{Name: "day", Type: schema.Timestamp})
}

// TestEventTimeFromTheClock: a source that dates its rows with the clock can be read,
// and a note says why it should not be.
func TestEventTimeFromTheClock(t *testing.T) {
	w := newWorld(t, `CREATE TABLE daily (id bigint, at timestamptz, n numeric); CREATE VIEW fresh AS SELECT id, clock_timestamp() AS at, n FROM daily`,
		schema.Source{Table: "daily", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Float64})
	f := func(source schema.Source, want string) {
		t.Helper()
		source.TimeZone = "UTC"
		notes, err := w.store.Check(t.Context(), view(t, source, idKey, schema.Feature{Name: "n", Type: schema.Float64}))
		switch {
		case err != nil:
			t.Error(err)
		case want == "" && len(notes) > 0, want != "" && (len(notes) != 1 || !strings.Contains(notes[0], want)):
			t.Errorf("%v %v: got %q, want %q", source.Table, source.Query, notes, want)
		}
	}
	f(schema.Source{Table: "daily", TimestampField: "at"}, "")
	f(schema.Source{Table: "fresh", TimestampField: "at"}, "clock_timestamp()")
	f(schema.Source{Query: "SELECT id, n, now() AS at FROM daily", TimestampField: "at"}, "now()")
	f(schema.Source{Query: "SELECT id, n, CURRENT_DATE - 1 AS at FROM daily", TimestampField: "at"}, "CURRENT_DATE")
	f(schema.Source{Query: "SELECT id, n, at FROM daily WHERE at < now()", TimestampField: "at"}, "")
}

// TestForbiddenTable reads a table through a view whose owner may not.
func TestForbiddenTable(t *testing.T) {
	w := newWorld(t, `CREATE TABLE secret (id bigint, at timestamptz, n int); CREATE VIEW guarded AS SELECT * FROM secret;
		ALTER VIEW guarded OWNER TO pg_monitor`,
		schema.Source{Table: "guarded", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Int64})
	_, err := w.store.Check(t.Context(), w.view)
	var said *schema.Error
	want := `source "s": permission denied for table secret; grant SELECT on it, and USAGE on its schema, to the role of sources`
	if !errors.As(err, &said) || said.Kind != schema.FailedPrecondition || said.Message != want {
		t.Fatalf("got %v", err)
	}
}

// TestPostgresDown opens a store of a Postgres that isn't there.
func TestPostgresDown(t *testing.T) {
	store, err := offline.Open(t.Context(), "host=127.0.0.1 port=1 user=u password=hush dbname=d sslmode=disable", offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	v := view(t, schema.Source{Table: "t", TimestampField: "at"}, idKey, schema.Feature{Name: "n", Type: schema.Int64})
	err = store.Window(context.Background(), v, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
	var said *schema.Error
	if !errors.As(err, &said) || said.Kind != schema.Unavailable || said.Message != `source "s": Postgres can't be reached; check that it runs and that the address is right` {
		t.Fatalf("got %v", err)
	}

	_, err = offline.Open(t.Context(), "postgres://u:hush@:x/", offline.Options{})
	if !errors.As(err, &said) || said.Kind != schema.Invalid || said.Reason != "BAD_DSN" {
		t.Fatalf("got %v", err)
	}
}
