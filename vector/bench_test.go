package vector_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"larder/column"
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

// BenchmarkDenseWithExpressions is the request of 50 features of five views for a
// float tensor, and three on-demand features that read four of them.
func BenchmarkDenseWithExpressions(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			r := newRequest(b, 5, rows, schema.OnDemandView{Name: "od", Sources: []string{"spend", "spend_0"}, Features: []schema.OnDemandFeature{
				{Name: "share", Type: schema.Float64, Expr: "spend.f0 / (spend.f1 + 1.0)"},
				{Name: "more", Type: schema.Bool, Expr: "spend.f2 > spend_0.f3 * 2.0"},
				{Name: "known", Type: schema.Float64, Expr: "has(spend.f0) ? spend.f0 : 0.0"},
			}})
			tensor := make([]float32, rows*53)
			b.ReportAllocs()
			for b.Loop() {
				r.answer(b, func(batch *vector.Batch) { batch.SetDense(tensor) })
			}
		})
	}
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
	entities column.Columns
	stored   []byte // fits each view
}

func newRequest(t testing.TB, views, rows int, onDemand ...schema.OnDemandView) *request {
	t.Helper()
	defs := oneView(t, "f0:float64 f1:float64 f2:float64 f3:float64 f4:float64 f5:float64 f6:float64 f7:float64 f8:float64 f9:float64", "")
	for v := range views - 1 {
		view := defs.FeatureViews[0]
		view.Name = fmt.Sprintf("spend_%d", v)
		defs.FeatureViews = append(defs.FeatureViews, view)
		defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, view.Name+":*")
	}
	defs.OnDemandViews = onDemand
	for _, o := range onDemand {
		defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, o.Name+":*")
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
	if err := b.BindRequest(column.Columns{}); err != nil {
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

// kinds are expressions of about three operations, of the kinds that models of tables
// use. None of them allocates for each row.
var kinds = []struct{ name, typ, expr string }{
	{"doubles", "float64", "request.amount / (spend.mean + 1.0) * 2.0"},
	{"comparison", "float64", "request.amount > spend.mean * 3.0 ? 1.0 : 0.0"},
	{"logic", "bool", "spend.yes && !(request.count == 0) || request.amount >= 100.0"},
	{"integers", "int64", "(spend.n * 100 + request.count) / spend.n"},
	{"failing_integers", "int64", "(spend.n * 100 + 1) / (request.count - 3)"},
	{"conversion", "float32", "double(spend.n) / math.greatest(double(request.count), 1.0)"},
	{"null", "float64", "has(spend.gone) ? spend.gone : spend.?gone.orValue(0.0) + 1.0"},
	{"night", "bool", "request.at.getHours() < 6 || request.at.getHours() >= 22"},
	{"weekend", "bool", "request.at.getDayOfWeek() in [0, 6]"},
	{"weekend_in_a_zone", "bool", "request.at.getDayOfWeek('Europe/Berlin') in [0, 6]"},
	{"since", "int64", "(request.at - spend.since).getMinutes() / 60"},
	{"text", "bool", "request.place == spend.city || request.place.startsWith('B')"},
}

// BenchmarkExpression evaluates one expression in 1000 rows, with all else that a
// request takes.
func BenchmarkExpression(b *testing.B) {
	const rows = 1000
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			answer := expressionRequest(b, kind.typ, kind.expr, rows)
			b.ReportAllocs()
			for b.Loop() {
				answer((*vector.Batch).WantColumns)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// expressionRequest returns what answers a request for one on-demand feature, of
// rows that read what computed does.
func expressionRequest(t testing.TB, typ, expr string, rows int) func(ask func(b *vector.Batch)) {
	t.Helper()
	plan := servicePlan(t, onDemand(t, "od.f:"+typ+"="+expr))
	batch := program(t, plan).NewBatch()
	var stored []byte
	entities := column.Columns{}
	if len(plan.Views) > 0 {
		stored, entities = build(plan.Views[0].View, 0, storedValues()...), ids(make([]int64, rows)...)
	}
	var sent column.Columns
	values := requestedValues()
	for i, name := range values.Names {
		if slices.ContainsFunc(plan.Request, func(f schema.Feature) bool { return f.Name == name }) {
			sent.Names, sent.Values = append(sent.Names, name), append(sent.Values, columnOf(values.Values[i].Type, slices.Repeat([]any{cell(&values.Values[i], 0)}, rows)))
		}
	}
	return func(ask func(b *vector.Batch)) {
		batch.Reset(rows, now)
		if err := errors.Join(batch.BindKeys(entities), batch.BindRequest(sent)); err != nil {
			t.Fatal(err)
		}
		ask(batch)
		for i := range batch.Keys().Len() {
			if err := batch.Visit(i, now, stored); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Finish(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkVectors is a request for embeddings of 64 and 768 float32s as columns.
func BenchmarkVectors(b *testing.B) {
	for _, rows := range []int{1, 100} {
		for _, length := range []int{64, 768} {
			b.Run(fmt.Sprintf("rows=%d/length=%d", rows, length), func(b *testing.B) {
				plan := servicePlan(b, oneView(b, fmt.Sprintf("v:vector<float32,%d>", length), ""))
				ids := make([]int64, rows)
				r := &request{
					batch: program(b, plan).NewBatch(), entities: named("customer_id", column.Column{Type: schema.Int64, Int64s: ids}),
					stored: build(plan.Views[0].View, 0, slices.Repeat([]any{float32(0.5)}, length)),
				}
				b.ReportAllocs()
				for b.Loop() {
					r.answer(b, (*vector.Batch).WantColumns)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows*length), "ns/element")
			})
		}
	}
}
