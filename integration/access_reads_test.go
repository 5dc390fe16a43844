package integration_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
)

// TestReadsAreCounted: each answered request of a caller, and each answered message of its
// streams, is counted with what it was for. What is not there is not, or callers could
// make the metrics grow.
func TestReadsAreCounted(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	dir := t.TempDir()
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "x", Elem: onnxmodel.Double}}, 1).Model()
	fileOf(t, filepath.Join(dir, "m.onnx"), model.Encode())
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(`
entities: [{name: e, join_keys: [{name: id, type: int64}]}]
sources: [{name: s, timestamp_field: at, query: "SELECT 1::bigint AS id, now() AS at, 1.5::float8 AS x"}]
feature_views: [{name: v, entities: [e], source: s, features: [{name: x, type: float64, default: 0}]}]
feature_services: [{name: f, features: ["v:x"]}]
models: [{name: m, feature_service: f, versions: [{version: 1, onnx: m.onnx}], serve: 1}]
`))
	c.run("apply", "--yes", dir)
	key := c.key("scorer", "--role", "scorer")
	conn, web := c.dial(caller{bearer: key})

	score := &larderv1.GetFeaturesAndScoreRequest{Model: "m", Entities: []*larderv1.Column{{Name: "id", Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: []int64{1}}}}}}
	serving := larderv1.NewServingServiceClient(conn)
	if _, err := serving.GetFeaturesAndScore(t.Context(), score); err != nil {
		t.Fatal(err)
	}
	stream, err := serving.StreamFeaturesAndScore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: score}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	infers, err := inferencev2.NewGRPCInferenceServiceClient(conn).ModelStreamInfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"m", "nobodys", "m.features", "m"} {
		req := &inferencev2.ModelInferRequest{ModelName: name, Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{
			{Name: "x", Datatype: "FP64", Shape: []int64{1, 1}, Contents: &inferencev2.InferTensorContents{Fp64Contents: []float64{1}}},
		}}
		if name == "m.features" {
			req.Inputs = []*inferencev2.ModelInferRequest_InferInputTensor{{Name: "id", Datatype: "INT64", Shape: []int64{1}, Contents: &inferencev2.InferTensorContents{Int64Contents: []int64{1}}}}
		}
		if err := infers.Send(req); err != nil {
			t.Fatal(err)
		}
		if answer, err := infers.Recv(); err != nil || (answer.GetErrorMessage() != "") != (name == "nobodys") {
			t.Fatalf("%s: %v, %v", name, answer, err)
		}
	}
	if code, body := c.fetch(web, call{name: "POST /v1/score", body: []byte(`{"model": "m", "entities": {"id": [1]}}`)}, key); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	_, page := c.fetch(web, call{name: "GET /metrics"}, c.rootKey())
	got := regexp.MustCompile(`(?m)^larder_grpcserver_reads_total\{.*$`).FindAllString(string(page), -1)
	slices.Sort(got)
	want := []string{
		`larder_grpcserver_reads_total{caller="key:scorer",resource="model:m"} 7`,
		`larder_grpcserver_reads_total{caller="key:scorer",resource="model:m.features"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" || strings.Contains(string(page), "nobodys") {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
