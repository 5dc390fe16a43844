package forget

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/registry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What a statement deletes is what Postgres says, with the oddest of values.
func TestStatementsDeleteTheKeysAndNothingElse(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	keys := []schema.JoinKey{{Name: `te"xt`, Type: schema.String}, {Name: "num", Type: schema.Int64}, {Name: "raw", Type: schema.Bytes}, {Name: "at", Type: schema.Timestamp}, {Name: "yes", Type: schema.Bool}}
	texts := []string{"", "plain", `it's`, `back\slash`, `\'; DROP TABLE odd; --`, `"double"`, "line\nbreak", "é 日本 \U0001F600", `E'x'`, "$$", "%", "x' OR 'a'='a"}
	at := time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)
	for _, standard := range []string{"on", "off"} {
		if _, err := conn.Exec(t.Context(), `DROP TABLE IF EXISTS odd; CREATE TABLE odd ("te""xt" text, num bigint, raw bytea, at timestamptz, yes boolean)`); err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			for _, num := range []int64{-1 << 63, int64(i)} {
				if _, err := conn.Exec(t.Context(), "INSERT INTO odd VALUES ($1, $2, $3, $4, $5)", text, num, []byte(text+"\x00\xff"), at, i%2 == 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := conn.Exec(t.Context(), "SET standard_conforming_strings = "+standard); err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			s := statement(&schema.Source{Name: "odd", Table: "odd"}, keys, [][]any{{text, int64(i), []byte(text + "\x00\xff"), at, i%2 == 0}})
			done, err := conn.Exec(t.Context(), s.SQL)
			if err != nil || done.RowsAffected() != 1 {
				t.Errorf("strings %s, %q: %d rows deleted (%v) by %s", standard, text, done.RowsAffected(), err, s.SQL)
			}
		}
		var left int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM odd WHERE num = $1", int64(-1<<63)).Scan(&left); err != nil || left != len(texts) {
			t.Errorf("%d rows of other keys are left (%v), want %d", left, err, len(texts))
		}
	}
	if s := statement(&schema.Source{Name: "q", Query: "SELECT 1"}, keys, nil); s.SQL != "-- source q is a query; delete the keys from the tables that it reads\n" {
		t.Errorf("of a query: %s", s.SQL)
	}
}

func TestQuotedKeys(t *testing.T) {
	f := func(text string, want bool, key ...any) {
		t.Helper()
		if got := quotedOf(key).in(text); got != want {
			t.Errorf("%q in %q: %t, want %t", key, text, got, want)
		}
		others := []quoted{quotedOf([]any{int64(-7)}), quotedOf([]any{"no such"}), quotedOf([]any{"nothing"})}
		if got := anyOf(append(others, quotedOf(key)))(text); got != want {
			t.Errorf("one of many, %q in %q: %t, want %t", key, text, got, want)
		}
	}
	f("customer_id=42 amount=NaN", true, int64(42))
	f("customer_id=421 amount=142", false, int64(42))
	f("customer_id=42", true, int32(42))
	f("-42", true, int64(-42))
	f(`customer_id="it's \"me\""`, true, `it's "me"`)
	f("customer-20", false, "customer-2")
	f("customer-2", true, "customer-2")
	f("(42, m7)", true, int64(42), "m7")
	f("(42, m77)", false, int64(42), "m7")
	f("x", false, "")
	f("an_underscore", false, "underscore")
	f("été", false, "t")
	f("key "+string(make([]byte, 3))+"abc", true, "abc")
	long := "0123456789012345678901234567890123456789-and-more"
	f("key 0123456789012345678901234567890123456789-an", true, long)
}

func TestDeadLetters(t *testing.T) {
	stream := &schema.Stream{Name: "visits", Fields: []schema.StreamField{{Name: "customer_id", Type: schema.Int64, Path: "who.id"}}}
	m := &deadMatcher{
		stream: stream, fields: []*schema.StreamField{&stream.Fields[0]}, quotes: anyOf([]quoted{quotedOf([]any{int64(42)})}),
		hashed: func(values []any) bool { return values[0] == int64(42) },
	}
	f := func(detail, message string, want bool) {
		t.Helper()
		if got := m.has(deadText(detail, message)); got != want {
			t.Errorf("%q %q: %t, want %t", detail, message, got, want)
		}
	}
	f("", `{"who": {"id": 42}, "n": 7}`, true)
	f("", `{"who": {"id": 7}, "n": 42}`, false)   // read, so other numbers don't count
	f("", `{"who": {"id": "42"}, "n": 7}`, true)  // the wrong type: searched as a text
	f("", `{"who": {"id": 42}, "n": 7`, true)     // cut
	f("", `{"who": {"id": 142}, "n": 7`, false)   // cut, and another number
	f("customer 42 is too old", `not JSON`, true) // the detail quotes it
	f("", ``, false)
	if m.unread != 0 {
		t.Errorf("%d letters of JSON count as unreadable", m.unread)
	}
	stream.Format = &schema.StreamFormat{Type: schema.AvroFormat}
	f("", "\x00\x01\x54", false)
	if m.unread != 1 {
		t.Errorf("%d letters are unreadable, want 1", m.unread)
	}
}

func deadText(detail, message string) *registry.DeadText {
	return &registry.DeadText{Detail: detail, Message: []byte(message), Bytes: int64(len(message))}
}
