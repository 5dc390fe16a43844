package integration_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

const onDemandViews = `
on_demand_views:
  - name: context
    request: [{name: paid, type: float64}, {name: times, type: int64}]
    sources: [spend]
    features:
      - {name: ratio, type: float64, expr: "request.paid / spend.amount"}
      - {name: share, type: int64, expr: "100 / request.times", default: -1}
      - {name: both, type: list<float64>, expr: "[request.paid, spend.amount]"}
  - name: derived
    sources: [context]
    features:
      - {name: high, type: float64, default: 0, expr: "context.ratio > 2.0 ? 1.0 : 0.0"}
`

// TestOnDemandFeatures applies on-demand views, and gets and scores them over gRPC and
// HTTP. Expressions read spend:amount, but neither service lists it.
func TestOnDemandFeatures(t *testing.T) {
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 10)
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "derived:high", Elem: onnxmodel.Double}}, 1)
	file := model.Model()
	writeFile(t, dir, "model.onnx", string(file.Encode()))
	writeFile(t, dir, "ondemand.yaml", onDemandViews+`
feature_services:
  - {name: context, features: ["context:*", "derived:high"]}
  - {name: high, features: ["derived:*"]}
models: [{name: high, feature_service: high, versions: [{version: 1, onnx: model.onnx}]}]
`)
	s := startServer(t, db.DSN)
	s.apply(dir)
	s.mustMaterialize()

	entities := []*larderv1.Column{int64Column("user_id", 2, 4, 99)}
	paid := &larderv1.Column{Name: "paid", Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: []float64{5, 5, 5}}}}
	request := []*larderv1.Column{paid, int64Column("times", 4, 0, 7)}
	got, err := s.serving.GetFeatures(t.Context(), &larderv1.GetFeaturesRequest{
		What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "context"}, Entities: entities, Request: request,
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got.GetFeatures() {
		for r := range entities[0].GetInt64S().GetValues() {
			lines = append(lines, fmt.Sprintf("%s %s %s", c.GetName(), cell(c, r), statusName(c.GetStatuses()[r])))
		}
	}
	want := []string{
		"context:ratio 2.5 PRESENT", "context:ratio 1.25 PRESENT", "context:ratio null NULL_VALUE",
		"context:share 25 PRESENT", "context:share -1 NULL_VALUE", "context:share 14 PRESENT",
		"context:both [5,2] PRESENT", "context:both [5,4] PRESENT", "context:both null NULL_VALUE",
		"derived:high 1 PRESENT", "derived:high 0 PRESENT", "derived:high 0 NULL_VALUE",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}

	scored, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "high", Entities: entities, Request: request[:1]})
	if err != nil {
		t.Fatal(err)
	}
	scores := []float64{float64(model.Score([]any{1.0})), float64(model.Score([]any{0.0})), float64(model.Score([]any{0.0}))}
	if diff := cmp.Diff(scores, scored.GetScores()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	answer := s.postJSON("/v1/score", `{"model": "high", "entities": {"user_id": [2, 4]}, "request": {"paid": [5, 5], "spend:amount": [100, 1]}}`)
	if diff := cmp.Diff([]any{scores[1], scores[0]}, answer["scores"]); diff != "" {
		t.Errorf("scores over HTTP, of amounts that the request brings (-want +got):\n%s", diff)
	}
	if text := s.httpText("/metrics"); !strings.Contains(text, `larder_on_demand_errors_total{feature="share",reason="division_by_zero",view="context"} 1`) {
		t.Error("/metrics does not count the division by zero")
	}
	_, err = s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "high", Entities: entities})
	if err == nil || !strings.Contains(err.Error(), `request value "paid" (float64) is missing`) {
		t.Errorf("without what an expression reads: %v", err)
	}
}

// TestExpressionsThatAreRefused: larder plan and larder apply report what is wrong.
func TestExpressionsThatAreRefused(t *testing.T) {
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 10)
	s := startServer(t, db.DSN)
	f := func(old, changed, want string) {
		t.Helper()
		writeFile(t, dir, "ondemand.yaml", strings.Replace(onDemandViews, old, changed, 1))
		for _, command := range []string{"plan", "apply"} {
			if _, stderr, code := s.client(command, dir); code != 1 || !strings.Contains(stderr, want) {
				t.Errorf("larder %s of %s: exit code %d\n%s\nwant %s", command, changed, code, stderr, want)
			}
		}
	}
	f("request.paid / spend", "request.times / spend", `on-demand view "context": feature "ratio": line 1, column 15: found no matching overload for '_/_' applied to '(int, double)'`)
	f("/ spend.amount", "/ spend.amuont", `on-demand view "context": feature "ratio": line 1, column 21: undefined field 'amuont'`)
	f("high, type: float64, default: 0", "high, type: int64", `on-demand view "derived": feature "high": the expression is double, and the feature is int64, which wants int`)
	f("100 / request.times", "100 /", `on-demand view "context": feature "share": line 1, column`)
	if err := os.Remove(filepath.Join(dir, "ondemand.yaml")); err != nil {
		t.Fatal(err)
	}
	s.apply(dir)
}

// postJSON returns the response to a request over HTTP.
func (s *server) postJSON(path, body string) map[string]any {
	s.t.Helper()
	answer, err := http.Post("http://"+s.http+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %v %v", path, answer.Status, out, err)
	}
	return out
}

func (s *server) httpText(path string) string {
	s.t.Helper()
	answer, err := http.Get("http://" + s.http + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}
