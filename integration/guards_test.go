package integration_test

import (
	"fmt"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// ofAmount is a model of the feature amount. nodes compute score from amount32, the
// amount as a float32.
func ofAmount(nodes []onnxmodel.Node, initializers ...onnxmodel.Tensor) string {
	cast := onnxmodel.Node{Op: "Cast", In: []string{"amount"}, Out: []string{"amount32"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float)}}}
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Nodes: append([]onnxmodel.Node{cast}, nodes...), Initializers: initializers,
		Inputs:  []onnxmodel.Value{{Name: "amount", Elem: onnxmodel.Double, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
	}}
	return string(m.Encode())
}

// failing takes 4 MB for each unit of the amount, which is more than its limit for amounts
// above 16.
func failing() string {
	return ofAmount([]onnxmodel.Node{
		{Op: "Cast", In: []string{"amount32"}, Out: []string{"whole"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Int64)}}},
		{Op: "ReduceMax", In: []string{"whole"}, Out: []string{"most"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		{Op: "Reshape", In: []string{"most", "one"}, Out: []string{"flat"}},
		{Op: "Mul", In: []string{"flat", "million"}, Out: []string{"size"}},
		{Op: "ConstantOfShape", In: []string{"size"}, Out: []string{"zeros"}},
		{Op: "ReduceSum", In: []string{"zeros"}, Out: []string{"zero"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		{Op: "Add", In: []string{"amount32", "zero"}, Out: []string{"score"}},
	}, onnxmodel.Ints("one", []int64{1}, 1), onnxmodel.Ints("million", []int64{1}, 1_000_000))
}

// slow multiplies matrices for tens of milliseconds.
func slow() string {
	const width, layers = 1024, 150
	nodes := []onnxmodel.Node{{Op: "MatMul", In: []string{"amount32", "widen"}, Out: []string{"0"}}}
	for i := range layers {
		nodes = append(nodes, onnxmodel.Node{Op: "MatMul", In: []string{fmt.Sprint(i), "square"}, Out: []string{fmt.Sprint(i + 1)}})
	}
	nodes = append(nodes, onnxmodel.Node{Op: "MatMul", In: []string{fmt.Sprint(layers), "narrow"}, Out: []string{"score"}})
	return ofAmount(nodes, onnxmodel.Floats("widen", []int64{1, width}, make([]float32, width)),
		onnxmodel.Floats("square", []int64{width, width}, make([]float32, width*width)), onnxmodel.Floats("narrow", []int64{width, 1}, make([]float32, width)))
}

// TestGuards: a version that fails, one that is slow, and one that gets unknown customers
// lose their traffic. The reason is reported, and a restart doesn't give the traffic back.
func TestGuards(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	m.write("failing.onnx", failing())
	m.write("slow.onnx", slow())
	defs := m.base + "models:\n"
	cases := []struct{ model, onnx, guard, reason string }{
		{"failing", "failing.onnx", "error_share: 0.1", "of its requests failed, and 0.00 % of the control's; the limit error_share is 0.1"},
		{"slow", "slow.onnx", "latency_ratio: 1.5", "the 99th percentile of its time to score is "},
		{"unknown", "spend-1.onnx", "missing_share: 0.2", "% of the rows that it read were missing, and "},
	}
	for _, c := range cases {
		defs += fmt.Sprintf(`
  - name: %s
    feature_service: spend
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: %s}]
    traffic: [{version: 1, weight: 50}, {version: 2, weight: 50}]
    split_by: user_id
    limits: {memory: 64MiB}
    ramp: {version: 2, from: 50, to: 60, over: 1h, guards: {%s, min_requests: 30}}
`, c.model, c.onnx, c.guard)
	}
	m.write("definitions.yaml", defs)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	ask := func(model string, user int64) (version int64, err error) {
		got, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: model, Entities: []*larderv1.Column{int64Column("user_id", user)}})
		return got.GetModelVersion(), err
	}
	ramp := func(model string) *larderv1.RampStatus {
		answer, err := s.control.ListModels(t.Context(), &larderv1.ListModelsRequest{Model: model})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetModels()[0].GetTraffic().GetRamp()
	}
	// Users above 100 have no row. The control's users among them are requested once.
	unknown := map[int64]bool{} // whether they are of version 2
	for _, c := range cases {
		for user := int64(1); ramp(c.model).GetTrippedAt() == 0; user = user%100 + 1 {
			who := user
			if version, known := unknown[user+1000]; c.model == "unknown" && (version || !known) {
				who += 1000
			}
			version, err := ask(c.model, who)
			if err != nil && c.model != "failing" {
				t.Fatal(err)
			}
			if who > 1000 {
				unknown[who] = version == 2
			}
		}
		for user := int64(1); user <= 100; user++ {
			if version, err := ask(c.model, user); err != nil || version != 1 {
				t.Errorf("model %s: after the trip version %d answers (%v)", c.model, version, err)
			}
		}
	}
	told := func() {
		t.Helper()
		for _, c := range cases {
			if stdout, _, code := s.client("models", "show", c.model); code != 0 || !strings.Contains(stdout, "TRIPPED") || !strings.Contains(stdout, c.reason) {
				t.Errorf("exit code %d\n%s\nwant %s", code, stdout, c.reason)
			}
			eventually(t, "metric of the trip of "+c.model, func() bool {
				return strings.Contains(s.httpText("/metrics"), fmt.Sprintf(`larder_traffic_tripped{model="%s"} 1`, c.model))
			})
		}
	}
	told()
	for _, c := range cases {
		if !strings.Contains(s.logText(), c.reason) {
			t.Errorf("the log has no %q", c.reason)
		}
	}
	if code := s.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	s.start()
	told()
}
