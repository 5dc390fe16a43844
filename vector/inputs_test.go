package vector_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// TestTensorsWithExpressions: a batch that is used again and again, for tensors
// only, fills them as one that is asked for columns does.
func TestTensorsWithExpressions(t *testing.T) {
	const spec = `n:int64 small:int32=3 mean:float64 half:float32 yes:bool=true city:string="Bonn" tags:list<string> amounts:list<float64> unread:int64 late:timestamp`
	defs := oneView(t, spec, "")
	defs.OnDemandViews = []schema.OnDemandView{
		{Name: "a", Sources: []string{"spend"}, Features: []schema.OnDemandFeature{
			{Name: "double", Type: schema.Float64, Expr: "spend.mean * 2.0"},
			{Name: "tags", Type: schema.Int64, Expr: "spend.tags.size() + spend.city.size()"},
			{Name: "unread", Type: schema.Bool, Expr: "spend.yes && spend.small > 2"},
		}},
		{Name: "b", Sources: []string{"a", "spend"}, Features: []schema.OnDemandFeature{
			{Name: "sum", Type: schema.Float32, Expr: "a.double + double(spend.small)"},
			{Name: "most", Type: schema.Float64, Expr: "math.greatest(spend.amounts)"},
			{Name: "bonn", Type: schema.Bool, Expr: "spend.city == 'Bonn' || a.tags > 3"},
			{Name: "hour", Type: schema.Int64, Expr: "spend.late.getHours()"},
		}},
	}
	defs.FeatureServices[0].Features = []string{"spend:n", "spend:half", "b:*", "spend:yes", "a:tags", "spend:unread"}
	plan := servicePlan(t, defs)
	view := plan.Views[0].View
	p := program(t, plan)
	used := p.NewBatch()
	rapid.Check(t, func(t *rapid.T) {
		var rows [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			var drawn []any
			for _, f := range view.Layouts[0] {
				drawn = append(drawn, rapid.OneOf(values(f.Type), rapid.Just[any](nil)).Draw(t, f.Name))
			}
			stored := build(view, 0, drawn...)
			if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
				stored = nil
			}
			rows = append(rows, stored)
		}
		answer := func(b *vector.Batch, ask func(b *vector.Batch)) {
			b.Reset(len(rows), now)
			if err := b.BindKeys(ids(make([]int64, len(rows))...)); err != nil {
				t.Fatal(err)
			}
			ask(b)
			for r, stored := range rows {
				if stored == nil {
					continue
				}
				if err := b.Visit(r, now, stored); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		asked := p.NewBatch()
		answer(asked, (*vector.Batch).WantColumns)
		want, got := make([]float32, len(rows)*len(plan.Features)), make([]float32, len(rows)*len(plan.Features))
		vector.FillDense(want, asked.Columns())
		answer(used, func(b *vector.Batch) { b.SetDense(got) })
		if diff := cmp.Diff(want, got, sameNaN); diff != "" {
			t.Fatalf("a float tensor (-columns +tensor):\n%s", diff)
		}
		if used.Columns() != nil {
			t.Fatal("columns that nobody asked for")
		}
		tensors := func() []column.Tensor {
			all := make([]column.Tensor, len(plan.Features))
			for i := range all {
				all[i] = column.Tensor{Column: column.New(schema.Float64, len(rows)), Step: 1, Width: 1, Stride: 1}
			}
			return all
		}
		wanted, filled := tensors(), tensors()
		for i := range wanted {
			if err := vector.FillTensor(&wanted[i], &asked.Columns()[i]); err != nil {
				t.Fatal(err)
			}
		}
		answer(used, func(b *vector.Batch) { b.SetTensors(filled) })
		if diff := cmp.Diff(wanted, filled, sameNaN); diff != "" {
			t.Fatalf("tensors (-columns +tensors):\n%s", diff)
		}
	})
}
