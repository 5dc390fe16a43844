package integration_test

import (
	"net/url"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// TestNoPasswordIsInWhatAServerSays: addresses that are wrong, wrong passwords, and a
// Postgres that isn't there, in logs, metrics, answers and errors.
func TestNoPasswordIsInWhatAServerSays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at, err := url.Parse(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	clean := func(what, text string) {
		t.Helper()
		if strings.Contains(text, "hunter2") || strings.Contains(text, "hun%74er2") {
			t.Errorf("%s has the password:\n%s", what, text)
		}
	}
	refused := func(args ...string) {
		t.Helper()
		args = append([]string{"serve", "--log-level", "debug", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--data", t.TempDir()}, args...)
		stdout, stderr, code := runLarder(t, args...)
		if code == 0 {
			t.Errorf("%v: exit code 0", args)
		}
		clean(strings.Join(args, " "), stdout+stderr)
	}
	host := at.Host
	for _, dsn := range []string{
		"postgres://u:hunter2@" + host + "x/db", "u:hunter2@" + host, "postgres://u:hunter2@[::1/db", "postgres://u:hunter2@" + host + "/db?sslmode=maybe",
		"host=127.0.0.1 port=x password = hunter2", "postgres://u:hunter2@" + host + "/db?pool_max_conns=many", "postgres://u:hun%zzter2@" + host + "/db",
	} {
		refused("--postgres", dsn)
		refused("--postgres", db.DSN, "--source-postgres", dsn)
		for _, command := range [][]string{{"migrate", "--postgres", dsn}, {"load", "x.csv", "--table", "t", "--postgres", dsn}} {
			stdout, stderr, _ := runLarder(t, command...)
			clean(strings.Join(command, " "), stdout+stderr)
		}
	}
	for _, dsn := range []string{"postgres://larder:hunter2@" + host + at.Path, "postgres://larder:hun%74er2@127.0.0.1:1/db?sslmode=disable"} {
		// A server without a catalog doesn't serve without Postgres.
		refused("--postgres", dsn)
		s := startServer(t, pgtest.New(t).DSN)
		s.apply(sourceOf(t, "SELECT 1::bigint AS id, now() - interval '1 hour' AS at, 'a'::text AS x"))
		s.terminate()
		s.args = append(s.args, "--postgres", dsn, "--source-postgres", dsn, "--log-level", "debug")
		s.start()
		stdout, stderr, _ := runLarder(t, "status", "--addr", s.grpc, "--json")
		clean("larder status", stdout+stderr)
		stdout, stderr, _ = runLarder(t, "apply", sourceOf(t, "SELECT 1"), "--addr", s.grpc)
		clean("larder apply", stdout+stderr)
		clean("/metrics", s.httpText("/metrics"))
		s.terminate()
		clean("the log", s.logText())
	}
}
