package schema_test

import (
	"strings"
	"testing"

	"larder/schema"
)

// splitting is a model with three versions; two of them serve.
func splitting() *schema.Definitions {
	sum := strings.Repeat("ab", 32)
	return &schema.Definitions{
		Entities:        []schema.Entity{{Name: "user", JoinKeys: []schema.JoinKey{{Name: "user_id", Type: schema.Int64}}}},
		Sources:         []schema.Source{{Name: "facts", Table: "facts", TimestampField: "at"}},
		FeatureViews:    []schema.FeatureView{{Name: "v", Entities: []string{"user"}, Source: "facts", Features: []schema.Feature{{Name: "x", Type: schema.Float64}}}},
		FeatureServices: []schema.FeatureService{{Name: "s", Features: []string{"v:x"}}},
		Models: []schema.Model{{
			Name: "m", FeatureService: "s",
			Versions: []schema.ModelVersion{{Version: 3, ONNX: "3.onnx", SHA256: sum}, {Version: 4, ONNX: "4.onnx", SHA256: sum}, {Version: 5, ONNX: "5.onnx", SHA256: sum}},
			Traffic:  []schema.VersionWeight{{Version: 4, Weight: 95}, {Version: 3, Weight: 5}}, SplitBy: "user_id",
			Ramp: &schema.Ramp{Version: 3, From: 5, To: 50, Over: 1e9},
		}},
	}
}

func TestTheControlServes(t *testing.T) {
	defs := splitting()
	c, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := c.ModelPlan("m", 0)
	if err != nil || plan.ModelVersion.Version != 4 || !c.Serves(plan) {
		t.Errorf("%+v serves (%v); want version 4, the first of the traffic", plan, err)
	}
	if len(c.ModelPlans()) != 3 {
		t.Errorf("%d plans; want one for each version", len(c.ModelPlans()))
	}
}

// TestARampIsTheSame: a ramp stays the same when guards, salts or owners change. It is
// another ramp when its numbers or files change.
func TestARampIsTheSame(t *testing.T) {
	f := func(same bool, change func(*schema.Model)) {
		t.Helper()
		before, after := splitting(), splitting()
		change(&after.Models[0])
		if got := before.Models[0].RolloutID() == after.Models[0].RolloutID(); got != same {
			t.Errorf("the same ramp: %v; want %v", got, same)
		}
	}
	f(true, func(m *schema.Model) { m.Ramp.Guards = &schema.Guards{ErrorShare: 0.1} })
	f(true, func(m *schema.Model) { m.Salt, m.Owner = "other", "risk" })
	f(false, func(m *schema.Model) { m.Ramp.To = 51 })
	f(false, func(m *schema.Model) { m.Ramp.Over *= 2 })
	f(false, func(m *schema.Model) { m.Versions[0].SHA256 = strings.Repeat("cd", 32) })
	f(false, func(m *schema.Model) { m.Versions[1].SHA256 = strings.Repeat("cd", 32) })
}

func TestEffectsOfTraffic(t *testing.T) {
	f := func(want string, change func(*schema.Model)) {
		t.Helper()
		before, after := splitting(), splitting()
		change(&after.Models[0])
		storage := schema.Storage{}.Evolve(before, 0)
		var said []string
		for _, c := range schema.Diff(before, after, storage, storage.Evolve(after, 0)) {
			said = append(said, c.Field+": "+c.Effect)
		}
		if got := strings.Join(said, "; "); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
	f("traffic.4.weight: scored at once: 90 % by version 4, 10 % by version 3; traffic.3.weight: scored at once: 90 % by version 4, 10 % by version 3",
		func(m *schema.Model) { m.Traffic[0].Weight, m.Traffic[1].Weight = 90, 10 })
	f("salt: values of split_by are assigned to versions anew", func(m *schema.Model) { m.Salt = "spring" })
	f("serve: requests that name no version are scored by version 3 at once; traffic.4: one version scores all requests at once; traffic.3: one version scores all requests at once; split_by: ; ramp: the traffic weights apply at once", func(m *schema.Model) {
		m.Serve, m.Traffic, m.SplitBy, m.Ramp = 3, nil, "", nil
	})
	f("ramp: the traffic weights apply at once", func(m *schema.Model) { m.Ramp = nil })
	f("ramp: the ramp restarts, unless only its guards change", func(m *schema.Model) { m.Ramp.To = 60 })
}

// TestSplitByWhatRequestsBring: requests can't send a value that no expression reads,
// so traffic can't be split by it.
func TestSplitByWhatRequestsBring(t *testing.T) {
	defs := splitting()
	defs.OnDemandViews = []schema.OnDemandView{{
		Name: "o", Request: []schema.Feature{{Name: "channel", Type: schema.String}, {Name: "amount", Type: schema.Float64}},
		Features: []schema.OnDemandFeature{{Name: "twice", Type: schema.Float64, Expr: "request.amount * 2.0"}},
	}}
	defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, "o:twice")
	defs.Models[0].SplitBy = "channel"
	_, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err == nil || !strings.Contains(err.Error(), "add it to the request of the service") {
		t.Errorf("%v", err)
	}
	defs.FeatureServices[0].Request = []schema.Feature{{Name: "channel", Type: schema.String}}
	if _, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0)); err != nil {
		t.Error(err)
	}
}
