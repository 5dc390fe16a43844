package integration_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
)

// TestListsShowWhatTheCallerMaySee: two teams on one server, and neither learns from a list
// what the other has. What uses a definition of one team is among it.
func TestListsShowWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	dir := t.TempDir()
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "x", Elem: onnxmodel.Double}}, 1).Model()
	fileOf(t, filepath.Join(dir, "m.onnx"), model.Encode())
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(`
entities: [{name: mine, join_keys: [{name: id, type: int64}]}]
sources:
  - {name: mine, timestamp_field: at, query: "SELECT 1::bigint AS id, now() AS at, 1.5::float8 AS x"}
  - {name: theirs, timestamp_field: at, query: "SELECT 1::bigint AS id, now() AS at, 1.5::float8 AS x"}
streams:
  - {name: mine, push: {}, log: {table: mine, create: true}, event_id: id, timestamp_field: at, fields: [{name: id, type: int64}, {name: at, type: timestamp}]}
  - {name: theirs, push: {}, log: {table: theirs, create: true}, event_id: id, timestamp_field: at, fields: [{name: id, type: int64}, {name: at, type: timestamp}]}
feature_views:
  - {name: mine, entities: [mine], source: mine, features: [{name: x, type: float64, default: 0}]}
  - {name: theirs, entities: [mine], source: theirs, features: [{name: x, type: float64, default: 0}]}
aggregate_views:
  - {name: theirs_too, entities: [mine], stream: mine, windows: [1h], features: [{name: n, count: "*", default: 0}]}
on_demand_views:
  - {name: theirs_of_mine, sources: [mine], features: [{name: twice, type: float64, expr: "mine.x * 2.0", default: 0}]}
feature_services:
  - {name: mine, features: ["mine:x"]}
  - {name: theirs, features: ["mine:x", "theirs:x"]}
models:
  - {name: mine, feature_service: mine, versions: [{version: 1, onnx: m.onnx}], serve: 1}
  - {name: theirs, feature_service: mine, versions: [{version: 1, onnx: m.onnx}], serve: 1}
roles:
  - name: team
    allow: [{actions: [observe], resources: ["entity:mine", "stream:mine", "view:mine", "service:mine", "model:mine", "model:mine.features", "definitions:mine"]}]
  - {name: modeller, allow: [{actions: [observe], resources: ["model:mine", "stream:none"]}]}
  - {name: reader, allow: [{actions: [observe], resources: ["definitions:*", "model:none", "stream:none"]}]}
bindings:
  - {name: team, role: team, keys: [team]}
  - {name: modeller, role: modeller, keys: [modeller]}
  - {name: reader, role: reader, keys: [reader]}
`))
	c.run("apply", "--yes", dir)
	c.run("materialize")
	keys := map[string]string{"root": c.rootKey()}
	for _, name := range []string{"team", "modeller", "reader"} {
		keys[name] = c.key(name)
	}

	// lists returns what all lists say to a caller.
	lists := func(who string) map[string]string {
		t.Helper()
		conn, web := c.dial(caller{bearer: keys[who]})
		control, infer, streams := larderv1.NewControlServiceClient(conn), inferencev2.NewGRPCInferenceServiceClient(conn), larderv1.NewStreamServiceClient(conn)
		all := map[string]string{}
		take := func(name string, answer proto.Message, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %s: %v", who, name, err)
				return
			}
			all[name] = protojson.Format(answer)
		}
		status, err := control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
		take("status", status, err)
		definitions, err := control.ListDefinitions(t.Context(), &larderv1.ListDefinitionsRequest{})
		take("definitions", definitions, err)
		found, err := control.ListDefinitions(t.Context(), &larderv1.ListDefinitionsRequest{Search: "x"})
		take("search", found, err)
		models, err := control.ListModels(t.Context(), &larderv1.ListModelsRequest{})
		take("models", models, err)
		versions, err := control.ListVersions(t.Context(), &larderv1.ListVersionsRequest{})
		take("versions", versions, err)
		index, err := infer.RepositoryIndex(t.Context(), &inferencev2.RepositoryIndexRequest{})
		take("index", index, err)
		statistics, err := infer.ModelStatistics(t.Context(), &inferencev2.ModelStatisticsRequest{})
		take("statistics", statistics, err)
		states, err := streams.GetStreams(t.Context(), &larderv1.GetStreamsRequest{})
		take("streams", states, err)
		for _, path := range []string{"GET /v2/models/stats", "POST /v2/repository/index"} {
			code, body := c.fetch(web, call{name: path, body: []byte("{}")}, keys[who])
			if code != 200 {
				t.Errorf("%s: %s: %d %s", who, path, code, body)
			}
			all[path] = string(body)
		}
		return all
	}
	rootConn, _ := c.dial(caller{bearer: keys["root"]})
	whole := lists("root")
	for name, said := range whole {
		if name != "versions" && (!strings.Contains(said, "mine") || !strings.Contains(said, "theirs")) {
			t.Errorf("root: %s: %s", name, said)
		}
	}
	if !strings.Contains(whole["status"], "dataDir") || !strings.Contains(whole["versions"], "key:root") {
		t.Errorf("root: %s%s", whole["status"], whole["versions"])
	}
	runs := map[string]string{} // by view
	status, err := larderv1.NewControlServiceClient(rootConn).GetStatus(t.Context(), &larderv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range status.GetViews() {
		runs[v.GetFeatureView()] = v.GetLastRun().GetId()
	}
	team := lists("team")
	for name, said := range team {
		if name != "versions" && !strings.Contains(said, "mine") || strings.Contains(said, "theirs") {
			t.Errorf("team: %s: %s", name, said)
		}
	}
	for _, word := range []string{"dataDir", "dataBytes", "registryVersion", "postgresAnsweredAt"} {
		if !strings.Contains(whole["status"], word) || strings.Contains(team["status"], word) {
			t.Errorf("%s: root gets %s, and the team %s", word, whole["status"], team["status"])
		}
	}
	if strings.Contains(team["versions"], "key:root") || !strings.Contains(team["versions"], "fingerprint") {
		t.Errorf("team: versions: %s", team["versions"])
	}
	kinds := []string{"entity", "source", "stream", "feature view", "feature service", "model"}
	for _, kind := range kinds {
		if !strings.Contains(team["definitions"], fmt.Sprintf("%q", kind)) {
			t.Errorf("the team doesn't see its %s: %s", kind, team["definitions"])
		}
	}
	if few := lists("modeller")["definitions"]; !strings.Contains(few, `"model"`) || strings.Contains(few, `"feature service"`) {
		t.Errorf("who may see one model alone gets %s", few)
	}
	if all := lists("reader")["definitions"]; !strings.Contains(all, "theirs_of_mine") || !strings.Contains(all, `"model"`) {
		t.Errorf("who may see all definitions gets %s", all)
	}

	// One definition: what a caller may not see isn't there. Its text names what it uses; what
	// uses it is only what the caller may see.
	c.as("team")
	for _, kind := range append(kinds, "") {
		flags := []string{"--kind", kind}
		if kind == "" {
			flags = nil
		}
		_, theirs, code := c.client(append([]string{"show", "theirs"}, flags...)...)
		_, nobodys, _ := c.client(append([]string{"show", "nobodys"}, flags...)...)
		if code == 0 || strings.ReplaceAll(theirs, "theirs", "nobodys") != nobodys {
			t.Errorf("kind %q: another's: %s; nobody's: %s", kind, theirs, nobodys)
		}
		if kind != "" {
			if shown := c.run(append([]string{"show", "mine"}, flags...)...); strings.Contains(shown, "theirs") {
				t.Errorf("%s mine: %s", kind, shown)
			}
		}
	}
	// A run is seen with its view.
	c.run("status", runs["mine"])
	_, theirs, code := c.client("status", runs["theirs"])
	_, nobodys, _ := c.client("status", "nobodys")
	if code == 0 || strings.ReplaceAll(theirs, runs["theirs"], "nobodys") != nobodys {
		t.Errorf("another's run: %s; nobody's: %s", theirs, nobodys)
	}
	if status := c.run("status"); !strings.Contains(status, "mine") || strings.Contains(status, "1970") {
		t.Errorf("status: %s", status)
	}
	if _, stderr, code := c.client("models", "show", "theirs"); code == 0 || !strings.Contains(stderr, "lacks the right to observe on model:theirs") {
		t.Errorf("another's model: %s", stderr)
	}
	c.as("reader") // who may read the definition of a view learns nothing of its rows
	if shown := c.run("show", "mine", "--kind", "feature view"); !strings.Contains(shown, "entities:") || strings.Contains(shown, "rows, read up to") || strings.Contains(shown, "not materialized") {
		t.Errorf("the definition alone: %s", shown)
	}
}
