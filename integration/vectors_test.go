package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

const vectorDefinitions = `
entities: [{name: item, join_keys: [{name: item_id, type: int64}]}]
sources: [{name: items, table: items, timestamp_field: at, max_bad_share: 1}]
feature_views:
  - name: items
    entities: [item]
    source: items
    features:
      - name: taste
        type: vector<float32, 3>
      - {name: sizes, type: "vector<int64,2>", default: [7, 8]}
on_demand_views:
  - name: near
    request: [{name: wish, type: "vector<float32, 3>"}]
    sources: [items]
    features:
      - name: dot
        type: float64
        expr: "items.taste[0] * request.wish[0] + items.taste[1] * request.wish[1] + items.taste[2] * request.wish[2]"
feature_services:
  - {name: all, features: ["items:*", "near:dot"]}
  - {name: dot, features: ["near:dot"]}
models: [{name: near, feature_service: dot, log: {rate: 1}, versions: [{version: 1, onnx: near.onnx}]}]
`

// TestVectors takes vectors from arrays to answers over HTTP and to the command line, to
// training sets and the feature log, and refuses those of another length by name.
func TestVectors(t *testing.T) {
	db := pgtest.New(t)
	const rows = `CREATE TABLE items (item_id bigint, at timestamptz, taste real[], sizes int[]);
		INSERT INTO items VALUES (1, '2026-01-01', '{1,-2.5,3e-8}', '{1,2}'), (2, '2026-01-01', NULL, NULL), (3, '2026-01-01', '{1,2}', '{3,4}')`
	if _, err := db.Pool.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	log := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", log)
	dir := definitionsFolder(t, vectorDefinitions)
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "near:dot", Elem: onnxmodel.Double}}, 1)
	file := model.Model()
	writeFile(t, dir, "near.onnx", string(file.Encode()))
	s.apply(dir)
	stdout, stderr, code := s.client("materialize", "items")
	if code != 0 || !strings.Contains(stdout+stderr, "item_id=3 taste=real[] of length 2, not 3") {
		t.Errorf("exit code %d, no bad row of a vector of another length in\n%s%s", code, stdout, stderr)
	}

	const ask = `{"feature_service": "all", "entities": {"item_id": [1, 2, 3]}, "request": {"wish": [[2, 1, 0], [0, 0, 0], null]%s}}`
	_, _, answer := s.ask("POST", "/v1/features", fmt.Sprintf(ask, ""))
	for _, want := range []string{
		`"name":"items:taste","values":[[1,-2.5,3e-8],null,null],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]`,
		`"name":"items:sizes","values":[[1,2],[7,8],[7,8]],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]`,
		`"name":"near:dot","values":[-0.5,null,null]`,
	} {
		if !strings.Contains(strings.ReplaceAll(answer, "3e-08", "3e-8"), want) {
			t.Errorf("no %s in\n%s", want, answer)
		}
	}
	_, _, answer = s.ask("POST", "/v1/features", fmt.Sprintf(ask, `, "items:taste": [[5, 6, 7], [1, 1, 1], null]`))
	if want := `"values":[[5,6,7],[1,1,1],null],"statuses":["PRESENT","PRESENT","NULL_VALUE"]`; !strings.Contains(answer, want) {
		t.Errorf("no %s in\n%s", want, answer)
	}
	refused := func(body, want string) {
		t.Helper()
		if status, _, answer := s.ask("POST", "/v1/features", body); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("status %d: no %s in\n%s", status, want, answer)
		}
	}
	refused(fmt.Sprintf(ask, `, "items:sizes": [[1, 2], [1, 2, 3], null]`), `request value \"items:sizes\", row 1: the length is 3; vector\u003cint64, 2\u003e has length 2`)
	refused(`{"feature_service": "all", "entities": {"item_id": [1]}, "request": {"wish": [[1]]}}`, `request value \"wish\", row 0: the length is 1; vector\u003cfloat32, 3\u003e has length 3`)
	refused(`{"feature_service": "all", "entities": {"item_id": [1]}, "request": {"wish": [1]}}`, `1 is not a valid vector\u003cfloat32, 3\u003e value; write [a number, ...]`)

	if stdout, stderr, code := s.client("get", "--features", "items:*", "item_id=1,2"); code != 0 || !strings.Contains(stdout, "[1, -2.5, 3e-08]") || !strings.Contains(stdout, "[7, 8]") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := s.client("get", "all", "item_id=1", "--request", "wish=1"); code != 2 || !strings.Contains(stderr, "wish is vector<float32, 3>, which the command line can't express; use gRPC or HTTP") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}

	spine := writeFile(t, t.TempDir(), "spine.csv", "item_id,event_time,wish\n1,2026-02-01T00:00:00Z,\"[2,1,0]\"\n2,2026-02-01T00:00:00Z,\n1,2025-12-31T00:00:00Z,\"[1,1,1]\"\n")
	out := filepath.Join(t.TempDir(), "set.csv")
	if _, stderr, code := s.client("dataset", "--service", "all", "--spine", spine, "--out", out); code != 0 {
		t.Fatal(stderr)
	}
	const want = `item_id,event_time,wish,items__taste,items__sizes,near__dot
1,2026-02-01T00:00:00Z,"[2,1,0]","[1,-2.5,3e-08]","[1,2]",-0.5
2,2026-02-01T00:00:00Z,,,"[7,8]",
1,2025-12-31T00:00:00Z,"[1,1,1]",,"[7,8]",
`
	if got, err := os.ReadFile(out); err != nil || string(got) != want {
		t.Errorf("%v, trained on (-want +got):\n%s", err, cmp.Diff(want, string(got)))
	}
	short := writeFile(t, t.TempDir(), "short.csv", "item_id,event_time,wish\n1,2026-02-01T00:00:00Z,\"[2,1,0]\"\n2,2026-02-01T00:00:00Z,\"[1,2]\"\n")
	if _, stderr, code := s.client("dataset", "--service", "all", "--spine", short, "--out", out); code == 0 || !strings.Contains(stderr, `request value "wish" is vector<float32, 3>; row 1 has a list of length 2, not 3`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}

	if stdout, stderr, code := s.client("verify", "--all"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := db.Pool.Exec(t.Context(), "UPDATE items SET taste = '{1,-2.5,4}' WHERE item_id = 1"); err != nil {
		t.Fatal(err)
	}
	if stdout, _, code := s.client("verify", "--all"); code != 1 || !strings.Contains(singleSpaced(stdout), "mismatched item_id=1 items:taste [1,-2.5,3e-08] [1,-2.5,4]") {
		t.Errorf("exit code %d, no difference in\n%s", code, stdout)
	}
	_, _, answer = s.ask("POST", "/v1/score", `{"model": "near", "entities": {"item_id": [1, 1]}, "request": {"wish": [[2, 1, 0], [0, 1, 0]]}}`)
	if !strings.Contains(answer, `"scores":[`) {
		t.Fatal(answer)
	}
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	logged, err := filepath.Glob(filepath.Join(log, "near", "*.parquet"))
	if err != nil || len(logged) != 1 {
		t.Fatalf("files %q, %v", logged, err)
	}
	s.start()
	if _, stderr, code := s.client("dataset", "--service", "dot", "--spine", logged[0], "--event-time-column", "log:time", "--out", out); code != 0 {
		t.Fatalf("a feature log with vectors is no spine: %s", stderr)
	}
	if got, err := os.ReadFile(out); err != nil || !strings.Contains(string(got), `"[2,1,0]"`) || !strings.Contains(string(got), `"[0,1,0]"`) {
		t.Errorf("%v, the log lacks the vectors of the requests:\n%s", err, got)
	}
}
