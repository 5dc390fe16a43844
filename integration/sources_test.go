package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// sourceOf writes definitions with one view of a query.
func sourceOf(t *testing.T, query string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := `
entities: [{name: e, join_keys: [{name: id, type: int64}]}]
sources: [{name: s, timestamp_field: at, query: ` + "\"" + query + "\"" + `}]
feature_views: [{name: v, entities: [e], source: s, features: [{name: x, type: string}]}]
`
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestServeRefusesSourcesOfASuperuser, and says how to make a login for them.
func TestServeRefusesSourcesOfASuperuser(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, stderr, code := runLarder(t, "serve", "--postgres", db.DSN, "--data", t.TempDir(), "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "is a superuser") || !strings.Contains(stderr, "CREATE ROLE larder_sources LOGIN") || !strings.Contains(stderr, "--source-postgres") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestSourcesOfDevAreNoSuperusers: they have a role of their own.
func TestSourcesOfDevAreNoSuperusers(t *testing.T) {
	t.Parallel()
	s := startServerIn(t, t.TempDir(), "--dev")
	f := func(want, query string) {
		t.Helper()
		_, stderr, code := runLarder(t, "apply", sourceOf(t, query), "--addr", s.grpc)
		if (code == 0) != (want == "") || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", query, code, stderr)
		}
	}
	const row = "SELECT 1::bigint AS id, now() - interval '1 hour' AS at, "
	f("permission denied for function pg_read_file", row+"pg_read_file('/etc/passwd') AS x")
	f("permission denied for schema larder", row+"(SELECT max(definitions::text) FROM larder.versions) AS x")
	f("permission denied for schema larder", row+"query_to_xml('SELECT * FROM larder.versions', true, true, '')::text AS x")
	f("sources may read every schema but", row+"(SELECT max(rolname) FROM pg_roles) AS x")
	f("", row+"current_user || session_user AS x")
}

// TestSourceSchemas bound what definitions may read, with a login and with a role.
func TestSourceSchemas(t *testing.T) {
	t.Parallel()
	s := startServer(t, newDatabase(t, "CREATE SCHEMA features; CREATE SCHEMA hidden; CREATE TABLE hidden.pay AS SELECT 1::bigint AS id, now() AS at, 'a'::text AS x; CREATE TABLE features.open AS TABLE hidden.pay"), "--source-schemas", "features, other")
	if _, stderr, code := runLarder(t, "apply", sourceOf(t, "SELECT * FROM hidden.pay"), "--addr", s.grpc); code != 1 || !strings.Contains(stderr, "hidden.pay; sources may read the schemas features, other (--source-schemas)") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if _, stderr, code := runLarder(t, "apply", sourceOf(t, "SELECT * FROM features.open"), "--addr", s.grpc); code != 0 {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestStreamHosts bound where definitions make the server connect to.
func TestStreamHosts(t *testing.T) {
	t.Parallel()
	s := startServer(t, newDatabase(t, ""), "--stream-hosts", "*.brokers.example.com,10.0.0.0/8:9092")
	f := func(want, from, format string) {
		t.Helper()
		dir := definitionsFolder(t, `
streams:
  - {name: taps, `+from+`, log: {table: made.taps, create: true}, event_id: id, timestamp_field: at, format: `+format+`,
     fields: [{name: id, type: string}, {name: at, type: timestamp}]}`)
		if _, stderr, code := s.client("apply", dir, "--yes"); code != 1 || !strings.Contains(stderr, `stream "taps": `+want) || !strings.Contains(stderr, "HOST_NOT_ALLOWED") {
			t.Errorf("%s: exit code %d, %s", from, code, stderr)
		}
	}
	f("the server may not connect to kafka:9092; the operator allows *.brokers.example.com", "kafka: {brokers: ['one.brokers.example.com:1', 'kafka:9092'], topic: t}", "{type: json}")
	f("the server may not connect to 10.1.1.1:9093", "kafka: {brokers: ['10.1.1.1:9092', '10.1.1.1:9093'], topic: t}", "{type: json}")
	f("the server may not connect to rabbit:5671", "rabbitmq: {url: 'amqps://rabbit/', queue: q}", "{type: json}")
	f("the server may not connect to nats:4222", "nats: {servers: ['nats://nats'], stream: t}", "{type: json}")
	f("the server does not connect to 169.254.169.254", "kafka: {brokers: ['10.1.1.1:9092'], topic: t}", "{type: avro, registry: 'http://169.254.169.254/latest'}")
}

func newDatabase(t *testing.T, sql string) (dsn string) {
	t.Helper()
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return db.DSN
}
