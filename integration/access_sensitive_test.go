package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"larder/internal/onnxmodel"
)

// TestSensitiveFeatures: models are fed with them; callers without the right get neither the
// values nor what is computed from them, by any way.
func TestSensitiveFeatures(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	conn, err := pgx.Connect(t.Context(), c.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE people AS SELECT 7::bigint AS id, now() - interval '1 hour' AS at, 4242.5::float8 AS income, 3::bigint AS visits`); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "income", Elem: onnxmodel.Double}, {Name: "visits", Elem: onnxmodel.Int64}}, 1).Model()
	fileOf(t, filepath.Join(dir, "m.onnx"), model.Encode())
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(`
entities: [{name: person, join_keys: [{name: id, type: int64}]}]
sources: [{name: people, table: people, timestamp_field: at}]
feature_views:
  - name: person
    entities: [person]
    source: people
    features: [{name: income, type: float64, sensitive: true, default: 0}, {name: visits, type: int64, default: 0}]
on_demand_views:
  - name: derived
    sources: [person]
    features: [{name: half, type: float64, expr: "person.income / 2.0"}, {name: twice, type: int64, expr: "person.visits * 2"}]
feature_services:
  - {name: both, features: ["person:income", "person:visits"]}
  - {name: all, features: ["person:income", "person:visits", "derived:half", "derived:twice"]}
models:
  - {name: m, feature_service: both, versions: [{version: 1, onnx: m.onnx}], serve: 1}
`))
	c.run("apply", "--yes", dir)
	c.run("materialize")
	c.key("scientist", "--role", "scientist")
	c.key("operator", "--role", "operator")
	full := c.run("get", "all", "id=7", "--json")
	if !strings.Contains(full, "4242.5") || !strings.Contains(full, "2121.25") {
		t.Fatalf("root gets %s", full)
	}
	score := c.run("score", "m", "id=7", "--json")

	// The commands of who may read and score alone work.
	c.key("scorer", "--role", "scorer")
	c.as("scorer")
	c.run("get", "both", "id=7")
	c.run("score", "m", "id=7", "--features")

	c.as("scientist")
	shown := c.run("get", "all", "id=7", "--json")
	if strings.Contains(shown, "4242") || strings.Contains(shown, "2121") || strings.Count(shown, "WITHHELD") != 2 || !strings.Contains(shown, "6") {
		t.Errorf("without the right: %s", shown)
	}
	scored := c.run("score", "m", "id=7", "--json", "--features")
	if strings.Contains(scored, "4242") || !strings.Contains(scored, "WITHHELD") {
		t.Errorf("a score with its features: %s", scored)
	}
	if again := c.run("score", "m", "id=7", "--json"); scoresOf(again) != scoresOf(score) || scoresOf(score) == "" {
		t.Errorf("the model is fed otherwise: %s, %s", again, score)
	}
	key, err := os.ReadFile(filepath.Join(c.dir, "scientist.key"))
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"/v1/features":         `{"feature_service": "all", "entities": {"id": [7]}}`,
		"/v1/score":            `{"model": "m", "entities": {"id": [7]}, "return_features": true}`,
		"/get-online-features": `{"feature_service": "all", "entities": {"id": [7]}}`,
	} {
		_, web := c.dial(caller{})
		code, answer := c.fetch(web, call{name: "POST " + path, body: []byte(body)}, strings.TrimSpace(string(key)))
		if code != 200 || strings.Contains(string(answer), "4242") || strings.Contains(string(answer), "2121") {
			t.Errorf("%s: %d %s", path, code, answer)
		}
	}
	spine := fileOf(t, filepath.Join(dir, "spine.csv"), []byte("id,event_time\n7,2099-01-01T00:00:00Z\n"))
	for _, args := range [][]string{
		{"dataset", "--service", "both", "--spine", spine, "--out", filepath.Join(dir, "out.csv")},
	} {
		if stdout, stderr, code := c.client(args...); code == 0 || !strings.Contains(stderr, "read_sensitive on view:person:income") {
			t.Errorf("larder %s: %d %s%s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
	// The store differs from the source in the sensitive value: verify says so without it.
	if _, err := conn.Exec(t.Context(), `UPDATE people SET income = 9191.5`); err != nil {
		t.Fatal(err)
	}
	c.as("operator")
	stdout, stderr, _ := c.client("verify", "person", "--json")
	if strings.Contains(stdout+stderr, "4242") || strings.Contains(stdout+stderr, "9191") || !strings.Contains(stdout, "(withheld)") {
		t.Errorf("verify: %s%s", stdout, stderr)
	}
	c.as("root")
	if stdout, _, _ := c.client("verify", "person", "--json"); !strings.Contains(stdout, "9191") {
		t.Errorf("verify as root: %s", stdout)
	}
}

// TestSensitiveBadRows: a row that can't be stored shows no value of a sensitive feature,
// neither in the run, nor in its record in Postgres, nor in the log.
func TestSensitiveBadRows(t *testing.T) {
	t.Parallel()
	c := startClosed(t, "--log-level", "debug")
	conn, err := pgx.Connect(t.Context(), c.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE codes AS SELECT 1::bigint AS id, now() AS at, '1'::text AS code`)
	dir := t.TempDir()
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(`
entities: [{name: e, join_keys: [{name: id, type: int64}]}]
sources:
  - {name: few, timestamp_field: at, max_bad_share: 1, query: "SELECT 1::bigint AS id, now() AS at, 987654321987::bigint AS code, 2::bigint AS plain"}
  - {name: none, timestamp_field: at, on_bad_row: fail, query: "SELECT 1::bigint AS id, now() AS at, 987654321987::bigint AS code"}
  - {name: broken, timestamp_field: at, query: "SELECT id, at, code::int AS code FROM codes"}
feature_views:
  - {name: few, entities: [e], source: few, features: [{name: code, type: int32, sensitive: true}, {name: plain, type: int32}]}
  - {name: none, entities: [e], source: none, features: [{name: code, type: int32, sensitive: true}]}
  - {name: broken, entities: [e], source: broken, features: [{name: code, type: int32, sensitive: true}]}
`))
	applied := c.run("apply", "--yes", dir)
	exec(`UPDATE codes SET code = 'x987654321987'`)
	stdout, stderr, _ := c.client("materialize", "--json")
	status, _, _ := c.client("status", "--json") // which says that runs have failed
	var recorded string
	eventually(t, "the record of the runs", func() bool {
		var ended int
		err := conn.QueryRow(t.Context(), `SELECT count(*), string_agg(run::text, ' ') FROM larder.runs WHERE state IN ('STATE_SUCCEEDED', 'STATE_FAILED')`).Scan(&ended, &recorded)
		return err == nil && ended == 3
	})
	c.terminate()
	for what, text := range map[string]string{"apply": applied, "materialize": stdout + stderr, "status": status, "the record": recorded, "the log": c.logText()} {
		if strings.Contains(text, "987654321987") {
			t.Errorf("%s has a sensitive value: %s", what, text)
		}
	}
	if !strings.Contains(recorded, "code=(withheld)") || !strings.Contains(stdout, "code=(withheld)") || !strings.Contains(recorded, "22P02") {
		t.Errorf("materialize: %s\nthe record: %s", stdout, recorded)
	}
}

// scoresOf returns the line of a JSON answer with the scores.
func scoresOf(answer string) string {
	_, rest, _ := strings.Cut(answer, `"scores"`)
	scores, _, _ := strings.Cut(rest, "]")
	return scores
}

// TestManifestsOfOthers: who may train on one feature service sees the training sets of that
// service, and those of others look as if they weren't there.
func TestManifestsOfOthers(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	dir := sourceOf(t, "SELECT 1::bigint AS id, now() - interval '1 hour' AS at, 'a'::text AS x")
	fileOf(t, filepath.Join(dir, "services.yaml"), []byte(`
feature_services: [{name: mine, features: ["v:x"]}, {name: theirs, features: ["v:x"]}]
roles: [{name: trainer, allow: [{actions: [train], resources: ["service:mine"]}]}]
bindings: [{name: trainer, role: trainer, keys: [trainer]}]
`))
	c.run("apply", "--yes", dir)
	spine := fileOf(t, filepath.Join(c.dir, "spine.csv"), []byte("id,event_time\n1,2099-01-01T00:00:00Z\n"))
	for _, service := range []string{"mine", "theirs"} {
		c.run("dataset", "--service", service, "--spine", spine, "--out", filepath.Join(c.dir, service+".csv"), "--name", "set_"+service)
	}
	c.key("trainer")
	c.as("trainer")
	if list := c.run("dataset", "--list"); !strings.Contains(list, "set_mine") || strings.Contains(list, "theirs") {
		t.Errorf("the list: %s", list)
	}
	c.run("dataset", "--show", "set_mine")
	_, theirs, code := c.client("dataset", "--show", "set_theirs")
	_, none, _ := c.client("dataset", "--show", "set_nobodys")
	if code == 0 || strings.ReplaceAll(theirs, "theirs", "nobodys") != none {
		t.Errorf("another's: %s; nobody's: %s", theirs, none)
	}
	if _, stderr, code := c.client("dataset", "--service", "theirs", "--spine", spine, "--out", filepath.Join(c.dir, "out.csv")); code == 0 || !strings.Contains(stderr, "on service:theirs; roles") {
		t.Errorf("a set of another service: %s", stderr)
	}
}
