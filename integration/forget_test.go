package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// The customer of these tests who is forgotten. planted is in the key and in what is known
// of the customer.
const (
	planted  = "PLANTED-5f3a"
	person   = planted + ` 'o"d\d;--é`
	neighbor = "customer-2"
)

// A forgetful is servers with a customer to forget.
type forgetful struct {
	t       *testing.T
	cluster ownPostgres
	conn    *pgx.Conn
	folder  string // of definitions
	servers []*server
	logs    []string // of each, the folder of its feature log
}

// An ownPostgres is one whose files a test may read.
type ownPostgres interface {
	DSN() string
	Dir() string
}

const forgetfulDefinitions = `
entities:
  - {name: customer, join_keys: [{name: customer_id, type: string}]}
  - {name: shop, join_keys: [{name: shop_id, type: int64}]}
  - {name: member, join_keys: [{name: customer_id, type: string}, {name: shop_id, type: int64}]}
sources:
  - {name: spend, table: public.spend, timestamp_field: at, created_timestamp_column: loaded, forget: true}
  - {name: at_shop, table: public.at_shop, timestamp_field: at}
streams:
  - name: visits
    push: {}
    log: {table: public.visits, create: true, retention: 30d}
    timestamp_field: at
    fields: [{name: customer_id, type: string}, {name: shop_id, type: int64}, {name: one, type: float64}, {name: note, type: string}, {name: at, type: timestamp}]
feature_views:
  - {name: spend, entities: [customer], source: spend, features: [{name: amount, type: float64}, {name: secret, type: string}]}
  - {name: at_shop, entities: [shop, customer], source: at_shop, features: [{name: times, type: float64}]}
  - {name: last_visit, entities: [customer], stream: visits, features: [{name: note, type: string}]}
aggregate_views:
  - {name: visited, entities: [customer], stream: visits, windows: [10d], features: [{name: visits, sum: one, default: 0}, {name: newest, last: note}]}
  - {name: visitors, entities: [shop], stream: visits, windows: [10d], features: [{name: all, sum: one, default: 0}, {name: guest, last: note}, {name: guests, distinct: customer_id}]}
feature_services:
  - {name: all, features: ["spend:*", "at_shop:*", "last_visit:*", "visited:*", "visitors:*"]}
  - {name: amount, features: ["spend:amount"]}
models:
  - {name: spend, feature_service: amount, log: {rate: 1}, versions: [{version: 1, onnx: spend-1.onnx}]}
`

func newForgetful(t *testing.T, servers int) *forgetful {
	t.Helper()
	f := &forgetful{t: t, cluster: pgtest.Cluster(t), folder: definitionsFolder(t, forgetfulDefinitions)}
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amount", Elem: onnxmodel.Double}}, 1).Model()
	if err := os.WriteFile(filepath.Join(f.folder, "spend-1.onnx"), model.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.conn, err = pgx.Connect(t.Context(), f.cluster.DSN()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.conn.Close(context.Background()) })
	f.exec("SET search_path = public") // the user's name is that of Larder's schema
	f.exec(`CREATE TABLE spend (customer_id text, at timestamptz, loaded timestamptz, amount float8, secret text);
		CREATE TABLE at_shop (customer_id text, shop_id bigint, at timestamptz, times float8);
		GRANT DELETE ON spend TO PUBLIC`)
	f.exec("INSERT INTO spend SELECT c, now() - interval '1 hour', now() - interval '1 hour', 1, 'secret of ' || c FROM unnest($1::text[]) AS c", []string{person, neighbor})
	f.exec("INSERT INTO at_shop SELECT c, s, now() - interval '1 hour', s FROM unnest($1::text[]) AS c, generate_series(1, 3) AS s", []string{person, neighbor})
	for range servers {
		log := t.TempDir()
		f.logs = append(f.logs, log)
		f.servers = append(f.servers, startServerIn(t, t.TempDir(), "--postgres", f.cluster.DSN(), "--source-postgres", pgtest.Sources(f.t, f.cluster.DSN()), "--feature-log", log, "--feature-log-table", "--name", fmt.Sprint("server-", len(f.servers)+1)))
		if len(f.servers) == 1 {
			f.servers[0].apply(f.folder)
		}
	}
	for _, customer := range []string{person, person, neighbor} {
		f.visit(customer, time.Now())
	}
	for _, s := range f.servers {
		eventually(t, "server that serves the definitions", func() bool { return s.catalogVersion() == 1 })
		s.mustMaterialize()
		eventually(t, "server that counts visits", func() bool {
			return f.features(s, person)["visited:visits_10d"] == "2"
		})
		f.score(s, person)
		f.score(s, neighbor)
	}
	return f
}

func (f *forgetful) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.conn.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *forgetful) count(sql string, args ...any) (n int) {
	f.t.Helper()
	if err := f.conn.QueryRow(f.t.Context(), sql, args...).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// visit pushes an event.
func (f *forgetful) visit(customer string, at time.Time) {
	f.t.Helper()
	raw, err := json.Marshal(map[string]any{"customer_id": customer, "shop_id": 1, "one": 1, "note": "note on " + customer, "at": at.UTC().Format(time.RFC3339Nano)})
	if err != nil {
		f.t.Fatal(err)
	}
	req := &larderv1.PushEventsRequest{Stream: "visits", IdempotencyKey: fmt.Sprint(at.UnixNano(), " ", customer), Events: &larderv1.PushEventsRequest_Json{Json: raw}}
	if _, err := larderv1.NewStreamServiceClient(f.servers[0].conn).PushEvents(f.t.Context(), req); err != nil {
		f.t.Fatal(err)
	}
}

func stringColumn(name string, values ...string) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}}
}

func (f *forgetful) score(s *server, customer string) {
	f.t.Helper()
	_, err := s.serving.GetFeaturesAndScore(f.t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{stringColumn("customer_id", customer)}})
	if err != nil {
		f.t.Fatal(err)
	}
}

// features are those of a customer at shop 1 that are present, as text.
func (f *forgetful) features(s *server, customer string) map[string]string {
	f.t.Helper()
	answer, err := s.serving.GetFeatures(f.t.Context(), &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "all"},
		Entities: []*larderv1.Column{stringColumn("customer_id", customer), int64Column("shop_id", 1)},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range answer.GetFeatures() {
		if len(c.GetStatuses()) > 0 && c.GetStatuses()[0] != larderv1.Status_STATUS_PRESENT {
			continue
		}
		switch v := c.GetValues().(type) {
		case *larderv1.Column_Doubles:
			found[c.GetName()] = fmt.Sprint(v.Doubles.GetValues()[0])
		case *larderv1.Column_Strings:
			found[c.GetName()] = v.Strings.GetValues()[0]
		}
	}
	return found
}

// forget runs the command and returns its report.
func (f *forgetful) forget(s *server, args ...string) *forgetReport {
	f.t.Helper()
	stdout, stderr, code := s.client(append([]string{"forget", "--yes", "--json"}, args...)...)
	if code != 0 {
		f.t.Fatalf("larder forget: exit code %d\n%s%s", code, stdout, stderr)
	}
	var r forgetReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		f.t.Fatalf("%v:\n%s", err, stdout)
	}
	return &r
}

type forgetReport struct {
	ID      string `json:"id"`
	DoneAt  string `json:"done_at"`
	Resumed bool
	Hashes  []string
	Places  []struct {
		Place, What, Note string
		Removed           string
	}
	Away       []struct{ Server string }
	Statements []struct{ Source, SQL string }
}

// removed is how many rows were removed of what has a text in its name, in all places.
func (r *forgetReport) removed(what string) (n int) {
	for _, p := range r.Places {
		if strings.Contains(p.What, what) {
			m := 0
			fmt.Sscan(p.Removed, &m)
			n += m
		}
	}
	return n
}

// traces returns the files below a folder that have the planted text, except those whose
// path has a text in skip.
func traces(t testing.TB, dir string, skip ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return nil // a file may go meanwhile
		}
		for _, s := range skip {
			if strings.Contains(path, s) {
				return nil
			}
		}
		raw, err := os.ReadFile(path)
		if at := bytes.Index(raw, []byte(planted)); err == nil && at >= 0 {
			found = append(found, fmt.Sprintf("%s at %d: %q", path, at, raw[max(0, at-40):min(len(raw), at+40)]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// vacuum writes tables anew once no session can see rows that were deleted before, since
// Postgres keeps these.
func (f *forgetful) vacuum(tables ...string) {
	f.t.Helper()
	var now string
	if err := f.conn.QueryRow(f.t.Context(), "SELECT pg_current_xact_id()::xid::text").Scan(&now); err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, "moment without older snapshots", func() bool {
		return f.count("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND age(backend_xmin) > age($1::text::xid)", now) == 0
	})
	for _, table := range tables {
		f.exec("VACUUM (FULL, ANALYZE) " + table)
	}
}

// wantNoTrace fails if a file of a server or of Postgres has the planted text.
func (f *forgetful) wantNoTrace() {
	f.t.Helper()
	for i, s := range f.servers {
		for _, trace := range append(traces(f.t, s.data), traces(f.t, f.logs[i])...) {
			f.t.Errorf("a trace on server %d: %s", i, trace)
		}
	}
	f.exec("CHECKPOINT")
	for _, trace := range traces(f.t, f.cluster.Dir(), "pg_wal") {
		f.t.Errorf("a trace in Postgres: %s", trace)
	}
}

// TestForget: a customer leaves no byte on two servers and in Postgres, the neighbour stays, and
// newer rows of the customer are served again.
func TestForget(t *testing.T) {
	t.Parallel()
	f := newForgetful(t, 2)
	a, b := f.servers[0], f.servers[1]
	f.exec(`INSERT INTO larder.dead_letters (stream, reason, detail, part, "offset", message, bytes) VALUES
		('visits', 'BAD_TIME', 'no time', 'p', 1, convert_to(json_build_object('customer_id', $1::text, 'at', 'never')::text, 'UTF8'), 9),
		('visits', 'NOT_JSON', 'cut', 'p', 2, convert_to('{"customer_id": ' || to_json($1::text) || ', "at', 'UTF8'), 9),
		('visits', 'BAD_TIME', 'no time', 'p', 3, convert_to('{"customer_id": "customer-2"}', 'UTF8'), 9)`, person)
	f.exec(`INSERT INTO larder.runs (id, feature_view, server, state, started_at, run) VALUES
		('x', 'spend', 'x', 'STATE_FAILED', now(), json_build_object('id', 'x', 'bad', json_build_array(json_build_object('reason', 'out_of_range', 'count', '1', 'samples', json_build_array('customer_id=' || $1::text || ' amount=9', 'customer_id=customer-2')))))`, person)
	var snapshot string
	if snapshot = filepath.Join(t.TempDir(), "old.snapshot"); true {
		if _, stderr, code := b.client("snapshot", "save", snapshot); code != 0 {
			t.Fatalf("snapshot: exit code %d\n%s", code, stderr)
		}
	}
	if got := f.features(b, person); got["spend:secret"] != "secret of "+person || got["visited:visits_10d"] != "2" || got["at_shop:times"] != "1" {
		t.Fatalf("before: %v", got)
	}

	r := f.forget(a, "customer", "customer_id="+person)
	for what, want := range map[string]int{
		"view spend": 2, "view at_shop": 6, "view visited": 2, "view last_visit": 2, "feature log file spend/": 2, "table larder.feature_log": 2,
		"log of stream visits": 2, "dead letters of stream visits": 2, "table larder.runs": 1, "source spend": 1,
	} {
		if got := r.removed(what); got != want {
			t.Errorf("%s: %d removed, want %d\n%+v", what, got, want, r.Places)
		}
	}
	if len(r.Hashes) != 1 || r.Resumed || r.DoneAt == "" || len(r.Away) != 0 {
		t.Errorf("the report is %+v", r)
	}
	if len(r.Statements) != 1 || r.Statements[0].Source != "at_shop" {
		t.Fatalf("statements %+v", r.Statements)
	}
	if n := f.count("SELECT count(*) FROM at_shop WHERE customer_id = $1", person); n != 3 {
		t.Errorf("%d rows of a source that is the team's own; want 3", n)
	}
	f.exec(r.Statements[0].SQL)
	f.vacuum("at_shop", "spend")
	f.wantNoTrace()
	for _, s := range f.servers {
		if got := f.features(s, person); len(got) != 2 || got["visitors:all_10d"] != "1" || got["visitors:guest_10d"] != "note on "+neighbor {
			t.Errorf("the customer and the shop have %v", got)
		}
		if got := f.features(s, neighbor); got["spend:secret"] != "secret of "+neighbor || got["visited:visits_10d"] != "1" || got["at_shop:times"] != "1" {
			t.Errorf("the neighbour has %v", got)
		}
	}
	if n := f.count("SELECT count(*) FROM visits"); n != 1 {
		t.Errorf("%d events are left, want 1", n)
	}

	// What comes late is refused, and what is new is served.
	f.visit(person, time.Now().Add(-time.Hour))
	f.exec("INSERT INTO spend VALUES ($1, now() - interval '30 minutes', now() - interval '30 minutes', 7, 'old')", person)
	for _, s := range f.servers {
		s.mustMaterialize()
	}
	if n := f.count("SELECT count(*) FROM visits WHERE customer_id = $1", person); n != 0 {
		t.Errorf("%d late events of the customer are in the log", n)
	}
	f.visit(neighbor, time.Now())
	for _, s := range f.servers {
		eventually(t, "server that counts the neighbour", func() bool { return f.features(s, neighbor)["visited:visits_10d"] == "2" })
		if got := f.features(s, person); got["spend:secret"] != "" || got["visited:visits_10d"] != "" || got["last_visit:note"] != "" {
			t.Errorf("after late rows the customer has %v", got)
		}
	}
	f.visit(person, time.Now())
	f.exec("INSERT INTO spend VALUES ($1, now(), now(), 8, 'new')", person)
	for _, s := range f.servers {
		eventually(t, "server with the new rows", func() bool {
			s.mustMaterialize()
			got := f.features(s, person)
			return got["visited:visits_10d"] == "1" && got["spend:secret"] == "new"
		})
	}

	// A store that is restored from before forgets again when it starts.
	if code := b.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if err := os.RemoveAll(filepath.Join(b.data, "rows")); err != nil {
		t.Fatal(err)
	}
	if len(traces(t, filepath.Dir(snapshot))) == 0 {
		t.Fatal("the snapshot has no trace: the test is useless")
	}
	if _, stderr, code := runLarder(t, "snapshot", "load", snapshot, "--data", b.data); code != 0 {
		t.Fatalf("load: exit code %d\n%s", code, stderr)
	}
	// Without Postgres nothing says what to forget, so nothing is served.
	unreachable := &server{t: t, data: b.data, args: slices.Clone(b.args)}
	unreachable.args[slices.Index(unreachable.args, f.cluster.DSN())] = "postgres://nobody@127.0.0.1:1/none"
	if err := unreachable.tryStart(); err == nil || !strings.Contains(unreachable.logText(), "restored from a snapshot") {
		t.Errorf("a restored server started without Postgres (%v):\n%s", err, unreachable.logText())
		unreachable.kill()
	}
	b.start()
	if got := f.features(b, person); got["spend:secret"] == "secret of "+person || got["visited:visits_10d"] == "2" || got["visited:visits_10d"] == "3" || got["at_shop:times"] != "" {
		t.Errorf("after the restore the customer has %v", got)
	}
	eventually(t, "server with the new rows", func() bool {
		b.mustMaterialize()
		got := f.features(b, person)
		return got["visited:visits_10d"] == "1" && got["spend:secret"] == "new" && got["at_shop:times"] == ""
	})
	if got := f.features(b, neighbor); got["visited:visits_10d"] != "2" {
		t.Errorf("the neighbour has %v", got)
	}

	// A list from a backup of Postgres is another one: all keys are removed again, and what is
	// newer stays.
	if code := a.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	f.exec(`INSERT INTO larder.forgettings (id, entity, join_keys, digest, keys, requested_by, requested_at, done_at)
			SELECT 'another', entity, join_keys, digest, keys, requested_by, requested_at, done_at FROM larder.forgettings`)
	f.exec("UPDATE larder.forgotten SET forgetting = 'another'")
	a.start()
	if !strings.Contains(a.logText(), "is another one than before") {
		t.Errorf("the server didn't notice:\n%s", a.logText())
	}
	eventually(t, "server with the new rows", func() bool {
		got := f.features(a, person)
		return got["visited:visits_10d"] == "1" && got["spend:secret"] == "new"
	})
}
