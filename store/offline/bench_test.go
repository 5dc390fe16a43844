package offline_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
)

// BenchmarkWindow reads a whole table of a million rows and ten features into
// record batches.
func BenchmarkWindow(b *testing.B) {
	const rows = 1_000_000
	for _, x := range []struct {
		name, sql string
		typ       schema.Type
	}{
		{"bigint", "g + %d", schema.Int64},
		{"double", "g / (7.0::float8 + %d)", schema.Float64},
		{"numeric", "round(g / (7.0 + %d), 4)", schema.Float64},
		{"text", "'customer ' || mod(g, 100 + %d)", schema.String},
	} {
		b.Run("features=10/type="+x.name, func(b *testing.B) {
			table := "CREATE TABLE big AS SELECT g AS id, '2025-01-01'::timestamptz + g * interval '1 second' AS at, '2025-03-01'::timestamptz AS loaded"
			var features []schema.Feature
			for i := range 10 {
				name := fmt.Sprintf("f%d", i)
				table += fmt.Sprintf(", "+x.sql+" AS "+name, i)
				features = append(features, schema.Feature{Name: name, Type: x.typ})
			}
			w := newWorld(b, fmt.Sprintf(table+" FROM generate_series(1::bigint, %d) g; ANALYZE big", rows),
				schema.Source{Table: "big", TimestampField: "at", CreatedTimestampColumn: "loaded"}, idKey, features...)
			b.ReportAllocs()
			total := int64(0)
			for b.Loop() {
				err := w.store.Window(b.Context(), w.view, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
					total += rec.NumRows()
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
