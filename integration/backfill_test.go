package integration_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/pgtest"
)

const pastDefinitions = `
entities: [{name: card, join_keys: [{name: card_id, type: int64}]}]
streams:
  - name: payments
    push: {}
    log: {table: payments, create: true}
    event_id: id
    on_duplicate: replace
    timestamp_field: happened
    fields:
      - {name: id, type: string}
      - {name: card_id, type: int64}
      - {name: amount, type: float64}
      - {name: shop, type: string, nullable: true, path: shop.name}
      - {name: happened, type: timestamp, format: epoch_ms, time_zone: Europe/Berlin}
  - name: clicks
    push: {}
    log: {table: clicks, create: true}
    timestamp_field: happened
    fields: [{name: card_id, type: int64}, {name: happened, type: timestamp}]
  - name: orders
    kafka: {brokers: ["127.0.0.1:1"], topic: orders}
    log: {table: orders, create: true}
    timestamp_field: happened
    fields: [{name: card_id, type: int64}, {name: happened, type: timestamp}]
aggregate_views:
  - {name: spending, entities: [card], stream: payments, windows: [lifetime], features: [{name: n, count: "*", default: 0}, {name: spent, sum: amount, default: 0}]}
  - {name: clicking, entities: [card], stream: clicks, windows: [lifetime], features: [{name: n, count: "*", default: 0}]}
feature_services: [{name: s, features: ["spending:*"]}]
`

// A past is a database with tables of the past, and servers.
type past struct {
	*server
	db *pgx.Conn
}

func newPast(t *testing.T) (past, string) {
	t.Helper()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, pastDefinitions))
	return past{s, conn}, db.DSN
}

func (p *past) exec(sql string) {
	p.t.Helper()
	if _, err := p.db.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatal(err)
	}
}

func (p *past) count(sql string) (n int64) {
	p.t.Helper()
	if err := p.db.QueryRow(p.t.Context(), sql).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// says runs larder and checks its exit code, and that its output has some texts.
func (s *server) says(code int, args []string, want ...string) {
	s.t.Helper()
	stdout, stderr, got := s.client(args...)
	for _, w := range want {
		if got != code || !strings.Contains(stdout+stderr, w) {
			s.t.Errorf("larder %q: exit code %d, want %d\n%s%s\nwant %s", args, got, code, stdout, stderr, w)
		}
	}
}

func backfill(stream, query string, more ...string) []string {
	return append([]string{"stream", "backfill", stream, "--query", query}, more...)
}

// TestBackfillOfAQuery: events of a query are in the log once, however often and on
// whatever server it runs, and beside pushed ones.
func TestBackfillOfAQuery(t *testing.T) {
	t.Parallel()
	p, dsn := newPast(t)
	p.exec(`CREATE TABLE old_payments AS SELECT 'p' || i AS id, (i % 100)::int AS card_id, (i % 7)::numeric(10,2) AS amount,
		timestamp '2025-01-01' + i * interval '1 minute' AS happened FROM generate_series(1, 20000) i`)
	other := startServer(t, dsn)
	// The live stream has one of the events already, with a later amount.
	p.says(0, []string{"stream", "backfill", "payments", write(t, "live.ndjson", `{"id": "p7", "card_id": 7, "amount": 1000, "happened": 1735689600000}`)}, "1 event appended")
	query := "SELECT * FROM old_payments -- all of them"
	p.says(0, backfill("payments", query, "--until", "2025-01-07T21:40:01Z"), "10,000 rows read, 9,999 events appended, 1 already there, batch ")
	other.says(0, backfill("payments", query+"\n;"), "20,000 rows read, 10,000 events appended, 10,000 already there, batch ")
	p.says(0, backfill("payments", query, "--json"), `"duplicates": "20000"`, `"done": true`)
	if n, sum := p.count("SELECT count(*) FROM payments"), p.count("SELECT sum(amount)::bigint FROM payments WHERE id = 'p7'"); n != 20_000 || sum != 1000 {
		t.Errorf("the log has %d events, and %d of p7", n, sum)
	}
	if n := p.count("SELECT count(*) FROM payments WHERE happened = '2024-12-31 23:01:00Z'"); n != 1 {
		t.Errorf("a local time of Berlin was read as another one: %d", n)
	}
	for _, s := range []*server{p.server, other} {
		s.says(0, []string{"verify", "spending"}, "spending")
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBackfillRefusesQueries: what is wrong with a query is said before its first row.
func TestBackfillRefusesQueries(t *testing.T) {
	t.Parallel()
	p, _ := newPast(t)
	const good = "'a'::text AS id, 1::bigint AS card_id, 1.5::float8 AS amount, now() - interval '1 day' AS happened"
	f := func(query string, want ...string) {
		t.Helper()
		p.says(1, backfill("payments", query), want...)
	}
	f("SELECT 'a'::text AS id, 1::bigint AS card_id, 'much'::text AS amount, 7::bigint AS happened",
		`column "amount" is text, and the field "amount" is float64: float64 is read from smallint`, "convert it in the query with CAST",
		`column "happened" is bigint, and the field "happened" is timestamp`)
	f("SELECT 1::float8 AS card_id, "+strings.Replace(good, "1::bigint AS card_id, ", "", 1), `column "card_id" is double precision, and the field "card_id" is int64`)
	f("SELECT 'a'::text AS id, 1::bigint AS card_id, now() AS happened", `it has no column "amount", the field of type float64, which is not nullable`)
	f("SELECT "+good+", 1 AS ammount", `the stream has no field "ammount", as a column is named; leave the column out, or rename it with AS; did you mean "amount"?`)
	f("SELECT "+good+", 2.5::float8 AS amount", `two columns are named "amount"; rename one with AS`)
	f("SELECT "+good+" WHERE 1 = $1", "it has the parameter $1")
	f("SELECT nothing", `column "nothing" does not exist`)
	f("SELECT "+good+"; DROP TABLE payments", "multiple commands")
	f("DELETE FROM payments RETURNING *", "syntax error")
	f("WITH gone AS (DELETE FROM payments RETURNING *) SELECT * FROM gone", "must be at the top level")
	f("SELECT "+good+", set_config('transaction_read_only', 'off', true) AS shop, pg_notify('x', 'y')", "the stream has no field")
	f("SELECT "+good+" FROM nowhere", `relation "nowhere" does not exist`)
	f(" ; ", "syntax error")
	p.says(1, backfill("nothing", "SELECT 1"), `no stream "nothing"`)
	p.says(1, backfill("orders", "SELECT 1::bigint AS card_id, now() AS happened"), "has no event_id, and reads kafka", "--until")
	for want, args := range map[string][]string{
		"--query is empty":                  {"--query", ""},
		"give either --query or files":      {"a.csv", "--query", "SELECT 1"},
		"--until goes with --query":         {"a.csv", "--until", "2026-01-01T00:00:00Z"},
		`--until "yesterday" is not a time`: {"--query", "SELECT 1", "--until", "yesterday"},
		"there is nothing to append":        {},
	} {
		p.says(2, append([]string{"stream", "backfill", "payments"}, args...), want)
	}
	if n := p.count("SELECT count(*) FROM payments"); n != 0 {
		t.Errorf("%d events were appended", n)
	}
}

// TestBackfillDeadLetters: rows that can't be events are dead letters, and can be retried
// once the definition is mended; too many of them end the backfill.
func TestBackfillDeadLetters(t *testing.T) {
	t.Parallel()
	p, _ := newPast(t)
	p.exec(`CREATE TABLE old_payments AS SELECT 'p' || i AS id, i::bigint AS card_id, i::numeric AS amount, now() - interval '1 day' AS happened, 'shop "' || i || '"' AS shop
		FROM generate_series(1, 5000) i`)
	p.exec("UPDATE old_payments SET amount = '1e400' WHERE card_id = 10")
	p.exec("UPDATE old_payments SET amount = NULL WHERE card_id = 20")
	p.exec("UPDATE old_payments SET happened = now() + interval '1 minute' WHERE card_id = 30")
	p.exec("UPDATE old_payments SET id = '' WHERE card_id = 40")
	p.exec("UPDATE old_payments SET card_id = NULL WHERE card_id = 50")
	p.exec("UPDATE old_payments SET happened = 'infinity' WHERE card_id = 60")
	p.says(0, backfill("payments", "SELECT * FROM old_payments"), "5,000 rows read, 4,994 events appended, 6 dead letters, batch 1", "larder stream dead payments")
	p.says(0, []string{"stream", "dead", "payments"}, "OUT_OF_RANGE", `field "amount" is null; it is not nullable`, "FUTURE", "BAD_ID", `field "card_id" is null`, "TIME_OUT_OF_RANGE")
	p.apply(definitionsFolder(t, strings.Replace(strings.Replace(pastDefinitions, "{name: amount, type: float64}", "{name: amount, type: float64, nullable: true}", 1),
		"event_id: id", "event_id: id\n    max_ahead: 1h", 1)))
	p.says(0, []string{"stream", "retry", "payments"}, "2 events appended, 0 already there, 4 still dead")
	if n := p.count(`SELECT count(*) FROM payments WHERE id IN ('p20', 'p30') AND shop LIKE 'shop "%"'`); n != 2 {
		t.Errorf("%d of the 2 retried events are in the log as they were", n)
	}
	p.exec("UPDATE old_payments SET amount = '1e400', id = 'q' || card_id WHERE card_id BETWEEN 3001 AND 3020")
	p.says(1, backfill("payments", "SELECT * FROM old_payments"), "more than 0.01 of the last 1000 rows can't be events", "OUT_OF_RANGE: amount=", "Mend the query")
}

// TestBackfillWithoutIDs: without event ids nothing is appended twice, and a backfill goes
// on where it was stopped.
func TestBackfillWithoutIDs(t *testing.T) {
	t.Parallel()
	p, _ := newPast(t)
	p.exec(`CREATE TABLE old_clicks AS SELECT i::int AS card_id, '2025-01-01Z'::timestamptz + i / 3 * interval '1 second' AS happened FROM generate_series(0, 29999) i`)
	const query = "SELECT card_id, happened FROM old_clicks"
	p.says(0, backfill("clicks", query+" WHERE happened >= '2025-01-01 01:00:00Z'"), "19,200 rows read, 19,200 events appended")
	p.says(1, backfill("clicks", query), "clicks", "has no event_id, and its log has events from 2025-01-01T01:00:00Z on", "--until 2025-01-01T01:00:00Z")
	p.says(0, backfill("clicks", query, "--until", "2025-01-01T01:00:00Z"), "10,800 rows read, 10,800 events appended")
	if n := p.count("SELECT count(DISTINCT card_id) FROM clicks"); n != 30_000 || p.count("SELECT count(*) FROM clicks") != n {
		t.Errorf("the log has %d of 30,000 events", n)
	}
	// A failure in the middle: what is in the log ends between two times.
	p.exec("DELETE FROM clicks")
	_, stderr, code := p.client(backfill("clicks", "SELECT CASE WHEN card_id < 20 THEN 1e30 ELSE card_id END AS card_id, happened FROM old_clicks")...)
	_, until, found := strings.Cut(stderr, "go on with --until ")
	if code != 1 || !found || !strings.Contains(stderr, "rows can't be events") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	until, _, _ = strings.Cut(until, " ")
	p.says(0, backfill("clicks", query, "--until", until), "events appended")
	if n := p.count("SELECT count(DISTINCT card_id) FROM clicks"); n != 30_000 || p.count("SELECT count(*) FROM clicks") != n {
		t.Errorf("after a failure the log has %d of 30,000 events, and %d in all", n, p.count("SELECT count(*) FROM clicks"))
	}
}

// TestBackfillIsInterrupted: the backfill ends with its command, and one stream has one at
// a time.
func TestBackfillIsInterrupted(t *testing.T) {
	t.Parallel()
	p, _ := newPast(t)
	query := func(n int) string {
		return fmt.Sprintf("SELECT 'p' || i AS id, i %% 1000 AS card_id, 1.5::real AS amount, now() - i * interval '1 second' AS happened FROM (SELECT generate_series(1, %d::bigint) AS i) AS g", n)
	}
	var stderr strings.Builder
	cmd := exec.Command(larder, append(backfill("payments", query(1_000_000_000)), "--addr", p.grpc)...)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() //nolint:errcheck // it has ended
	for deadline := time.Now().Add(time.Minute); p.count("SELECT seq FROM larder.streams WHERE name = 'payments'") < 4; {
		if time.Now().After(deadline) {
			t.Fatal("there are no 4 batches after a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.says(1, backfill("payments", query(1)), "another backfill of it is running; wait for its end, or stop it")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "interrupted, and the backfill with it; before that, at least: ") {
		t.Errorf("%v: %s", err, stderr.String())
	}
	// The lock is given back a moment later.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		stdout, said, code := p.client(backfill("payments", query(8192))...)
		if code == 0 {
			if !strings.Contains(stdout, "0 events appended, 8,192 already there") {
				t.Error(stdout)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(said)
		}
	}
	p.says(0, []string{"verify", "spending"}, "spending")
}
