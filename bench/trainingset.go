package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/jackc/pgx/v5"

	larder "larder/client/go"
	"larder/schema"
)

const (
	spineRows    = 100_000
	historyRows  = 1_000_000
	historyKeys  = 20_000
	historyName  = "history"
	historyBegin = "2025-01-01T00:00:00Z"
)

// history is a table of ten features whose rows of a key are a day apart.
const history = `
CREATE TABLE bench.history AS
SELECT (g %% %[2]d)::bigint AS entity_id, '%[3]s'::timestamptz + (g / %[2]d) * interval '1 day' + (g %% 86400) * interval '1 second' AS event_time,
	random() AS f0, random() AS f1, random() AS f2, random() AS f3, random() AS f4, random() AS f5, random() AS f6, random() AS f7, random() AS f8, random() AS f9
FROM generate_series(0::bigint, %[1]d - 1) AS g;
CREATE INDEX ON bench.history (entity_id, event_time);
ANALYZE bench.history`

// trainingSet has the server build a training set from a history, over Arrow
// Flight, and returns how long the middle one of three took to its last batch.
func (v *served) trainingSet(ctx context.Context) (time.Duration, error) {
	client, err := v.withHistory(ctx, new(schema.Definitions))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	spine := historySpine()
	defer spine.Release()
	var all []time.Duration
	for range 3 {
		took, err := buildSet(ctx, client, spine)
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return all[1], nil
}

// withHistory makes a history that training sets can be built from, applies it beside
// other definitions, and returns a client.
func (v *served) withHistory(ctx context.Context, beside *schema.Definitions) (*larder.Client, error) {
	if err := v.makeHistory(ctx); err != nil {
		return nil, err
	}
	client, err := v.dial()
	if err != nil {
		return nil, err
	}
	if err := apply(ctx, client, addHistory(beside), 1); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

func (v *served) makeHistory(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, v.postgres.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(history, historyRows, historyKeys, historyBegin))
	return err
}

// addHistory adds the view and the service of the history to definitions.
func addHistory(d *schema.Definitions) *schema.Definitions {
	view := schema.FeatureView{Name: historyName, Entities: []string{"entity"}, Source: historyName, TTL: schema.Duration(30 * 24 * time.Hour)}
	for i := range 10 {
		view.Features = append(view.Features, schema.Feature{Name: fmt.Sprintf("f%d", i), Type: schema.Float64})
	}
	d.Entities = []schema.Entity{{Name: "entity", JoinKeys: []schema.JoinKey{{Name: joinKey, Type: schema.Int64}}}}
	d.Sources = append(d.Sources, schema.Source{Name: historyName, Table: "bench.history", TimestampField: "event_time"})
	d.FeatureViews = append(d.FeatureViews, view)
	d.FeatureServices = append(d.FeatureServices, schema.FeatureService{Name: historyName, Features: []string{historyName + ":*"}})
	return d
}

// historySpine has rows of entities and times that are as good as random.
func historySpine() arrow.Record {
	begin, _ := time.Parse(time.RFC3339, historyBegin) // a constant
	fields := []arrow.Field{
		{Name: joinKey, Type: arrow.PrimitiveTypes.Int64},
		{Name: "event_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	ids, times := b.Field(0).(*array.Int64Builder), b.Field(1).(*array.TimestampBuilder)
	span := uint64(historyRows / historyKeys * 24 * time.Hour.Microseconds())
	for n := range uint64(spineRows) {
		ids.Append(int64(mixed(2*n) % historyKeys))
		times.Append(arrow.Timestamp(begin.UnixMicro() + int64(mixed(2*n+1)%span)))
	}
	return b.NewRecord()
}

// buildSet has one set built, and checks that it has every row.
func buildSet(ctx context.Context, client *larder.Client, spine arrow.Record) (time.Duration, error) {
	in, err := array.NewRecordReader(spine.Schema(), []arrow.Record{spine})
	if err != nil {
		return 0, err
	}
	defer in.Release()
	var rows, present int64
	began := time.Now()
	_, err = client.BuildSet(ctx, larder.SetCommand{Service: historyName}, in, larder.SetSink{
		Begin: func(*arrow.Schema) error { return nil },
		Write: func(rec arrow.Record) error {
			last := rec.Column(int(rec.NumCols()) - 1)
			rows, present = rows+rec.NumRows(), present+int64(last.Len()-last.NullN())
			return nil
		},
	})
	took := time.Since(began)
	if err == nil && (rows != spineRows || present < spineRows/2) {
		err = fmt.Errorf("the training set has %d rows, and %d of them have features; want %d", rows, present, spineRows)
	}
	return took, err
}
