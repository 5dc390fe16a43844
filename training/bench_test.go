package training_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
	"larder/training"
)

// history is a table of rows, ten features and an index, of keys whose rows are
// a day apart.
const history = `
CREATE TABLE history_%[1]d AS
SELECT (g %% %[3]d)::bigint AS customer_id, '2025-01-01'::timestamptz + (g / %[3]d) * interval '1 day' + (g %% 86400) * interval '1 second' AS event_time,
	'2025-01-01'::timestamptz + (g / %[3]d) * interval '1 day' + (g %% 86400 + 3600) * interval '1 second' AS loaded_at,
	g AS f0, g / 3.0::float8 AS f1, g / 7.0::float8 AS f2, g %% 100 AS f3, (g %% 17)::int AS f4,
	g / 11.0::float8 AS f5, g / 13.0::float8 AS f6, g / 17.0::float8 AS f7, g / 19.0::float8 AS f8, g / 23.0::float8 AS f9
FROM generate_series(0::bigint, %[2]d - 1) g;
CREATE INDEX ON history_%[1]d (customer_id, event_time);
VACUUM ANALYZE history_%[1]d`

const benchKeys = 20_000

// newBenchWorld has views of a million rows each, with ten features.
func newBenchWorld(b *testing.B, views, rows int) *world {
	defs := &schema.Definitions{Entities: []schema.Entity{{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}}}}}
	for n := 1; n <= views; n++ {
		service := schema.FeatureService{Name: fmt.Sprintf("views_%d", n)}
		name := fmt.Sprintf("v%d", n)
		defs.Sources = append(defs.Sources, schema.Source{Name: name, Table: fmt.Sprintf("history_%d", n), TimestampField: "event_time", CreatedTimestampColumn: "loaded_at"})
		view := schema.FeatureView{Name: name, Entities: []string{"customer"}, Source: name, TTL: schema.Duration(30 * 24 * time.Hour)}
		for i := range 10 {
			f := schema.Feature{Name: fmt.Sprintf("f%d", i), Type: schema.Float64}
			if i == 0 || i == 3 {
				f.Type = schema.Int64
			}
			if i == 4 {
				f.Type = schema.Int32
			}
			view.Features = append(view.Features, f)
		}
		defs.FeatureViews = append(defs.FeatureViews, view)
		for k := 1; k <= n; k++ {
			service.Features = append(service.Features, fmt.Sprintf("v%d:*", k))
		}
		defs.FeatureServices = append(defs.FeatureServices, service)
	}
	defs.OnDemandViews = []schema.OnDemandView{{Name: "od", Sources: []string{"v1"}, Features: []schema.OnDemandFeature{
		{Name: "ratio", Type: schema.Float64, Expr: "v1.f1 / (v1.f2 + 1.0)"},
		{Name: "many", Type: schema.Bool, Expr: "v1.f0 > 100 && v1.f3 < 50"},
		{Name: "known", Type: schema.Float64, Expr: "has(v1.f5) ? v1.f5 : -1.0"},
	}}}
	computed := defs.FeatureServices[views-1]
	computed.Name, computed.Features = "computed", append(slices.Clone(computed.Features), "od:*")
	defs.FeatureServices = append(defs.FeatureServices, computed)
	w := newWorld(b, "SELECT 1", defs)
	for n := 1; n <= views; n++ {
		for _, statement := range splitStatements(fmt.Sprintf(history, n, rows, benchKeys)) {
			w.exec(statement)
		}
	}
	return w
}

// benchSpine has rows of random customers and times, and a label.
func benchSpine(rows int) arrow.Record {
	random := rand.New(rand.NewPCG(1, 2))
	ids, times, labels := make([]int64, rows), make([]int64, rows), make([]int64, rows)
	start := time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i := range ids {
		ids[i], labels[i] = random.Int64N(benchKeys), int64(i%2)
		times[i] = start + random.Int64N(48*24*time.Hour.Microseconds())
	}
	return new(spineOf).ints("customer_id", ids...).times("event_time", times...).ints("label", labels...).record()
}

// BenchmarkSet builds a set of 100,000 rows from histories of a million rows
// each, to the last batch: of one view, of three, and of three with on-demand
// features.
func BenchmarkSet(b *testing.B) {
	const rows = 100_000
	w := newBenchWorld(b, 3, 1_000_000)
	spine := benchSpine(rows)
	for _, service := range []string{"views_1", "views_3", "computed"} {
		b.Run(fmt.Sprintf("rows=%d/service=%s", rows, service), func(b *testing.B) {
			w.t = b
			b.ReportAllocs()
			for b.Loop() {
				w.build(training.Request{Plan: w.plan(service)}, spine, 20_000)
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkWays builds sets by look-ups and by reading whole histories: the
// figures that plan.go chooses by.
func BenchmarkWays(b *testing.B) {
	w := newBenchWorld(b, 1, 1_000_000)
	for _, rows := range []int{10_000, 100_000, 500_000} {
		spine := benchSpine(rows)
		for _, way := range []string{"lookups", "history"} {
			b.Run(fmt.Sprintf("way=%s/rows=%d", way, rows), func(b *testing.B) {
				w.t = b
				for b.Loop() {
					set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("views_1")})
					if err != nil {
						b.Fatal(err)
					}
					set.ReadHistories(way == "history")
					w.run(set, spine, 20_000)
				}
			})
		}
	}
}
