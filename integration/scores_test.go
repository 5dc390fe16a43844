package integration_test

import (
	"math"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// oneModel writes the definitions of a model "spend" of one version.
func (m *scored) oneModel(file onnxmodel.Model) {
	m.t.Helper()
	m.write("spend-1.onnx", string(file.Encode()))
	m.write("definitions.yaml", m.base+`
models: [{name: spend, feature_service: spend, serve: 1, versions: [{version: 1, onnx: spend-1.onnx}]}]
`)
}

// amounts sets the amounts of the first users.
func (m *scored) amounts(db *pgtest.DB, amounts ...float64) {
	m.t.Helper()
	for i, amount := range amounts {
		if _, err := db.Pool.Exec(m.t.Context(), "UPDATE spend SET amount = $1 WHERE user_id = $2", amount, i+1); err != nil {
			m.t.Fatal(err)
		}
	}
}

// wantScores compares the scores of the first users, together and alone.
func (s *server) wantScores(want ...float64) {
	s.t.Helper()
	score := func(ids ...int64) []float64 {
		answer, err := s.serving.GetFeaturesAndScore(s.t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", ids...)}})
		if err != nil {
			s.t.Fatal(err)
		}
		return answer.GetScores()
	}
	together := score(users(len(want))[0].GetInt64S().GetValues()...)
	for i := range want {
		alone := score(int64(i + 1))[0]
		if math.Float64bits(together[i]) != math.Float64bits(want[i]) || math.Float64bits(alone) != math.Float64bits(want[i]) {
			s.t.Errorf("user %d scores %v together and %v alone; want %v", i+1, together[i], alone, want[i])
		}
	}
}

// TestFloat16IsRounded: 70,000 is infinite in float16, and 0.1 is 0.09997559.
func TestFloat16IsRounded(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	third := []byte{0x55, 0x35} // 0.33325195
	m.oneModel(onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:       []onnxmodel.Value{{Name: "amount", Elem: onnxmodel.Float16, Dims: []any{"N", int64(1)}}},
		Outputs:      []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Initializers: []onnxmodel.Tensor{{Name: "third", Elem: onnxmodel.Float16, Dims: []int64{1, 1}, Raw: third}},
		Nodes: []onnxmodel.Node{
			{Op: "MatMul", In: []string{"amount", "third"}, Out: []string{"product"}},
			{Op: "Cast", In: []string{"product"}, Out: []string{"score"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float)}}},
		},
	}})
	m.amounts(db, 70_000, 0.1, 3)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	s.wantScores(math.Inf(1), float64(float32(0.0999755859375)*float32(0.333251953125)), float64(float32(3)*float32(0.333251953125)))
}

// TestLeavesWithoutWeights: a leaf of two classes that has no weight of class 1 gives
// the sum of class 0 as column 1, and a leaf of a regressor without a weight its value,
// as ONNX Runtime has it, though hardly any row reaches it.
func TestLeavesWithoutWeights(t *testing.T) {
	const rare = 1e6
	trees := []onnxmodel.Attr{
		{Name: "nodes_treeids", Value: []int64{0, 0, 0}},
		{Name: "nodes_nodeids", Value: []int64{0, 1, 2}},
		{Name: "nodes_featureids", Value: []int64{0, 0, 0}},
		{Name: "nodes_values", Value: []float32{rare, 0, 5}},
		{Name: "nodes_modes", Value: []string{"BRANCH_LEQ", "LEAF", "LEAF"}},
		{Name: "nodes_truenodeids", Value: []int64{1, 0, 0}},
		{Name: "nodes_falsenodeids", Value: []int64{2, 0, 0}},
	}
	f := func(node onnxmodel.Node, column string, want ...float64) {
		t.Helper()
		db := pgtest.New(t)
		m := newScored(t, db.DSN)
		node.Domain, node.In, node.Attrs = "ai.onnx.ml", []string{"amount"}, append(node.Attrs, trees...)
		width := int64(2)
		if len(node.Out) == 1 {
			width = 1
		}
		g := onnxmodel.Graph{
			Nodes:   []onnxmodel.Node{node},
			Inputs:  []onnxmodel.Value{{Name: "amount", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
			Outputs: []onnxmodel.Value{{Name: "scores", Elem: onnxmodel.Float, Dims: []any{"N", width}}},
		}
		if width == 2 {
			g.Outputs = append(g.Outputs, onnxmodel.Value{Name: "label", Elem: onnxmodel.Int64, Dims: []any{"N"}})
		}
		m.oneModel(onnxmodel.Model{Graph: g})
		m.write("definitions.yaml", strings.Replace(m.base+`
models: [{name: spend, feature_service: spend, serve: 1, versions: [{version: 1, onnx: spend-1.onnx, output: scores, column: COLUMN}]}]
`, "COLUMN", column, 1))
		m.amounts(db, 1, 2*rare)
		s := startServer(t, db.DSN)
		s.apply(m.dir)
		s.mustMaterialize()
		s.wantScores(want...)
	}
	f(onnxmodel.Node{Op: "TreeEnsembleClassifier", Out: []string{"label", "scores"}, Attrs: []onnxmodel.Attr{
		{Name: "class_treeids", Value: []int64{0, 0, 0}},
		{Name: "class_nodeids", Value: []int64{1, 1, 2}},
		{Name: "class_ids", Value: []int64{0, 1, 0}},
		{Name: "class_weights", Value: []float32{0.25, 0.75, 1}},
		{Name: "classlabels_int64s", Value: []int64{0, 1}},
	}}, "1", 0.75, 1)
	f(onnxmodel.Node{Op: "TreeEnsembleRegressor", Out: []string{"scores"}, Attrs: []onnxmodel.Attr{
		{Name: "target_treeids", Value: []int64{0}},
		{Name: "target_nodeids", Value: []int64{1}},
		{Name: "target_ids", Value: []int64{0}},
		{Name: "target_weights", Value: []float32{0.5}},
		{Name: "n_targets", Value: int64(1)},
	}}, "0", 0.5, 5)
}

// TestRowsThatLeanAreRefused: x times the mean of x would score a user differently in
// each company.
func TestRowsThatLeanAreRefused(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	m.oneModel(onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "amount", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Nodes: []onnxmodel.Node{
			{Op: "ReduceMean", In: []string{"amount"}, Out: []string{"mean"}, Attrs: []onnxmodel.Attr{{Name: "axes", Value: []int64{0}}}},
			{Op: "Mul", In: []string{"amount", "mean"}, Out: []string{"score"}},
		},
	}})
	_, stderr, code := startServer(t, db.DSN).client("apply", m.dir)
	if code != 1 || !strings.Contains(stderr, "the score of a row depends on the rows beside it") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
