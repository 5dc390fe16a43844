package training_test

import (
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/training"
)

// embeddings has a list of 3072 numbers for each of 1000 ids: 8192 rows of them are more
// than a batch of vectors holds.
const embeddings = `
CREATE TABLE embeddings AS
SELECT id::bigint, '2025-01-01'::timestamptz AS at, array_fill(id::real, ARRAY[3072]) AS embedding
FROM generate_series(0, 999) id;
CREATE INDEX ON embeddings (id, at);
ANALYZE embeddings`

// TestWideValues: a set is whole though its chunks don't fit in a batch, and neither do
// the winners of its block in memory. Both end a query and go on in the same snapshot.
func TestWideValues(t *testing.T) {
	const rows, width = 9000, 3072
	w := newWorld(t, embeddings, &schema.Definitions{
		Entities: []schema.Entity{{Name: "item", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "embeddings", Table: "embeddings", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "v", Entities: []string{"item"}, Source: "embeddings", Features: []schema.Feature{
			{Name: "embedding", Type: schema.List(schema.Float32)},
		}}},
		FeatureServices: []schema.FeatureService{{Name: "s", Features: []string{"v:*"}}},
	})
	ids, times := make([]int64, rows), make([]int64, rows)
	for i := range ids {
		ids[i], times[i] = int64(i/9), hourlyStart.Add(time.Hour).UnixMicro()
	}
	spine := new(spineOf).ints("id", ids...).times("event_time", times...).record()
	set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("s")})
	if err != nil {
		t.Fatal(err)
	}
	set.ReadHistories(true)
	set.HistoryBytes(6 << 20) // holds the winners of the second chunk, not of the first
	at, batches := 0, 0
	_, err = set.Run(t.Context(), reader(t, spine, 1000), func(rec arrow.Record) error {
		lists := rec.Column(2).(*array.List)
		values := lists.ListValues().(*array.Float32)
		for i := range lists.Len() {
			first, end := lists.ValueOffsets(i)
			if id := ids[at]; rec.Column(0).(*array.Int64).Value(i) != id || end-first != width || values.Value(int(end)-1) != float32(id) {
				t.Fatalf("row %d is not id %d, or its list of %d elements is another's", at, id, end-first)
			}
			at++
		}
		batches++
		return nil
	})
	if err != nil || at != rows || batches < 3 {
		t.Errorf("%d rows in %d batches: %v", at, batches, err)
	}
}
