package larder_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

// A cutWire answers with a part of what it was asked for.
type cutWire struct {
	wire
	scores   *larderv1.GetFeaturesAndScoreResponse
	features *larderv1.GetFeaturesResponse
}

func (w *cutWire) GetFeaturesAndScore(context.Context, *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	return w.scores, nil
}

func (w *cutWire) GetFeatures(context.Context, *larderv1.GetFeaturesRequest) (*larderv1.GetFeaturesResponse, error) {
	return w.features, nil
}

// TestIncompleteAnswersAreErrors: a response that lacks a part is an error that says
// what it lacks, never fewer scores than rows.
func TestIncompleteAnswersAreErrors(t *testing.T) {
	type scores = larderv1.GetFeaturesAndScoreResponse
	type features = larderv1.GetFeaturesResponse
	column := func(values, statuses int) []*larderv1.Column {
		return []*larderv1.Column{{
			Name: "v:f", Statuses: make([]larderv1.Status, statuses),
			Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: make([]int64, values)}},
		}}
	}
	lists := []*larderv1.Column{{Name: "v:l", Statuses: make([]larderv1.Status, 2), Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{
		Elements: column(3, 0)[0], Ends: []uint32{1, 4},
	}}}}
	reads := func(statuses, ages int) []*larderv1.ViewRead {
		return []*larderv1.ViewRead{{FeatureView: "v", Statuses: make([]larderv1.Status, statuses), Ages: make([]int64, ages)}}
	}
	w := new(cutWire)
	client := dialTo(t, w, larder.Options{})
	request := larder.Request{Entities: larder.Columns{"id": []int64{1, 2}}}
	f := func(err error, want string) {
		t.Helper()
		var cut *larder.IncompleteError
		if !errors.As(err, &cut) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	score := func(answer *scores, withFeatures bool, want string) {
		t.Helper()
		w.scores, request.WithFeatures = answer, withFeatures
		_, err := client.Score(t.Context(), "m", request)
		f(err, want)
	}
	read := func(answer *features, want string) {
		t.Helper()
		w.features = answer
		_, err := client.GetFeatures(t.Context(), "s", request)
		f(err, want)
	}
	whole := []float64{1, 2}
	score(&scores{}, false, "0 scores for 2 rows")
	score(&scores{Scores: whole[:1]}, false, "1 scores for 2 rows")
	score(&scores{Scores: whole, ModelVersions: []int64{1}}, false, "1 model versions for 2 rows")
	score(&scores{Scores: whole}, true, "no features for 2 rows")
	score(&scores{Scores: whole, Reads: reads(2, 1)}, false, `2 statuses and 1 ages of feature view "v" for 2 rows`)
	three := &larderv1.Output{Shape: []uint32{3}, Values: &larderv1.Column{Name: "p", Values: &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: make([]float32, 5)}}}}
	score(&scores{Outputs: []*larderv1.Output{three}}, false, `5 values of the output "p" for 2 rows`)
	read(&features{}, "no features for 2 rows")
	read(&features{Features: column(1, 2)}, `1 values of "v:f" for 2 rows`)
	read(&features{Features: column(2, 0)}, `0 statuses of "v:f" for 2 rows`)
	read(&features{Features: lists}, `0 values of "v:l" for 2 rows`)
	read(&features{Features: column(2, 2), Reads: reads(0, 0)}, "0 statuses and 0 ages")
}

// TestOutputs: a model without a score answers outputs, with a version for each row.
func TestOutputs(t *testing.T) {
	w := &cutWire{scores: &larderv1.GetFeaturesAndScoreResponse{ModelVersion: 7, Outputs: []*larderv1.Output{{
		Shape: []uint32{2}, Classes: []string{"no", "yes"},
		Values: &larderv1.Column{Name: "p", Values: &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: []float32{0.25, 0.75, 1, 0}}}},
	}}}}
	got, err := dialTo(t, w, larder.Options{}).Score(t.Context(), "m", larder.Request{Entities: larder.Columns{"id": []int64{1, 2}}, Outputs: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []larder.Output{{Name: "p", Values: []float32{0.25, 0.75, 1, 0}, Shape: []int{2}, Classes: []string{"no", "yes"}}}
	if diff := cmp.Diff(want, got.Outputs); diff != "" || got.Scores != nil || !cmp.Equal(got.ModelVersions, []int64{7, 7}) {
		t.Errorf("scores %v, versions %v, outputs (-want +got):\n%s", got.Scores, got.ModelVersions, diff)
	}
}
