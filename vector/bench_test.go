package vector_test

import (
	"fmt"
	"testing"

	"larder/schema"
	"larder/store/row"
	"larder/vector"
)

const benchNow = 1_700_000_000_000_000

// BenchmarkDense is a whole request without the store: bind the keys, take in a
// row of ten features per view and row, and finish a float tensor.
func BenchmarkDense(b *testing.B) {
	benchmark(b, func(batch *vector.Batch, rows, features int) func() {
		tensor := make([]float32, rows*features)
		return func() { batch.SetDense(tensor) }
	})
}

// BenchmarkColumns is the same request for columns of features with statuses.
func BenchmarkColumns(b *testing.B) {
	benchmark(b, func(batch *vector.Batch, _, _ int) func() { return batch.WantColumns })
}

func benchmark(b *testing.B, want func(batch *vector.Batch, rows, features int) func()) {
	for _, rows := range []int{1, 100, 1100} {
		for _, features := range []int{10, 50, 250} {
			b.Run(fmt.Sprintf("rows=%d/features=%d", rows, features), func(b *testing.B) {
				views := features / 10
				plan, stored := benchPlan(b, views, 10)
				batch := vector.Compile(plan).NewBatch()
				ids := make([]int64, rows)
				for i := range ids {
					ids[i] = int64(i) * 7919
				}
				entities := vector.Columns{Names: []string{"id"}, Values: []vector.Column{{Type: schema.Int64, Int64s: ids}}}
				target := want(batch, rows, features)
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset(rows, benchNow)
					if err := batch.BindKeys(entities); err != nil {
						b.Fatal(err)
					}
					if err := batch.BindRequest(vector.Columns{}); err != nil {
						b.Fatal(err)
					}
					target()
					for i := range batch.Keys().Len() {
						if err := batch.Visit(i, benchNow-1, stored); err != nil {
							b.Fatal(err)
						}
					}
					if err := batch.Finish(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows*features), "ns/value")
			})
		}
	}
}

// benchPlan returns a plan of views with float64 features, and a row that fits
// each of them.
func benchPlan(b *testing.B, views, features int) (*schema.Plan, []byte) {
	b.Helper()
	defs := &schema.Definitions{
		Entities: []schema.Entity{{Name: "thing", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "things", Table: "things", TimestampField: "at"}},
	}
	service := schema.FeatureService{Name: "all"}
	for v := range views {
		view := schema.FeatureView{Name: fmt.Sprintf("view_%d", v), Entities: []string{"thing"}, Source: "things", TTL: schema.Duration(3600_000_000_000)}
		for f := range features {
			view.Features = append(view.Features, schema.Feature{Name: fmt.Sprintf("f%d", f), Type: schema.Float64})
		}
		defs.FeatureViews = append(defs.FeatureViews, view)
		service.Features = append(service.Features, view.Name+":*")
	}
	defs.FeatureServices = []schema.FeatureService{service}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs))
	if err != nil {
		b.Fatal(err)
	}
	plan, err := catalog.ServicePlan("all")
	if err != nil {
		b.Fatal(err)
	}
	builder := row.NewBuilder(row.NewLayout(plan.Views[0].Layouts[0]), 0)
	builder.Reset(schema.NoIngestTime, false)
	for f := range features {
		builder.SetFloat64(f, float64(f)*1.5)
	}
	return plan, builder.Row()
}
