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

// newLog makes the log of a stream of payments: as many of each card as of the others, one
// a minute, that arrived at once.
func newLog(t testing.TB, cards, each int) *world {
	t.Helper()
	sql := fmt.Sprintf(`
CREATE TABLE payments AS
SELECT e * %[1]d + c AS id, c::bigint AS card_id, (e %% 100)::float8 AS amount, at AS happened,
	(e + 1)::bigint AS larder_seq, at AS larder_at, 1::smallint AS larder_sign, (e * %[1]d + c)::text AS larder_id, false AS larder_deleted
FROM generate_series(0, %[2]d - 1) e, generate_series(0, %[1]d - 1) c, LATERAL (SELECT '2025-01-01'::timestamptz + e * interval '1 minute' AS at) x;
CREATE INDEX ON payments (card_id, happened);
CREATE INDEX ON payments (larder_seq);
ANALYZE payments`, cards, each)
	hours := func(n time.Duration) schema.AggregateWindow {
		return schema.AggregateWindow{Length: schema.Duration(n * time.Hour)}
	}
	defs := &schema.Definitions{
		Entities: []schema.Entity{{Name: "card", JoinKeys: []schema.JoinKey{{Name: "card_id", Type: schema.Int64}}}},
		Streams: []schema.Stream{{
			Name: "payments", Push: &schema.PushSource{}, Log: schema.StreamLog{Table: "payments"}, EventID: "id", TimestampField: "happened",
			Fields: []schema.StreamField{{Name: "id", Type: schema.Int64}, {Name: "card_id", Type: schema.Int64}, {Name: "amount", Type: schema.Float64}, {Name: "happened", Type: schema.Timestamp}},
		}},
		AggregateViews: []schema.AggregateView{{
			Name: "activity", Entities: []string{"card"}, Stream: "payments", Windows: []schema.AggregateWindow{hours(1), hours(24), hours(24 * 7)},
			Features: []schema.AggregateFeature{{Name: "n", Count: "*"}, {Name: "total", Sum: "amount"}, {Name: "most", Max: "amount"}, {Name: "mean", Mean: "amount"}},
		}},
		FeatureServices: []schema.FeatureService{{Name: "s", Features: []string{"activity:*"}}},
	}
	return newWorld(t, sql, defs)
}

// logSpine asks for each card some times, a minute apart, from an hour on.
func logSpine(cards, each int) *spineOf {
	var ids, times []int64
	for e := range each {
		for c := range cards {
			ids, times = append(ids, int64(c)), append(times, hourlyStart.UnixMicro()+int64(60+e)*60_000_000)
		}
	}
	return new(spineOf).ints("card_id", ids...).times("event_time", times...)
}

// TestEventsAreHeldKeyByKey: the events of all keys together may exceed the memory limit;
// those of one key may not.
func TestEventsAreHeldKeyByKey(t *testing.T) {
	const cards, each = 40, 200
	w := newLog(t, cards, each)
	spine := logSpine(cards, 50).record()
	set, err := training.New(w.store, spine.Schema(), training.Request{Plan: w.plan("s"), AsOf: training.EventTime})
	if err != nil {
		t.Fatal(err)
	}
	set.HistoryBytes(1 << 20) // 8,000 events take more
	rows := 0
	if _, err = set.Run(t.Context(), reader(t, spine, 1000), func(rec arrow.Record) error {
		count := rec.Column(rec.Schema().FieldIndices("activity__n_1h")[0]).(*array.Int64)
		for i := range count.Len() {
			if got := count.Value(i); got != 61 {
				t.Fatalf("row %d counts %d payments in an hour, want 61", rows+i, got)
			}
		}
		rows += count.Len()
		return nil
	}); err != nil || rows != cards*50 {
		t.Fatalf("%d rows: %v", rows, err)
	}
	set.HistoryBytes(20_000) // 200 events take more
	_, err = set.Run(t.Context(), reader(t, spine, 1000), func(arrow.Record) error { return nil })
	const want = `aggregate view "activity": a key of the spine has more than 0 MiB of events, which is 125 events or fewer; leave that key out of the spine, or give the stream's log a retention`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a key with too many events: %v\nwant %s", err, want)
	}
}

// TestEventsOfTexts: keys are compared by their bytes, no matter what else Postgres takes for
// equal, and events come key by key in any order of the letters.
func TestEventsOfTexts(t *testing.T) {
	keys := []string{"b", "a", "B", "A", "", " a", "a ", "ä", "a\u0308", "z", "_", "日", "é", "e\u0301"}
	w := newWorld(t, `CREATE TABLE taps (id text, who text, happened timestamptz, larder_seq bigint, larder_at timestamptz, larder_sign smallint, larder_id text, larder_deleted boolean);
		CREATE INDEX ON taps (who COLLATE "C", happened)`, &schema.Definitions{
		Entities: []schema.Entity{{Name: "person", JoinKeys: []schema.JoinKey{{Name: "who", Type: schema.String}}}},
		Streams: []schema.Stream{{
			Name: "taps", Push: &schema.PushSource{}, Log: schema.StreamLog{Table: "taps"}, EventID: "id", TimestampField: "happened",
			Fields: []schema.StreamField{{Name: "id", Type: schema.String}, {Name: "who", Type: schema.String}, {Name: "happened", Type: schema.Timestamp}},
		}},
		AggregateViews: []schema.AggregateView{{
			Name: "activity", Entities: []string{"person"}, Stream: "taps", Windows: []schema.AggregateWindow{{Length: schema.Duration(time.Hour)}},
			Features: []schema.AggregateFeature{{Name: "n", Count: "*"}},
		}},
		FeatureServices: []schema.FeatureService{{Name: "s", Features: []string{"activity:*"}}},
	})
	var times []int64
	for i, key := range keys {
		for e := range i + 1 {
			at := hourlyStart.Add(time.Duration(e) * time.Second)
			w.exec("INSERT INTO taps VALUES ($1, $2, $3, 1, $3, 1, $1, false)", fmt.Sprint(i, " ", e), key, at)
		}
		times = append(times, hourlyStart.Add(time.Minute).UnixMicro())
	}
	out, _ := w.build(training.Request{Plan: w.plan("s")}, new(spineOf).strings("who", keys...).times("event_time", times...).record(), 100)
	for i, key := range keys {
		if got := arrowCell(out[0].Column(2), i); got != int64(i+1) {
			t.Errorf("key %q counts %v events, want %d", key, got, i+1)
		}
	}
}

// BenchmarkEvents builds a set of 100,000 rows from a log of a million events.
func BenchmarkEvents(b *testing.B) {
	const rows = 100_000
	w := newLog(b, 10_000, 100)
	spine := logSpine(10_000, rows/10_000).record()
	for b.Loop() {
		w.build(training.Request{Plan: w.plan("s")}, spine, 20_000)
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
