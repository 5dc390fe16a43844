package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
)

func TestServicePlan(t *testing.T) {
	p, err := catalog(t, base).ServicePlan("fraud_v1")
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.PlanFeature{
		{Name: "spend:n", Type: schema.Int64, Default: int64(0), View: 0, Request: -1},
		{Name: "spend:mean", Type: schema.Float64, View: 0, Request: -1},
		{Name: "pair:seen", Type: schema.Bool, View: 1, Request: -1},
		{Name: "request:amount", Type: schema.Float64, Default: float64(1), View: -1, Request: 0},
	}
	if diff := cmp.Diff(want, p.Features); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	keys := []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}, {Name: "terminal_id", Type: schema.String}}
	if diff := cmp.Diff(keys, p.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 1}, p.Views[1].KeyColumns); diff != "" {
		t.Errorf("key columns of pair (-want +got):\n%s", diff)
	}
	if p.Name() != "fraud_v1" || p.Model != nil || p.Catalog.Version != 7 {
		t.Errorf("plan %s of model %v, version %d", p.Name(), p.Model, p.Catalog.Version)
	}
}

// TestFeaturesPlanKeepsTheOrderAskedFor: also when the features of two views alternate.
func TestFeaturesPlanKeepsTheOrderAskedFor(t *testing.T) {
	p, err := catalog(t, base).FeaturesPlan([]string{"spend:mean", "pair:*", "spend:n"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Features {
		got = append(got, f.Name)
	}
	if diff := cmp.Diff([]string{"spend:mean", "pair:seen", "spend:n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]schema.Slot{{Column: 1, Feature: 0}, {Column: 0, Feature: 2}}, p.Views[0].Slots); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
}

func TestModelPlan(t *testing.T) {
	c := catalog(t, base)
	f := func(asked, want int64, serves bool) {
		t.Helper()
		p, err := c.ModelPlan("fraud", asked)
		if err != nil {
			t.Fatal(err)
		}
		if p.ModelVersion.Version != want || p.Service.Name != "fraud_v1" || p.Name() != "fraud" || c.Serves(p) != serves {
			t.Errorf("version %d of %s over %s, served: %v", p.ModelVersion.Version, p.Name(), p.Service.Name, c.Serves(p))
		}
	}
	f(0, 1, true)
	f(1, 1, true)
	f(2, 2, false)
}

func TestPlansThatAreRefused(t *testing.T) {
	c := catalog(t, base)
	f := func(err error, kind schema.Kind, reason, message string) {
		t.Helper()
		said, ok := err.(*schema.Error)
		if !ok || said.Kind != kind || string(said.Reason) != reason || said.Message != message {
			t.Errorf("got  %v\nwant %s [%s]", err, message, reason)
		}
	}
	service := func(name string) error { _, err := c.ServicePlan(name); return err }
	model := func(name string, version int64) error { _, err := c.ModelPlan(name, version); return err }
	features := func(refs ...string) error { _, err := c.FeaturesPlan(refs); return err }
	f(service("fraud_v2"), schema.NotFound, "UNKNOWN_FEATURE_SERVICE", `no feature service "fraud_v2"; did you mean "fraud_v1"?`)
	f(model("fruad", 0), schema.NotFound, "UNKNOWN_MODEL", `no model "fruad"; did you mean "fraud"?`)
	f(model("fraud", 9), schema.NotFound, "UNKNOWN_MODEL_VERSION", `model "fraud" has no version 9; it has 1, 2`)
	f(features(), schema.Invalid, "NO_FEATURES", "the request names no features; name a feature service, or features as VIEW:FEATURE")
	f(features("spend"), schema.Invalid, "BAD_REFERENCE", `"spend" is not a reference to a feature; write VIEW:FEATURE or VIEW:*`)
	f(features("spned:n"), schema.NotFound, "UNKNOWN_FEATURE_VIEW", `no feature view "spned"; did you mean "spend"?`)
	f(features("spend:avg_amount"), schema.NotFound, "UNKNOWN_FEATURE", `feature view "spend" has no feature "avg_amount"; use mean or n`)
	f(features("spend:*", "spend:n"), schema.Invalid, "DUPLICATE_FEATURE", "the request names feature spend:n twice; remove one")
	f(features("request:amount"), schema.NotFound, "UNKNOWN_FEATURE", `no request value "amount" is declared; there are none`)
}

// TestFingerprint: equal definitions have equal fingerprints, even from different files.
func TestFingerprint(t *testing.T) {
	f := func(same bool, oldnew ...string) {
		t.Helper()
		a, b := read(t, base).Fingerprint(), read(t, changed(t, oldnew...)).Fingerprint()
		if len(a) != 64 || (a == b) != same {
			t.Errorf("%q: %s and %s, want the same: %v", oldnew, a, b, same)
		}
	}
	f(true)
	f(true, `"30d"`, `"720h"`)
	f(false, `"30d"`, `"31d"`)
	f(false, `"default": 0`, `"default": 7`)
}
