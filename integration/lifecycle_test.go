package integration_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestApplyGoesBackAndRefusesWhatIsStale applies three versions, then reverts.
func TestApplyGoesBackAndRefusesWhatIsStale(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	f := func(code int, stdoutHas, stderrHas string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.client(args...)
		if got != code || !strings.Contains(stdout, stdoutHas) || !strings.Contains(stderr, stderrHas) {
			t.Errorf("larder %v: exit code %d\n%s\n%s\nwant %d with %q and %q", args, got, stdout, stderr, code, stdoutHas, stderrHas)
		}
	}
	f(0, "feature view spend", "", "plan", m.dir)
	f(0, "version 1", "", "apply", "--yes", m.dir)
	f(0, "No changes.", "", "apply", "--yes", m.dir)
	m.serve(2)
	f(0, "serve", "", "plan", m.dir)
	f(0, "version 2", "", "apply", "--yes", m.dir)
	f(0, "version 3", "", "apply", "--yes", "--to-version", "1")
	f(1, "", "7", "apply", "--to-version", "7")
	answer, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: users(1)})
	if status.Code(err) != codes.FailedPrecondition { // nothing is materialized; on_missing: fail
		t.Errorf("%v %v", answer, err)
	}
	if got := s.catalogVersion(); got != 3 {
		t.Errorf("catalog version %d, want 3", got)
	}
	stdout, _, _ := s.client("apply", "--list")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); len(lines) != 4 {
		t.Errorf("three versions:\n%s", stdout)
	}

	// A base that is no longer the newest simulates a concurrent apply.
	_, err = s.control.Apply(t.Context(), &larderv1.ApplyRequest{
		What: &larderv1.ApplyRequest_Definitions{Definitions: []byte(`{"entities": [{"name": "e", "join_keys": [{"name": "id", "type": "int64"}]}]}`)}, BaseVersion: 2, AppliedBy: "test", AllowDelete: []string{"*"},
	})
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "version 3") {
		t.Errorf("an apply on version 2: %v", err)
	}
}

// TestACatalogThatCantBeServedIsRefused removes a model's bytes from the registry during
// an apply. A server that never had them reports it and keeps serving the old version
// until they are back.
func TestACatalogThatCantBeServedIsRefused(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s, other := startServer(t, db.DSN), startServer(t, db.DSN)
	s.apply(m.dir)
	eventually(t, "catalog 1 on the other server", func() bool { return other.catalogVersion() == 1 })
	other.mustMaterialize()
	m.write("spend-3.onnx", m.file(3))
	m.write("definitions.yaml", m.base+"models: [{name: spend, feature_service: spend, serve: 3, versions: [{version: 3, onnx: spend-3.onnx}]}]\n")
	if _, err := db.Pool.Exec(t.Context(), `
		CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM larder.model_files; RETURN NULL; END $$;
		CREATE TRIGGER forget AFTER INSERT ON larder.versions EXECUTE FUNCTION forget()`); err != nil {
		t.Fatal(err)
	}
	s.client("apply", "--yes", m.dir)
	var st *larderv1.GetStatusResponse
	eventually(t, "word of the catalog that can't be served", func() bool {
		var err error
		if st, err = other.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{}); err != nil {
			t.Fatal(err)
		}
		return st.GetCatalogError() != ""
	})
	if !strings.Contains(st.GetCatalogError(), `model "spend" version 3`) || st.GetCatalogVersion() != 1 || st.GetRegistryVersion() != 2 {
		t.Errorf("status: %v", st)
	}
	answer, err := other.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: users(3)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.check(answer, 3); err != nil {
		t.Error(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `DROP TRIGGER forget ON larder.versions`); err != nil {
		t.Fatal(err)
	}
	s.apply(m.dir) // sends the file again
	eventually(t, "catalog 2 on the other server", func() bool { return other.catalogVersion() >= 2 })
}

// TestFullDisk starts a server that requires more free space than there is. It serves
// stored rows and refuses what needs space with a clear message. When the space is
// back, everything works again.
func TestFullDisk(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, 100))
	s.mustMaterialize()
	args := s.args
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.data, &disk); err != nil {
		t.Fatal(err)
	}
	s.args = append(args[:len(args):len(args)], "--min-free-bytes", strconv.FormatUint(2*disk.Bavail*uint64(disk.Bsize), 10))
	s.start()
	s.wantAmount(7)
	runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{Full: true})
	if err != nil || runs[0].GetState() != larderv1.Run_STATE_FAILED || !strings.Contains(runs[0].GetError(), "free") {
		t.Errorf("a run on a full disk: %v %v", runs, err)
	}
	s.wantAmount(8)
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	s.args = args
	s.start()
	s.mustMaterialize()
	s.wantAmount(9)
}

// wantPipe checks that a pipe is still a pipe: no command renamed a file onto it.
func wantPipe(t *testing.T, path string) {
	t.Helper()
	if at, err := os.Lstat(path); err != nil || at.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("%s is no pipe any more: %v, %v", path, at, err)
	}
}

// TestSnapshot saves a store while it serves and loads it into an empty folder.
func TestSnapshot(t *testing.T) {
	const rows = 10_000
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, rows))
	s.mustMaterialize()
	file := filepath.Join(t.TempDir(), "rows.snapshot")
	if _, stderr, code := s.client("snapshot", "save", file); code != 0 {
		t.Fatalf("snapshot save: exit code %d\n%s", code, stderr)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := s.client("snapshot", "save", filepath.Join(pipe, "none", "rows")); code != 1 || !strings.Contains(stderr, "no folder "+filepath.Join(pipe, "none")+"; make it first") {
		t.Errorf("a folder that is not there: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := s.client("snapshot", "save", pipe); code != 1 || !strings.Contains(stderr, "it is a pipe, not a regular file; name a new file") {
		t.Errorf("snapshot save to a pipe: exit code %d\n%s", code, stderr)
	}
	wantPipe(t, pipe)
	load := func(code int, message, file, data string) {
		t.Helper()
		if _, stderr, got := runLarder(t, "snapshot", "load", file, "--data", data); got != code || !strings.Contains(stderr, message) {
			t.Errorf("snapshot load %s: exit code %d, %s; want %d with %q", file, got, stderr, code, message)
		}
	}
	load(1, "stop the server that uses ", file, s.data)
	if _, err := db.Pool.Exec(t.Context(), "TRUNCATE spend"); err != nil { // what is served must come from the file
		t.Fatal(err)
	}
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	load(1, "isn't empty", file, s.data)
	load(1, "no such file", file+".gone", t.TempDir())
	cut := file + ".cut"
	raw, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(cut, raw[:len(raw)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	load(1, "truncated", cut, t.TempDir())

	fresh := t.TempDir()
	load(0, "", file, fresh)
	for i, arg := range s.args {
		if arg == "--data" {
			s.args[i+1] = fresh
		}
	}
	s.start()
	s.wantAllAmounts(rows)
}

// TestHTTP sends the requests of the gRPC tests over HTTP.
func TestHTTP(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	post := func(path, body string, code int) map[string]any {
		t.Helper()
		answer, err := http.Post("http://"+s.http+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(raw, &out); err != nil || answer.StatusCode != code {
			t.Errorf("%s %s: %s %s; want %d", path, body, answer.Status, raw, code)
		}
		return out
	}
	scores := post("/v1/score", `{"model": "spend", "entities": {"user_id": [3, 4]}}`, 200)["scores"].([]any)
	if scores[0] != m.score(1, 3) || scores[1] != m.score(1, 4) {
		t.Errorf("scores %v, want %v and %v", scores, m.score(1, 3), m.score(1, 4))
	}
	post("/v1/features", `{"feature_service": "spend", "entities": {"user_id": [3]}}`, 200)
	post("/v1/score", `{"model": "spent", "entities": {"user_id": [3]}}`, 404)
	post("/v1/score", `{"model": "spend", "entities": {"user_id": ["three"]}}`, 400)
	post("/v1/score", `{"model": "spend", "entities": {"user_id": [101]}}`, 409)
	post("/v1/scores", `{}`, 404)
	get := func(path, has string) {
		t.Helper()
		answer, err := http.Get("http://" + s.http + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if raw, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || !strings.Contains(string(raw), has) {
			t.Errorf("%s: %s %v, without %q", path, answer.Status, err, has)
		}
	}
	get("/healthz", "")
	get("/readyz", "")
	for _, metric := range []string{
		"larder_grpcserver_requests_total", "larder_serving_rows_total", "larder_materialize_runs_total", "go_goroutines", "process_resident_memory_bytes",
	} {
		get("/metrics", metric)
	}
}

// devFolder returns a data folder for a server with --dev.
func devFolder(t *testing.T) string {
	t.Helper()
	data, err := os.MkdirTemp("", "larder-dev-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	if err := os.Chmod(data, 0o755); err != nil { // Postgres runs as another user when we are root
		t.Fatal(err)
	}
	return data
}

// TestDevStartsItsOwnPostgres runs serve --dev in an empty folder, twice.
func TestDevStartsItsOwnPostgres(t *testing.T) {
	data := devFolder(t)
	s := startServerIn(t, data, "--dev")
	s.apply(definitionsFolder(t, "entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]"))
	address, _, _ := runLarder(t, "dev", "--postgres", "--data", data)
	for range 2 {
		said, stderr, code := runLarder(t, "dev", "--data", data)
		if code != 0 || !strings.Contains(said, "Postgres  "+address) || !strings.Contains(said, "gRPC      "+s.grpc+"\nHTTP      http://"+s.http+"\n") || !strings.Contains(said, `$(larder dev --postgres --data `+data+`)`) {
			t.Errorf("larder dev: exit code %d\n%s%s", code, said, stderr)
		}
		if db, err := pgx.Connect(t.Context(), strings.TrimSpace(address)); err != nil {
			t.Errorf("the address after a restart: %v", err)
		} else {
			db.Close(t.Context())
		}
		if got := s.catalogVersion(); got != 1 {
			t.Errorf("catalog version %d, want 1", got)
		}
		if code := s.terminate(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		s.start()
	}
	s.kill()
	if _, stderr, code := runLarder(t, "dev", "--data", data); code != 1 || !strings.Contains(stderr, "no larder serve --dev runs on the data folder "+data+"; start one") {
		t.Errorf("larder dev after a kill: exit code %d, %s", code, stderr)
	}
	s.start()
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if _, stderr, code := runLarder(t, "dev", "--data", data); code != 1 || !strings.Contains(stderr, "no larder serve --dev runs on the data folder") {
		t.Errorf("larder dev without a server: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := runLarder(t, "serve", "--dev", "--postgres", "postgres://nobody@127.0.0.1:1/none", "--data", data); code != 2 || !strings.Contains(stderr, "leave out --postgres") {
		t.Errorf("--dev with --postgres: exit code %d, %s", code, stderr)
	}
}

// TestUsersOfDevCantReachItsRegistry: who uses the address that --dev prints can make
// tables of any name, and a source reads them; Larder's own tables of the same names
// are out of reach.
func TestUsersOfDevCantReachItsRegistry(t *testing.T) {
	s := startServerIn(t, devFolder(t), "--dev")
	address, _, _ := runLarder(t, "dev", "--postgres", "--data", s.data)
	db, err := pgx.Connect(t.Context(), strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.Exec(t.Context(), `DROP TABLE IF EXISTS versions; CREATE TABLE versions (id bigint, at timestamptz, n bigint);
		CREATE TABLE runs AS SELECT 1::bigint AS id, now() - interval '1 hour' AS at, 7::bigint AS n`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "DROP TABLE larder.versions"); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a user reached the registry: %v", err)
	}
	s.apply(definitionsFolder(t, `
entities: [{name: e, join_keys: [{name: id, type: int64}]}]
sources: [{name: s, table: runs, timestamp_field: at}]
feature_views: [{name: v, entities: [e], source: s, features: [{name: n, type: int64}]}]
feature_services: [{name: svc, features: ["v:*"]}]
streams: [{name: taps, push: {}, log: {table: made.taps, create: true}, timestamp_field: at, fields: [{name: id, type: int64}, {name: at, type: timestamp}]}]`))
	s.mustMaterialize()
	if out, stderr, code := s.client("get", "svc", "id=1"); code != 0 || !strings.Contains(out, "7") {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
	if _, err := db.Exec(t.Context(), "SELECT * FROM made.taps"); err != nil {
		t.Errorf("a user can't read the log of a stream: %v", err)
	}
	if _, err := db.Exec(t.Context(), "DELETE FROM made.taps"); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a user changed the log of a stream: %v", err)
	}
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// TestPostgresFromABackup restores Postgres to before an apply and applies something
// else, which gets the same version number. A server with rows of the lost version must
// not answer for the new one, whether it kept running or was restarted.
func TestPostgresFromABackup(t *testing.T) {
	const said = "belong to version 1, which Postgres does not have"
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 100)
	s := startServer(t, db.DSN)
	s.apply(dir)
	s.mustMaterialize()
	file := filepath.Join(t.TempDir(), "rows.snapshot")
	if _, stderr, code := s.client("snapshot", "save", file); code != 0 {
		t.Fatalf("snapshot save: exit code %d\n%s", code, stderr)
	}
	if _, err := db.Pool.Exec(t.Context(), "DELETE FROM larder.versions"); err != nil {
		t.Fatal(err)
	}
	other := startServer(t, db.DSN)
	other.apply(definitionsFolder(t, `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: loss, query: "SELECT user_id, event_time, -amount AS amount FROM spend", timestamp_field: event_time}]
feature_views: [{name: loss, entities: [user], source: loss, features: [{name: amount, type: float64}]}]
feature_services: [{name: loss, features: ["loss:*"]}]
`))
	eventually(t, "word of the version that is lost", func() bool {
		st, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		return err == nil && strings.Contains(st.GetCatalogError(), said)
	})
	s.wantAmount(7) // what it served before
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	refused := func(args ...string) {
		t.Helper()
		if _, stderr, code := runLarder(t, args...); code != 1 || !strings.Contains(stderr, said) {
			t.Errorf("exit code %d, %s; want 1 with %q", code, stderr, said)
		}
	}
	refused(s.args...)
	restored := t.TempDir()
	if _, stderr, code := runLarder(t, "snapshot", "load", file, "--data", restored); code != 0 {
		t.Fatalf("snapshot load: exit code %d\n%s", code, stderr)
	}
	refused("serve", "--postgres", db.DSN, "--source-postgres", db.Sources, "--data", restored, "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0")
}
