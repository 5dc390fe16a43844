package integration_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
)

// A teams is a server that the projects core and risk share: core has the customers, and risk
// reads their profiles, scores and trains.
type teams struct {
	*closed
	folders map[string]string // of core and of risk
}

const coreDefinitions = `project: core
entities: [{name: customer, join_keys: [{name: id, type: int64}]}]
sources: [{name: people, table: people, timestamp_field: at}]
feature_views:
  - {name: profile, entities: [customer], source: people, features: [{name: age, type: float64}]}
  - {name: secret, entities: [customer], source: people, features: [{name: income, type: float64}]}
feature_services:
  - {name: basics, features: ["profile:*"]}
`

const riskDefinitions = `project: risk
sources: [{name: payments, table: payments, timestamp_field: at}]
feature_views:
  - {name: spend, entities: [core/customer], source: payments, features: [{name: amount, type: float64}]}
on_demand_views:
  - {name: ratio, sources: [spend, core/profile], features: [{name: per_year, type: float64, expr: "spend.amount / profile.age"}]}
feature_services:
  - {name: all, features: ["spend:amount", "core/profile:age", "ratio:per_year"]}
models:
  - {name: m, feature_service: all, versions: [{version: 1, onnx: m.onnx}], serve: 1, log: {rate: 1}}
`

func startTeams(t *testing.T, args ...string) *teams {
	t.Helper()
	c := &teams{startClosed(t, args...), map[string]string{}}
	conn, err := pgx.Connect(t.Context(), c.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE people AS SELECT 7::bigint AS id, now() - interval '1 hour' AS at, 40::float8 AS age, 999::float8 AS income;
		CREATE TABLE payments AS SELECT 7::bigint AS id, now() - interval '1 hour' AS at, 100::float8 AS amount`); err != nil {
		t.Fatal(err)
	}
	access := t.TempDir()
	const all = "read, score, train, push, apply, promote, operate, observe"
	fileOf(t, filepath.Join(access, "access.yaml"), []byte(`
roles:
  - {name: core_team, allow: [{actions: [`+all+`], resources: ["project:core"]}]}
  - {name: risk_team, allow: [{actions: [`+all+`], resources: ["project:risk"]}, {actions: [read], resources: ["view:core/profile", "entity:core/customer"]}]}
bindings:
  - {name: core, role: core_team, keys: [core]}
  - {name: risk, role: risk_team, keys: [risk]}
`))
	c.run("apply", "--yes", access)
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "risk/spend__amount", Elem: onnxmodel.Double}, {Name: "core/profile__age", Elem: onnxmodel.Double}, {Name: "risk/ratio__per_year", Elem: onnxmodel.Double}}, 1).Model()
	for project, text := range map[string]string{"core": coreDefinitions, "risk": riskDefinitions} {
		c.folders[project] = t.TempDir()
		fileOf(t, filepath.Join(c.folders[project], "all.yaml"), []byte(text))
		c.key(project)
	}
	fileOf(t, filepath.Join(c.folders["risk"], "m.onnx"), model.Encode())
	for _, project := range []string{"core", "risk"} {
		c.as(project)
		c.run("apply", c.folders[project])
	}
	c.as("core")
	c.run("materialize", "core/profile", "core/secret")
	c.as("risk")
	c.run("materialize", "risk/spend")
	return c
}

// with returns a folder of a project whose file has one text in place of another.
func (c *teams) with(project, text, instead string) string {
	c.t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.folders[project], "all.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.Contains(string(raw), text) {
		c.t.Fatalf("no %q in the definitions of %s", text, project)
	}
	dir := c.t.TempDir()
	fileOf(c.t, filepath.Join(dir, "all.yaml"), []byte(strings.ReplaceAll(string(raw), text, instead)))
	if model, err := os.ReadFile(filepath.Join(c.folders[project], "m.onnx")); err == nil {
		fileOf(c.t, filepath.Join(dir, "m.onnx"), model)
	}
	return dir
}

// refused runs a client command that must fail, and returns what it says.
func (c *teams) refused(want string, args ...string) string {
	c.t.Helper()
	stdout, stderr, code := c.client(args...)
	if code == 0 || !strings.Contains(stderr, want) {
		c.t.Errorf("larder %s: exit code %d, want %q\n%s%s", strings.Join(args, " "), code, want, stdout, stderr)
	}
	return stderr
}

// TestProjects: two teams on one server, each with its own definitions, rights and rows.
func TestProjects(t *testing.T) {
	t.Parallel()
	log := t.TempDir()
	c := startTeams(t, "--feature-log", log)

	// What each team has works for it, with what it reads of the other.
	c.as("risk")
	if got := singleSpaced(c.run("get", "risk/all", "id=7")); !strings.Contains(got, "risk/spend:amount 100 PRESENT") || !strings.Contains(got, "core/profile:age 40 PRESENT") || !strings.Contains(got, "risk/ratio:per_year 2.5 PRESENT") {
		t.Errorf("risk gets %s", got)
	}
	c.run("score", "risk/m", "id=7")
	spine := fileOf(t, filepath.Join(c.dir, "spine.csv"), []byte("id,event_time\n7,2099-01-01T00:00:00Z\n"))
	set := filepath.Join(c.dir, "set.csv")
	c.run("dataset", "--service", "risk/all", "--spine", spine, "--out", set, "--name", "of_risk")
	raw, err := os.ReadFile(set)
	if err != nil {
		t.Fatal(err)
	}
	if want := "id,event_time,risk/spend__amount,core/profile__age,risk/ratio__per_year\n7,2099-01-01T00:00:00Z,100,40,2.5\n"; string(raw) != want {
		t.Errorf("the training set is\n%s; want\n%s", raw, want)
	}
	c.as("root")
	c.run("verify", "--all")
	if got := c.run("replay"); !strings.Contains(got, "risk/m") {
		t.Errorf("replay: %s", got)
	}
	if got := c.run("skew"); !strings.Contains(got, "risk/m") {
		t.Errorf("skew: %s", got)
	}
	if files, _ := filepath.Glob(filepath.Join(log, "risk%2Fm", "*.parquet")); len(files) == 0 {
		t.Error("the feature log has no folder risk%2Fm")
	}

	// Over HTTP the names are as clients write them.
	key, err := os.ReadFile(filepath.Join(c.dir, "risk.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, web := c.dial(caller{})
	for _, path := range []string{"/v2/models/risk/m.features/ready", "/v2/models/risk%2Fm/versions/1", "/v2/models/risk/m/versions/1", "/v2/models/risk/m/stats"} {
		if code, body := c.fetch(web, call{name: "GET " + path}, strings.TrimSpace(string(key))); code != 200 || !strings.Contains(string(body), `risk/m`) {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	infer := `{"inputs": [{"name": "id", "datatype": "INT64", "shape": [1, 1], "data": [7]}]}`
	if code, body := c.fetch(web, call{name: "POST /v2/models/risk/m.features/infer", body: []byte(infer)}, strings.TrimSpace(string(key))); code != 200 || !strings.Contains(string(body), `"data":[127.21`) {
		t.Errorf("infer: %d %s", code, body)
	}
	for _, path := range []string{"/v2/models/risk/m/nothing", "/v2/models/risk/m/n/o/t/h/i/n/g", "/v2/models/%2F/m/ready"} {
		if code, body := c.fetch(web, call{name: "GET " + path}, strings.TrimSpace(string(key))); code < 300 {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}

	// An export is the folder again, for its own team.
	out := filepath.Join(c.dir, "out")
	c.run("export", out, "--project", "risk")
	if got := c.run("plan", out); !strings.Contains(got, "No changes.") {
		t.Errorf("a plan of the export: %s", got)
	}
	c.refused(`no project "nobody" has definitions`, "export", filepath.Join(c.dir, "none"), "--project", "nobody")
}

// TestProjectsOfOthers: by no way a team reaches what is another's, and names that are there look
// as those that are not.
func TestProjectsOfOthers(t *testing.T) {
	t.Parallel()
	c := startTeams(t)
	spine := fileOf(t, filepath.Join(c.dir, "spine.csv"), []byte("id,event_time\n7,2099-01-01T00:00:00Z\n"))
	c.as("core")
	c.run("dataset", "--service", "core/basics", "--spine", spine, "--out", filepath.Join(c.dir, "set.csv"), "--name", "of_core")

	c.as("risk")
	c.refused("lacks the right to apply on definitions:core/", "apply", "--yes", c.folders["core"])
	c.refused("lacks the right to apply on definitions:core/", "plan", c.folders["core"])
	c.refused("lacks the right to apply on definitions:default/", "plan", c.with("core", "project: core\n", ""))
	c.refused("lacks the right to apply on definitions:core/", "apply", "--to-version", "1", "--project", "core")
	for name, want := range map[string]string{"core/x": "is of project core, and this folder's project is risk", "default/x": "is of project default, and this folder's project is risk"} {
		body := fmt.Sprintf(`{"project": "risk", "entities": [{"name": %q, "join_keys": [{"name": "k", "type": "int64"}]}]}`, name)
		conn, _ := c.dial(caller{bearer: strings.TrimSpace(read(t, filepath.Join(c.dir, "risk.key")))})
		_, err := larderv1.NewControlServiceClient(conn).Apply(t.Context(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Definitions{Definitions: []byte(body)}, BaseVersion: 3})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an apply with %s: %v", name, err)
		}
	}
	// References to what the team may not read: the same words, whether it is there or not.
	for _, field := range []string{"[spend, core/profile]", "\"spend:amount\", \"core/profile:age\""} {
		said := map[string]string{}
		for _, view := range []string{"secret", "secreT"} {
			said[view] = c.refused("lacks the right to read on view:core/"+view, "plan", c.with("risk", field, strings.Replace(field, "core/profile", "core/"+view, 1)))
		}
		if strings.ReplaceAll(said["secret"], "secret", "secreT") != said["secreT"] {
			t.Errorf("one that is there: %s; one that is not: %s", said["secret"], said["secreT"])
		}
	}
	// Reading, scoring and training by names, references, tickets and manifests.
	for _, args := range [][]string{
		{"get", "core/basics", "id=7"},
		{"get", "--features", "core/secret:income", "id=7"},
		{"get", "--features", "core/profile:age,core/secret:*", "id=7"},
		{"materialize", "core/profile"},
		{"verify", "core/secret"},
		{"dataset", "--service", "core/basics", "--spine", spine, "--out", filepath.Join(c.dir, "stolen.csv")},
	} {
		c.refused("lacks the right to", args...)
	}
	there := c.refused("", "dataset", "--show", "of_core")
	if none := c.refused("", "dataset", "--show", "of_corE"); strings.ReplaceAll(there, "of_core", "of_corE") != none {
		t.Errorf("a manifest that is there: %s; one that is not: %s", there, none)
	}
	// A model of the team's own on features of others, or of nobody, and a log that is another's.
	file := filepath.Join(c.folders["risk"], "m.onnx")
	pushed := map[string]string{}
	for _, service := range []string{"basics", "basicS"} {
		pushed[service] = c.refused("lacks the right to read on service:core/"+service, "models", "push", "risk/thief", file, "--service", "core/"+service)
	}
	if strings.ReplaceAll(pushed["basics"], "basics", "basicS") != pushed["basicS"] {
		t.Errorf("a service that is there: %s; one that is not: %s", pushed["basics"], pushed["basicS"])
	}
	// Names in messages are the team's own.
	for _, args := range [][]string{{"get", "risk/al", "id=7"}, {"score", "risk/mm", "id=7"}, {"get", "--features", "risk/profile:age", "id=7"}, {"plan", c.with("risk", "core/profile:age", "profile:age")}} {
		if said := c.refused("risk/", args...); strings.Contains(said, "core") || strings.Contains(said, "basics") {
			t.Errorf("larder %s names what is another's: %s", strings.Join(args, " "), said)
		}
	}
	// And core can't take away what risk reads, nor reach into risk.
	c.as("core")
	c.refused("lacks the right to", "score", "risk/m", "id=7")
	c.refused("lacks the right to", "models", "promote", "risk/m", "1")
	c.refused("on-demand view risk/ratio of project risk reads feature view core/profile", "plan", c.with("core", "profile", "profiles"))
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestProjectsAtOnce: teams that apply at the same time, each on top of a version that it has
// seen, don't disturb each other, and a change of the own project since is still refused.
func TestProjectsAtOnce(t *testing.T) {
	t.Parallel()
	c := startTeams(t)
	clients, newest := map[string]larderv1.ControlServiceClient{}, int64(0)
	for _, project := range []string{"core", "risk"} {
		conn, _ := c.dial(caller{bearer: strings.TrimSpace(read(t, filepath.Join(c.dir, project+".key")))})
		clients[project] = larderv1.NewControlServiceClient(conn)
	}
	apply := func(project string, n int, base int64) (*larderv1.ApplyResponse, error) {
		text := c.with(project, "project: "+project, fmt.Sprintf("# %d\nproject: %s", n, project))
		yaml := strings.Replace(read(t, filepath.Join(text, "all.yaml")), "table:", fmt.Sprintf("description: \"%d\", table:", n), 1)
		files := &larderv1.DefinitionFiles{Files: []*larderv1.DefinitionFile{{Name: "all.yaml", Content: []byte(yaml)}}}
		if project == "risk" {
			files.Models = map[string]string{"m.onnx": sha256Of(t, filepath.Join(text, "m.onnx"))}
		}
		return clients[project].Apply(t.Context(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Files{Files: files}, BaseVersion: base})
	}
	list, err := clients["risk"].Plan(t.Context(), &larderv1.PlanRequest{Definitions: []byte(`{"project": "risk", "entities": [{"name": "e", "join_keys": [{"name": "k", "type": "int64"}]}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	newest = list.GetBaseVersion()
	const each = 6
	var wg sync.WaitGroup
	for project := range clients {
		wg.Go(func() {
			base := newest
			for n := range each {
				done, err := apply(project, n, base)
				if err != nil {
					t.Errorf("project %s: %v", project, err)
					return
				}
				base = done.GetVersion()
				for _, change := range done.GetChanges() {
					if !strings.HasPrefix(change.GetName(), project+"/") {
						t.Errorf("an apply of %s changes %s", project, change.GetName())
					}
				}
			}
		})
	}
	wg.Wait()
	c.as("root")
	var versions struct {
		Versions []struct {
			Version json.Number `json:"version"`
		} `json:"versions"`
	}
	if err := json.Unmarshal([]byte(c.run("apply", "--list", "--json")), &versions); err != nil {
		t.Fatal(err)
	}
	if got, _ := versions.Versions[0].Version.Int64(); got != newest+2*each {
		t.Errorf("the newest version is %d after %d applies on top of %d", got, 2*each, newest)
	}
	if _, err := apply("risk", each, newest); err == nil || !strings.Contains(err.Error(), "applied version") {
		t.Errorf("an apply on top of a version before changes of the own project: %v", err)
	}
	// Back to how risk was, while core stays.
	c.as("risk")
	c.run("apply", "--to-version", fmt.Sprint(newest), "--project", "risk")
	c.as("root")
	if got := c.run("show", "risk/payments"); strings.Contains(got, "description") {
		t.Errorf("risk after going back: %s", got)
	}
	if got := c.run("show", "core/people"); !strings.Contains(got, fmt.Sprintf("description: \"%d\"", each-1)) {
		t.Errorf("core after risk went back: %s", got)
	}
}

// sha256Of returns the SHA-256 of a file, in hex.
func sha256Of(t testing.TB, path string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(read(t, path)))
	return hex.EncodeToString(sum[:])
}
