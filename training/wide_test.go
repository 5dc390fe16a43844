package training_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/training"
)

// wide has a text of 8300 bytes for each of 4000 ids: 8192 rows of them are more than a
// batch of vectors holds.
const wide = `
CREATE TABLE wide AS
SELECT id::bigint, '2025-01-01'::timestamptz AS at, id || repeat('.', 8300) AS note
FROM generate_series(0, 3999) id;
ANALYZE wide`

// TestWideValues: a set is whole though its chunks don't fit in a batch, and neither do
// the winners of its block in memory. Both end a query and go on in the same snapshot.
func TestWideValues(t *testing.T) {
	const rows = 9000
	w := newWorld(t, wide, &schema.Definitions{
		Entities: []schema.Entity{{Name: "item", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "wide", Table: "wide", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "v", Entities: []string{"item"}, Source: "wide", Features: []schema.Feature{
			{Name: "note", Type: schema.String},
		}}},
		FeatureServices: []schema.FeatureService{{Name: "s", Features: []string{"v:*"}}},
	})
	ids, times := make([]int64, rows), make([]int64, rows)
	for i := range ids {
		ids[i], times[i] = int64(i*4/9), hourlyStart.Add(time.Hour).UnixMicro()
	}
	spine := new(spineOf).ints("id", ids...).times("event_time", times...).record()
	dots := strings.Repeat(".", 8300)
	build := func(historyBytes int64) {
		t.Helper()
		set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("s")})
		if err != nil {
			t.Fatal(err)
		}
		set.ReadHistories(true)
		set.HistoryBytes(historyBytes)
		at, batches := 0, 0
		_, err = set.Run(t.Context(), reader(t, spine, 1000), func(rec arrow.Record) error {
			notes := rec.Column(2).(*array.String)
			for i := range notes.Len() {
				if id := ids[at]; rec.Column(0).(*array.Int64).Value(i) != id || notes.Value(i) != fmt.Sprint(id)+dots {
					t.Fatalf("row %d is not id %d, or its text of %d bytes is another's", at, id, len(notes.Value(i)))
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
	build(31 << 20) // holds the winners of each chunk, not of both
	w.exec("CREATE INDEX ON wide (id, at); ANALYZE wide")
	build(6 << 20) // of none, so they are looked up
}
