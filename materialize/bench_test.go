package materialize_test

import (
	"fmt"
	"slices"
	"testing"

	"larder/materialize"
	"larder/schema"
)

// BenchmarkMaterialize moves a table of ten features from Postgres to where it is
// answered: every row of another key, in order and at random; ten rows of each
// key.
func BenchmarkMaterialize(b *testing.B) {
	const rows = 1_000_000
	for _, x := range []struct{ name, id, order string }{
		{"keys=sorted", "g", "g"},
		{"keys=random", "g", "hashint8(g)"},
		{"rows-per-key=10", fmt.Sprintf("g %% %d", rows/10), "g"},
	} {
		b.Run(x.name, func(b *testing.B) {
			defs := spend()
			defs.Sources[0].DeletedColumn = ""
			defs.FeatureViews[0].Features = nil
			table := fmt.Sprintf("CREATE TABLE daily AS SELECT (%s)::bigint AS id, '2025-01-01'::timestamptz + g * interval '1 second' AS at, '2025-03-01'::timestamptz AS loaded", x.id)
			for i := range 5 {
				whole, share := fmt.Sprintf("n%d", i), fmt.Sprintf("x%d", i)
				defs.FeatureViews[0].Features = append(defs.FeatureViews[0].Features,
					schema.Feature{Name: whole, Type: schema.Int64}, schema.Feature{Name: share, Type: schema.Float64})
				table += fmt.Sprintf(", g + %d AS %s, g / 7.0::float8 AS %s", i, whole, share)
			}
			w := newWorld(b, table+fmt.Sprintf(" FROM generate_series(1::bigint, %d) g ORDER BY %s; ANALYZE daily", rows, x.order), defs, nil)
			b.ReportAllocs()
			moved := int64(0)
			for b.Loop() {
				run := w.run(materialize.Request{View: "spend", Mode: schema.Full})
				if run.State != materialize.Succeeded {
					b.Fatalf("%+v", run)
				}
				moved += run.RowsRead
				b.StopTimer()
				w.apply(otherwise(w.catalog.Load())) // the next run finds nothing stored
				b.StartTimer()
			}
			b.ReportMetric(float64(moved)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// otherwise returns the definitions of a catalog with a source whose time zone is
// another, so that its view is stored again.
func otherwise(c *schema.Catalog) *schema.Definitions {
	defs := c.Definitions
	defs.Sources = slices.Clone(defs.Sources)
	if s := &defs.Sources[0]; s.TimeZone == "" {
		s.TimeZone = "UTC"
	} else {
		s.TimeZone = ""
	}
	return &defs
}
