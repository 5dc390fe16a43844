package offline_test

import (
	"errors"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
)

// TestSample picks rows from all over a table, whether row by row or page by page.
func TestSample(t *testing.T) {
	f := func(source schema.Source, all, few, atLeast, atMost int) {
		t.Helper()
		w := newWorld(t, `CREATE UNLOGGED TABLE small AS SELECT i::bigint AS id, i::bigint AS x, timestamptz '2026-01-01' AS at FROM generate_series(0, 9999) AS i;
			CREATE UNLOGGED TABLE large AS SELECT i::bigint AS id, i::bigint AS x, timestamptz '2026-01-01' AS at FROM generate_series(0, 1199999) AS i;
			CREATE VIEW seen AS SELECT * FROM small; ANALYZE small; ANALYZE large`, source, idKey, schema.Feature{Name: "x", Type: schema.Int64})
		ids := map[int64]bool{}
		err := w.store.Sample(t.Context(), w.view, everything(), few, func(rec arrow.Record, _ []schema.BadRow) error {
			for _, id := range rec.Column(0).(*array.Int64).Int64Values() {
				ids[id] = true
			}
			return nil
		})
		if err != nil || len(ids) < atLeast || len(ids) > atMost {
			t.Fatalf("%+v: %d of %d rows, asked for %d; %v", source, len(ids), all, few, err)
		}
		parts := map[int64]bool{}
		for id := range ids {
			parts[id*10/int64(all)] = true
		}
		if len(parts) != 10 {
			t.Errorf("%+v: rows are of %d tenths of the table", source, len(parts))
		}
	}
	f(schema.Source{Table: "small", TimestampField: "at"}, 10_000, 1000, 700, 1300)
	f(schema.Source{Table: "small", TimestampField: "at"}, 10_000, 10_000, 10_000, 10_000)
	f(schema.Source{Table: "large", TimestampField: "at"}, 1_200_000, 60_000, 40_000, 80_000)
	f(schema.Source{Table: "seen", TimestampField: "at"}, 10_000, 1000, 10_000, 10_000)
	f(schema.Source{Query: "SELECT * FROM small -- all", TimestampField: "at"}, 10_000, 1000, 10_000, 10_000)
}

func TestSampleEndsWithItsVisitor(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t AS SELECT i::bigint AS id, i::bigint AS x, timestamptz '2026-01-01' AS at FROM generate_series(0, 99999) AS i`,
		schema.Source{Query: "SELECT * FROM t", TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.Int64})
	enough, calls := errors.New("enough"), 0
	err := w.store.Sample(t.Context(), w.view, everything(), 10, func(arrow.Record, []schema.BadRow) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
