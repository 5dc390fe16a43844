package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/control/models"
	"larder/schema"
)

func three() *schema.Model {
	return &schema.Model{Name: "m", Serve: 1, Versions: []schema.ModelVersion{{Version: 1}, {Version: 2}, {Version: 3}}}
}

func reasonOf(err error) string {
	var said *schema.Error
	if !errors.As(err, &said) {
		return ""
	}
	return string(said.Reason)
}

// TestSetTrafficLeavesWhatIsNotSaid: weights end a ramp; everything else stays.
func TestSetTrafficLeavesWhatIsNotSaid(t *testing.T) {
	m := three()
	f := func(change models.Traffic, want schema.Model) {
		t.Helper()
		if err := models.SetTraffic(m, change); err != nil {
			t.Fatal(err)
		}
		want.Name, want.Versions, want.Rollout = m.Name, m.Versions, schema.CommandsDecide
		if diff := cmp.Diff(&want, m); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	weights := []schema.VersionWeight{{Version: 1, Weight: 90}, {Version: 2, Weight: 10}}
	shadow := []int64{3}
	split := schema.Model{Traffic: weights, SplitBy: "user_id"}
	f(models.Traffic{Weights: weights, SplitBy: "user_id"}, split)
	split.Salt = "spring"
	f(models.Traffic{Salt: "spring"}, split)
	split.Shadow = shadow
	f(models.Traffic{Shadow: &shadow}, split)
	split.Ramp = &schema.Ramp{Version: 2, From: 10, To: 50, Over: schema.Duration(time.Hour), Guards: &schema.Guards{Window: schema.Duration(time.Minute), MinRequests: 5}}
	f(models.Traffic{Ramp: &models.Ramp{Version: 2, To: 50, Over: time.Hour, Guards: map[string]float64{"window": 60, "min_requests": 5}}}, split)
	split.Ramp = nil
	f(models.Traffic{Weights: weights}, split)
	err := models.SetTraffic(m, models.Traffic{Ramp: &models.Ramp{Version: 2, Guards: map[string]float64{"windw": 1}}})
	if reasonOf(err) != "UNKNOWN_GUARD" {
		t.Errorf("got %v", err)
	}
}

func TestRetireRefusesVersionsInUse(t *testing.T) {
	m := three()
	m.Shadow = []int64{2}
	for _, version := range []int64{1, 2} {
		if err := models.Retire(m, version); reasonOf(err) != "VERSION_IN_USE" {
			t.Errorf("version %d: %v", version, err)
		}
	}
	if err := models.Retire(m, 3); err != nil || len(m.Versions) != 2 {
		t.Errorf("%v, versions %v", err, m.Versions)
	}
	models.ServeAlone(m, 2)
	if m.Serve != 2 || len(m.Shadow) != 0 {
		t.Errorf("the model is %+v", m)
	}
}

// TestRetireTheOnlyVersion: a model that follows MLflow can wait for its next version;
// any other model can't be without one.
func TestRetireTheOnlyVersion(t *testing.T) {
	only := func() *schema.Model {
		return &schema.Model{
			Name: "m", FeatureService: "s", Serve: 3,
			Versions: []schema.ModelVersion{{Version: 3, SHA256: strings.Repeat("a", 64), ONNX: "m.onnx", From: schema.FromMLflow}},
		}
	}
	if err := models.Retire(only(), 3); reasonOf(err) != "VERSION_IN_USE" || !strings.Contains(err.Error(), "larder models retire m --model") {
		t.Errorf("of a model that follows nothing: %v", err)
	}
	m := only()
	m.MLflow = &schema.MLflowAlias{Alias: "champion"}
	if err := models.Retire(m, 3); err != nil {
		t.Fatal(err)
	}
	if m.Versions != nil || m.Serve != 0 || m.Rollout != schema.CommandsDecide {
		t.Errorf("the model is %+v", m)
	}
	defs := &schema.Definitions{
		FeatureServices: []schema.FeatureService{{Name: "s", Request: []schema.Feature{{Name: "x", Type: schema.Float32}}, Features: []string{"request:x"}}},
		Models:          []schema.Model{*m},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.ModelPlan("m", 0); reasonOf(err) != "UNKNOWN_MODEL_VERSION" || !strings.Contains(err.Error(), `waits for its alias "champion"`) {
		t.Errorf("a request for it: %v", err)
	}
}
