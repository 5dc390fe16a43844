package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// TestAppliesThatAreRefused checks the messages about definitions that can't be served,
// and that nothing is applied.
func TestAppliesThatAreRefused(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	if _, err := db.Pool.Exec(t.Context(), "CREATE TABLE naive (user_id text, event_time timestamp, amount text)"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	f := func(yaml string, words ...string) {
		t.Helper()
		m.write("definitions.yaml", yaml)
		_, stderr, code := s.client("apply", m.dir)
		if code != 1 {
			t.Errorf("exit code %d\n%s\n%s", code, stderr, yaml)
		}
		for _, w := range words {
			if !strings.Contains(stderr, w) {
				t.Errorf("it says %s\nwant %q", stderr, w)
			}
		}
	}
	replaced := func(old, with string) string {
		if !strings.Contains(m.base, old) {
			t.Fatalf("the definitions have no %q", old)
		}
		return strings.Replace(m.base, old, with, 1)
	}
	f(replaced("table: spend", "table: spent"), `source "spend": no table spent; did you mean "spend"?`)
	f(replaced("event_time", "evnt_time"), `source "spend"`, `"evnt_time"`)
	f(replaced("name: amount", "name: amont"), `source "spend"`, `"amont"`)
	f(replaced("table: spend", "table: naive"), `source "spend"`, "event_time", "time_zone", "user_id", "amount")
	f(replaced("table: spend", `query: "SELECT * FROM spend WHERE ("`), `source "spend"`, "syntax error")

	model := func(line string) string {
		return m.base + "models: [{name: spend, feature_service: spend, " + line + "}]\n"
	}
	wide := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 1, Depth: 1, Features: 3, Seed: 1})
	m.write("wide.onnx", string(wide))
	m.write("text.onnx", "no model at all")
	other := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amuont", Elem: onnxmodel.Double}, {Name: "limit", Elem: onnxmodel.Double}}, 1).Model()
	m.write("other.onnx", string(other.Encode()))
	text := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amount", Elem: onnxmodel.String}}, 1).Model()
	m.write("string.onnx", string(text.Encode()))
	f(model("serve: 1, versions: [{version: 1, onnx: gone.onnx}]"), "definitions.yaml:", "gone.onnx")
	f(model("serve: 1, versions: [{version: 1, onnx: ../outside.onnx}]"), "definitions.yaml:", "../outside.onnx")
	f(model("serve: 2, versions: [{version: 1, onnx: spend-1.onnx}]"), "definitions.yaml:", "version 2")
	f(model("serve: 1, versions: [{version: 1, onnx: spend-1.onnx, sha256: \""+strings.Repeat("0", 64)+"\"}]"), "definitions.yaml:", "spend-1.onnx")
	f(model("serve: 1, versions: [{version: 1, onnx: text.onnx}]"), `model "spend" version 1`)
	f(model("serve: 1, versions: [{version: 1, onnx: wide.onnx}]"), `model "spend" version 1`, "3 features wide, but the feature service has 1")
	f(model("serve: 1, versions: [{version: 1, onnx: other.onnx}]"), `model "spend" version 1: input "amuont" is not named after a feature: did you mean "amount"?`, "inputs: [{name: amuont, features: [...]}]")
	f(model("serve: 1, versions: [{version: 1, onnx: string.onnx}]"), `model "spend" version 1`, "string", "float64")
	f(model("serve: 1, versions: [{version: 1, onnx: spend-1.onnx, output: scoer}]"), `"scoer"`, "score")

	// Faults in several files are reported at once, each with its place.
	if err := os.WriteFile(filepath.Join(m.dir, "more.yaml"), []byte("entities:\n  - name: shop\n    join_kyes: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(m.base+"feature_vews: []\n", "definitions.yaml:", "more.yaml:3:5: ", `did you mean "join_keys"?`, `did you mean "feature_views"?`)
	if got := s.catalogVersion(); got != 0 {
		t.Errorf("catalog version %d: something was applied", got)
	}
}

func TestControlRequestsThatAreRefused(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, 1))
	f := func(err error, code codes.Code, message string) {
		t.Helper()
		if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), message) {
			t.Errorf("%v; want %s with %q", err, code, message)
		}
	}
	_, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{FeatureViews: []string{"spned"}})
	f(err, codes.NotFound, `no feature view "spned"; did you mean "spend"?`)
	from, to := int64(5), int64(4)
	_, err = s.materialize(t.Context(), &larderv1.MaterializeRequest{From: &from, To: &to})
	f(err, codes.InvalidArgument, "")
	_, err = s.materialize(t.Context(), &larderv1.MaterializeRequest{From: &to, To: &from, Full: true})
	f(err, codes.InvalidArgument, "full")
	_, err = s.control.GetRun(t.Context(), &larderv1.GetRunRequest{Id: "no-such-run"})
	f(err, codes.NotFound, "no-such-run")
	_, err = s.control.Apply(t.Context(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Definitions{Definitions: []byte("{")}})
	f(err, codes.InvalidArgument, "definitions")
	_, err = s.control.Apply(t.Context(), &larderv1.ApplyRequest{})
	f(err, codes.InvalidArgument, "")
	_, err = s.control.Plan(t.Context(), &larderv1.PlanRequest{Definitions: []byte(`{"feature_views": [{"name": "x", "surprise": 1}]}`)})
	f(err, codes.InvalidArgument, "surprise")
	stream, err := s.control.PutModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.CloseAndRecv()
	f(err, codes.InvalidArgument, "")
}
