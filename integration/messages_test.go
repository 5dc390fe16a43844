package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"larder/internal/pgtest"
)

// TestMaterializeTwice: the second run has nothing to read, and says how many rows are there.
func TestMaterializeTwice(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, 1000))
	s.mustMaterialize()
	stdout, stderr, code := s.client("materialize")
	if code != 0 || !regexp.MustCompile(`^spend: up to date \(1,000 rows at [0-9 :-]*Z\)\n$`).MatchString(stdout) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if stdout, _, _ := s.client("materialize", "--full"); !strings.Contains(singleSpaced(stdout), "succeeded 1,000 0 1,000") {
		t.Errorf("in full:\n%s", stdout)
	}
}

// TestMessagesOfTheCommandLine: what was typed wrong is named, and what to type instead.
func TestMessagesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	m.write("definitions.yaml", strings.Replace(m.base, `features: ["spend:*"]`, `request: [{name: km, type: float64}, {name: dob_ssn, type: string}, {name: zipcode, type: string}], features: ["spend:*", "request:km", "request:dob_ssn", "request:zipcode"]`, 1)+
		"\nmodels: [{name: spend, feature_service: plain, serve: 1, versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}]}]\n")
	raw, err := os.ReadFile(filepath.Join(m.dir, "definitions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("definitions.yaml", strings.Replace(string(raw), "feature_services: [", `feature_services: [{name: plain, features: ["spend:*"]}, `, 1))
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	f := func(code int, want string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.client(args...)
		if first, _, _ := strings.Cut(stderr, "\nusage: "); got != code || strings.TrimSuffix(first, "\n") != "larder: "+want {
			t.Errorf("larder %s: exit code %d\n%s%s\nwant %d with %s", strings.Join(args, " "), got, stdout, stderr, code, want)
		}
	}
	get := func(args ...string) []string { return append([]string{"get", "spend", "user_id=1,2"}, args...) }
	f(2, `no request value "zip"; did you mean "zipcode"?`, get("--request", "zip=1")...)
	f(2, `no request value "foo"; use dob_ssn, km, spend:amount or zipcode`, get("--request", "foo=1")...)
	f(2, `request value "dob_ssn" (string) is missing; spend needs it; add --request dob_ssn=VALUE --request zipcode=VALUE`, get("--request", "km=1,2")...)
	f(2, `no join key "user"; did you mean "user_id"?`, "get", "spend", "user=1")
	f(2, `missing user_id; add user_id=VALUE`, "score", "spend")
	f(2, `"user_id" is not NAME=VALUE`, "score", "spend", "user_id")
	stdout, stderr, code := s.client(get("--request", "km=1.5,2,dob_ssn=a,b,zipcode=c,d")...)
	if said := singleSpaced(stdout); code != 0 || !strings.Contains(said, "user_id=2 request:km 2 PRESENT") || !strings.Contains(said, `user_id=1 request:zipcode "c" PRESENT`) {
		t.Errorf("values of several names: exit code %d\n%s%s", code, stdout, stderr)
	}

	f(1, `name the feature service that new model "fresh" reads; its file has no stamp that names one; add --service NAME [NO_FEATURE_SERVICE]`,
		"models", "push", "fresh", filepath.Join(m.dir, "spend-1.onnx"))
	empty := writeFile(t, t.TempDir(), "empty.onnx", "")
	f(1, empty+": the file is empty; export the model again", "models", "push", "spend", empty)
	f(1, m.dir+" is a folder; name an ONNX file", "models", "push", "spend", m.dir)
	f(1, `model "fresh": no feature service "sped"; did you mean "spend"? [BAD_DEFINITIONS]`, "models", "push", "fresh", filepath.Join(m.dir, "spend-1.onnx"), "--service", "sped")
	f(1, `the traffic of model "spend" has no split_by; add --split-by with one of user_id`, "models", "traffic", "spend", "1=50", "2=50")
	f(1, `model "spend": shadow scores go to the feature log; add log: {rate: 1} to the model's definition`, "models", "shadow", "spend", "2")
	nothing := filepath.Join(t.TempDir(), "nothing")
	f(1, "no folder "+nothing+"; name the one that the server was given with --feature-log", "replay", "--log", nothing)
	f(1, `the table larder.feature_log has no rows yet; a model with log: gets some when the server runs with --feature-log-table; for a folder of files give --log`, "skew", "--table")
	spine := writeFile(t, t.TempDir(), "spine.csv", "user_id,at\n1,2026-01-01T00:00:00Z\n")
	f(1, spine+` has no column "event_time" with the time of each row; it has user_id, at. Name the column with the times by --event-time-column`,
		"dataset", "--service", "plain", "--spine", spine, "--out", filepath.Join(t.TempDir(), "out.csv"))

	_, stderr, code = runLarder(t, "status", "--addr", s.http)
	if code != 1 || !strings.HasPrefix(stderr, "larder: "+s.http+" is the HTTP port of a larder server; ") || !strings.Contains(stderr, "gRPC port") {
		t.Errorf("the HTTP port: exit code %d, %s", code, stderr)
	}
	_, stderr, code = runLarder(t, "status", "--addr", s.grpc, "--tls")
	if code != 1 || stderr != "larder: the server at "+s.grpc+" has no TLS; leave out --tls\n" {
		t.Errorf("--tls without a certificate: exit code %d, %s", code, stderr)
	}
	if log := s.logText(); !strings.Contains(log, `"msg":"model loaded","model":"spend","version":1,"from":"folder"`) || strings.Contains(log, `"isolation":""`) || strings.Contains(log, `"unbatched":""`) {
		t.Errorf("the log says of the models\n%s", log)
	}
}

// TestExperimentOverThePast: requests that were dated before the traffic changed don't count,
// and the report says so, and since when they are.
func TestExperimentOverThePast(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	if _, err := db.Pool.Exec(t.Context(), "CREATE TABLE outcomes (request_id text, n int, user_id bigint, known_at timestamptz, written_at timestamptz, withdrawn bool, fraud bool, loss float8)"); err != nil {
		t.Fatal(err)
	}
	m.base = strings.Replace(m.base, "sources: [{name: spend, table: spend, timestamp_field: event_time}]", "", 1)
	m.base = strings.TrimRight(m.base, "\n") + "\nsources:\n  - {name: spend, table: spend, timestamp_field: event_time}"
	m.judged("request_id: request_id, row: n")
	s := startServer(t, db.DSN, "--feature-log-table")
	s.apply(m.dir)
	s.mustMaterialize()
	then := time.Now().Add(-30 * time.Minute).UTC().Format(time.RFC3339)
	if _, stderr, code := s.client("score", "spend", "user_id=1,2,3", "--at", then); code != 0 {
		t.Fatal(stderr)
	}
	var said string
	eventually(t, "the rows in the log", func() bool {
		said = s.experiment(0, "spend")
		return strings.Contains(said, "rows don't count")
	})
	if !regexp.MustCompile(`\d rows don't count, because their requests are dated before the last change of the model's traffic, at \S+Z; to count them, name an earlier start: --since ` + then).MatchString(said) {
		t.Error(said)
	}
	if said = s.experiment(0, "spend", "--since", then); strings.Contains(said, "don't count") {
		t.Error(fmt.Sprint("with an earlier start\n", said))
	}
}
