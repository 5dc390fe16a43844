package scoring_test

import (
	"fmt"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// branches returns a graph without inputs that makes y from x of the graph around it:
// an If whose branches are such graphs, depth deep. With chain, only one branch goes on.
func branches(depth int, chain bool, serial *int) onnxmodel.Graph {
	*serial++
	out := fmt.Sprint("y", *serial)
	g := onnxmodel.Graph{Outputs: []onnxmodel.Value{{Name: out, Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}}}
	if depth == 0 {
		g.Nodes = []onnxmodel.Node{{Op: "Identity", In: []string{"x"}, Out: []string{out}}}
		return g
	}
	other := 0
	if !chain {
		other = depth - 1
	}
	g.Nodes = []onnxmodel.Node{{
		Op: "If", In: []string{"yes"}, Out: []string{out},
		Attrs: []onnxmodel.Attr{{Name: "then_branch", Value: branches(depth-1, chain, serial)}, {Name: "else_branch", Value: branches(other, chain, serial)}},
	}}
	return g
}

func nestedIfs(depth int, chain bool) *onnxmodel.Model {
	serial := 0
	g := branches(depth, chain, &serial)
	g.Inputs = []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}}
	g.Nodes = append([]onnxmodel.Node{
		{Op: "ReduceSum", In: []string{"x"}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		{Op: "Cast", In: []string{"sum"}, Out: []string{"yes"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(9)}}},
	}, g.Nodes...)
	return &onnxmodel.Model{Graph: g}
}

// TestInspectBoundsNestedGraphs: few nested Ifs pass, a long chain too, and those that
// double at each level don't, also when functions hide them.
func TestInspectBoundsNestedGraphs(t *testing.T) {
	f := func(m *onnxmodel.Model, want ...string) {
		t.Helper()
		_, err := scoring.Inspect(m.Encode())
		if len(want) > 0 {
			wantInvalid(t, err, want...)
		} else if err != nil {
			t.Error(err)
		}
	}
	f(nestedIfs(1, false))
	f(nestedIfs(8, false)) // 510 graphs
	f(nestedIfs(15, true))
	f(nestedIfs(9, false), "more than 1000 branches and loop bodies", "Use Where")
	f(nestedIfs(12, false), "more than 1000 branches and loop bodies")
	f(nestedIfs(17, true), "nested more than 16 deep")

	// In a row they count as in a tree.
	row := func(ifs int) *onnxmodel.Model {
		m, serial := nestedIfs(1, false), 100
		for range ifs - 1 {
			m.Graph.Nodes = append(m.Graph.Nodes, branches(1, false, &serial).Nodes...)
		}
		return m
	}
	f(row(500))
	f(row(501), "more than 1000 branches and loop bodies")

	calling := func(calls int) *onnxmodel.Model {
		m, serial := nestedIfs(1, false), 100
		m.Functions = []onnxmodel.Function{{Domain: "own", Name: "f", Inputs: []string{"x", "yes"}, Outputs: []string{"z"}, Nodes: branches(3, false, &serial).Nodes}} // 14 graphs
		for i := range calls {
			m.Graph.Nodes = append(m.Graph.Nodes, onnxmodel.Node{Op: "f", Domain: "own", In: []string{"x", "yes"}, Out: []string{fmt.Sprint("z", i)}})
		}
		return m
	}
	f(calling(71)) // 71*14 + 2 = 996
	f(calling(72), "more than 1000 branches and loop bodies", "functions that are called")
}

// TestNestedGraphsThatPassLoad: the most that Inspect lets through are loaded and score.
func TestNestedGraphsThatPassLoad(t *testing.T) {
	m := nestedIfs(8, false)
	model := load(t, []schema.Feature{{Name: "x", Type: schema.Float32}}, m.Encode())
	r := acquire(t, model, 1)
	defer r.Release()
	r.Dense()[0] = 2
	if err := r.Score(t.Context()); err != nil || r.Scores()[0] != 2 {
		t.Errorf("%v, %v; want 2", r.Scores(), err)
	}
}
