package vector_test

import (
	"testing"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// TestAllocations: what a request allocates depends on neither rows nor
// features.
func TestAllocations(t *testing.T) {
	dense := func(rows, features int) func(b *vector.Batch) {
		tensor := make([]float32, rows*features)
		return func(b *vector.Batch) { b.SetDense(tensor) }
	}
	tensors := func(rows, features int) func(b *vector.Batch) {
		all := make([]column.Tensor, features)
		for i := range all {
			all[i] = column.Tensor{Column: column.New(schema.Float32, rows), Step: 1, Width: 1, Stride: 1}
		}
		return func(b *vector.Batch) { b.SetTensors(all) }
	}
	columns := func(int, int) func(b *vector.Batch) { return (*vector.Batch).WantColumns }
	f := func(name string, most float64, want func(rows, features int) func(b *vector.Batch)) {
		t.Helper()
		for _, views := range []int{1, 25} {
			for _, rows := range []int{1, 100, 1000} {
				request, ask := newRequest(t, views, rows), want(rows, 10*views)
				got := testing.AllocsPerRun(20, func() { request.answer(t, ask) })
				if got > most {
					t.Errorf("%s, %d rows of %d features: %v allocations; at most %v", name, rows, 10*views, got, most)
				}
			}
		}
	}
	f("a float tensor", 0, dense)
	f("tensors", 0, tensors)
	f("columns", 1, columns) // all float64 values
}

// TestAllocationsOfTexts: strings, bytes and lists too.
func TestAllocationsOfTexts(t *testing.T) {
	plan := servicePlan(t, oneView(t, "a:string b:string c:bytes d:list<float32> e:list<string>", ""))
	stored := build(plan.Views[0].View, 0, "some", "text", []byte("bytes"), []any{float32(1), float32(2)}, []any{"x", "y", "z"})
	for _, rows := range []int{1, 100, 1000} {
		b, customers := program(t, plan).NewBatch(), ids(make([]int64, rows)...)
		got := testing.AllocsPerRun(20, func() {
			b.Reset(rows, now)
			if err := b.BindKeys(customers); err != nil {
				t.Fatal(err)
			}
			b.WantColumns()
			for i := range rows {
				if err := b.Visit(i, now, stored); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Finish(); err != nil {
				t.Fatal(err)
			}
		})
		const most = 3 + 2 + 1 + 2 // values of three kinds, copies of text as strings and bytes, one more for list<string>, two lists
		if got > most {
			t.Errorf("%d rows: %v allocations; at most %d", rows, got, most)
		}
	}
}

// TestAllocationsOfExpressions: an expression that has a kernel allocates nothing
// for each row.
func TestAllocationsOfExpressions(t *testing.T) {
	for _, kind := range kinds {
		var got [2]float64
		for i, rows := range []int{10, 1000} {
			answer := expressionRequest(t, kind.typ, kind.expr, rows)
			got[i] = testing.AllocsPerRun(5, func() { answer((*vector.Batch).WantColumns) })
		}
		if got[0] != got[1] {
			t.Errorf("%s: %v allocations for 10 rows, and %v for 1000", kind.expr, got[0], got[1])
		}
	}
}
