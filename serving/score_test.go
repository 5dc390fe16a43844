package serving_test

import (
	"errors"
	"io"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// risk asks the model risk about three customers at two terminals.
func risk() *larderv1.GetFeaturesAndScoreRequest {
	return &larderv1.GetFeaturesAndScoreRequest{
		Model:    "risk",
		Entities: columns(int64s("customer_id", 1, 2, 3), texts("terminal_id", "a", "b", "b")),
		Request:  columns(doubles("amount", 10, 20, 30)),
		At:       at(noon),
	}
}

// riskVectors are the vectors of that request: amount, hits, count, mean.
var riskVectors = [][]float32{{10, 11, 7, 1.5}, {20, -1, 8, float32(math.NaN())}, {30, -1, 0, float32(math.NaN())}}

func riskScores(version int64) []float64 {
	var want []float64
	for _, v := range riskVectors {
		want = append(want, float64(forests[version-1].Score(v)))
	}
	return want
}

func TestScoresAreThoseOfTheModel(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	for _, version := range []int64{0, 1, 2} {
		req := risk()
		req.ModelVersion = version
		got, err := s.client.GetFeaturesAndScore(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		answered := max(version, 1)
		if got.GetModelVersion() != answered || got.GetCatalogVersion() != 1 {
			t.Errorf("asked for version %d: answered by version %d of catalog %d", version, got.GetModelVersion(), got.GetCatalogVersion())
		}
		if diff := cmp.Diff(riskScores(answered), got.GetScores()); diff != "" {
			t.Errorf("scores of version %d (-want +got):\n%s", answered, diff)
		}
		if got.GetFeatures() != nil {
			t.Errorf("features come unasked: %v", got.GetFeatures())
		}
	}
}

func TestScoresOfAModelWithAnInputPerFeature(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	status, got := s.post("/v1/score", `{"model": "taste", "entities": {"customer_id": [2, 1]}, "at": "2025-06-15T15:06:40Z", "return_features": true}`)
	if status != 200 {
		t.Fatalf("status %d: %s", status, got)
	}
	resp, err := s.client.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "taste", Entities: columns(int64s("customer_id", 2, 1)), At: at(noon)})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{float64(linear.Score([]any{"fuel", int64(8)})), float64(linear.Score([]any{"grocer", int64(7)}))}
	if diff := cmp.Diff(want, resp.GetScores()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

// A value in the request for a stored feature stands for what is stored.
func TestOverrides(t *testing.T) {
	s := stocked(t)
	req := risk()
	mean := doubles("spend:mean", 0, 9.25, 0)
	mean.Nulls = []uint32{0, 2}
	req.Request, req.ReturnFeatures = append(req.Request, mean), true
	got, err := s.server.GetFeaturesAndScore(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{
		float64(forests[0].Score([]float32{10, 11, 7, float32(math.NaN())})),
		float64(forests[0].Score([]float32{20, -1, 8, 9.25})),
		float64(forests[0].Score([]float32{30, -1, 0, float32(math.NaN())})),
	}
	if diff := cmp.Diff(want, got.GetScores()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	statuses := []larderv1.Status{null, present, null}
	if diff := cmp.Diff(statuses, got.GetFeatures()[3].GetStatuses()); diff != "" {
		t.Errorf("statuses of spend:mean (-want +got):\n%s", diff)
	}
}

func TestStreamAnswersInOrderUntilAnError(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	stream, err := s.client.StreamFeaturesAndScore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const many = 50
	for i := range many {
		req := risk()
		req.ModelVersion = int64(1 + i%2)
		s.check(stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: req}))
	}
	for i := range many {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(riskScores(int64(1+i%2)), got.GetResponse().GetScores()); diff != "" {
			t.Fatalf("answer %d (-want +got):\n%s", i, diff)
		}
	}
	s.check(stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: &larderv1.GetFeaturesAndScoreRequest{Model: "rsik"}}))
	_, err = stream.Recv()
	refused(t, err, "NotFound", "UNKNOWN_MODEL", `no model "rsik"; did you mean "risk"?`)
}

func TestStreamThatItsCallerCloses(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	stream, err := s.client.StreamFeaturesAndScore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.check(stream.CloseSend())
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v; want the end of the stream", err)
	}
}
