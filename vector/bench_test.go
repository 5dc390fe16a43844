package vector_test

import (
	"fmt"
	"testing"

	"larder/schema"
	"larder/vector"
)

// BenchmarkDense is a whole request without the store: bind the keys, take in a
// row of ten features per view and row, and finish a float tensor.
func BenchmarkDense(b *testing.B) {
	benchmark(b, func(rows, features int) func(batch *vector.Batch) {
		tensor := make([]float32, rows*features)
		return func(batch *vector.Batch) { batch.SetDense(tensor) }
	})
}

// BenchmarkColumns is the same request for columns of features with statuses.
func BenchmarkColumns(b *testing.B) {
	benchmark(b, func(int, int) func(batch *vector.Batch) { return (*vector.Batch).WantColumns })
}

func benchmark(b *testing.B, want func(rows, features int) func(batch *vector.Batch)) {
	for _, rows := range []int{1, 100, 1100} {
		for _, views := range []int{1, 5, 25} {
			b.Run(fmt.Sprintf("rows=%d/features=%d", rows, 10*views), func(b *testing.B) {
				r, ask := newRequest(b, views, rows), want(rows, 10*views)
				b.ReportAllocs()
				for b.Loop() {
					r.answer(b, ask)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows*10*views), "ns/value")
			})
		}
	}
}

// A request is rows of views of ten float64 features each, without the store.
type request struct {
	batch    *vector.Batch
	entities vector.Columns
	stored   []byte // fits each view
}

func newRequest(t testing.TB, views, rows int) *request {
	t.Helper()
	defs := oneView(t, "f0:float64 f1:float64 f2:float64 f3:float64 f4:float64 f5:float64 f6:float64 f7:float64 f8:float64 f9:float64", "")
	for v := range views - 1 {
		view := defs.FeatureViews[0]
		view.Name = fmt.Sprintf("spend_%d", v)
		defs.FeatureViews = append(defs.FeatureViews, view)
		defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, view.Name+":*")
	}
	plan := servicePlan(t, defs)
	customers := make([]int64, rows)
	for i := range customers {
		customers[i] = int64(i) * 7919
	}
	return &request{
		batch: program(t, plan).NewBatch(), entities: ids(customers...),
		stored: build(plan.Views[0].View, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5),
	}
}

func (r *request) answer(t testing.TB, ask func(b *vector.Batch)) {
	b := r.batch
	b.Reset(r.entities.Values[0].Len(), now)
	if err := b.BindKeys(r.entities); err != nil {
		t.Fatal(err)
	}
	if err := b.BindRequest(vector.Columns{}); err != nil {
		t.Fatal(err)
	}
	ask(b)
	for i := range b.Keys().Len() {
		if err := b.Visit(i, now-1, r.stored); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkExpression evaluates one expression of three operations in 1000 rows.
func BenchmarkExpression(b *testing.B) {
	const rows = 1000
	plan := servicePlan(b, onDemand(b, "od.f:float64=request.amount / (spend.mean + 1.0) * 2.0"))
	batch := program(b, plan).NewBatch()
	stored := build(plan.Views[0].View, 0, storedValues()...)
	customers, amounts := make([]int64, rows), make([]any, rows)
	for i := range amounts {
		customers[i], amounts[i] = int64(i), float64(i)
	}
	sent := named("amount", column(schema.Float64, amounts))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset(rows, now)
		if err := batch.BindKeys(ids(customers...)); err != nil {
			b.Fatal(err)
		}
		if err := batch.BindRequest(sent); err != nil {
			b.Fatal(err)
		}
		batch.WantColumns()
		for i := range rows {
			if err := batch.Visit(i, now, stored); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Finish(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
