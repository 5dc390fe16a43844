package verify_test

import (
	"fmt"
	"testing"
)

// BenchmarkView verifies 200,000 keys of which the source has two rows each, and
// looks for keys that the store lacks.
func BenchmarkView(b *testing.B) {
	const keys = 200_000
	for _, index := range []bool{true, false} {
		b.Run(fmt.Sprintf("index=%t", index), func(b *testing.B) {
			w := newWorld(b, 0)
			if index {
				w.exec("CREATE INDEX ON spend (id, shop, at)")
			}
			w.insert(1, keys, 6)
			w.insert(1, keys, 8)
			w.exec("ANALYZE spend")
			w.materialize(12)
			b.ReportAllocs()
			for b.Loop() {
				if r := w.verify(0); r.Keys != keys || r.Faults() != 0 {
					b.Fatalf("%s", counts(r))
				}
			}
			b.ReportMetric(float64(keys)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}
