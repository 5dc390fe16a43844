package larder_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	larder "larder/client/go"
)

func Example() {
	client, err := larder.Dial("", larder.Options{}) // the address comes from LARDER_ADDR
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	answer, err := client.Score(context.Background(), "late", larder.Request{
		Entities: larder.Columns{"courier_id": []int64{7, 8}},
		Values:   larder.Columns{"km": []float64{1.5, 9}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Scores, "by versions", answer.ModelVersions)
	// Output: [1.125 2.34375] by versions [1 1]
}

func ExampleClient_GetFeatures() {
	client, err := larder.Dial("", larder.Options{Retries: 3})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	answer, err := client.GetFeatures(context.Background(), "late_v1", larder.Request{
		Entities: larder.Columns{"courier_id": []int64{7, 9}},
		Values:   larder.Columns{"km": []float64{1.5, 9}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range answer.Features {
		fmt.Println(f.Name, f.Values, f.Statuses[1] == larder.NotFound)
	}
	// Output:
	// stats:trips [24 0] true
	// stats:rating [4.25 0] true
	// request:km [1.5 9] false
}

func ExampleClient_Push() {
	client, err := larder.Dial("", larder.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	now := time.Now()
	pushed, err := client.Push(context.Background(), "deliveries", larder.Columns{
		"id":         []string{"a", "b", "a"},
		"courier_id": []int64{7, 7, 7},
		"km":         []float64{1.5, 2.25, 1.5},
		"happened":   []time.Time{now, now, now},
	}, larder.PushOptions{WaitServed: true})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := client.GetFeatures(context.Background(), "live", larder.Request{Entities: larder.Columns{"courier_id": []int64{7}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pushed.GetAppended(), "appended,", pushed.GetDuplicates(), "duplicate:", answer.Features[0].Values)
	// Output: 2 appended, 1 duplicate: [3.75]
}

func ExampleClient_BuildSet() {
	client, err := larder.Dial("", larder.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	spine, err := spineOf(7, time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC), 1.5)
	if err != nil {
		log.Fatal(err)
	}
	defer spine.Release()
	raw, err := client.BuildSet(context.Background(), larder.SetCommand{Service: "late_v1", AsOf: "event_time"}, spine, larder.SetSink{
		Begin: func(columns *arrow.Schema) error { return nil },
		Write: func(rows arrow.Record) error {
			for i, c := range rows.Columns() {
				fmt.Println(rows.ColumnName(i), c)
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	var manifest struct{ Rows int }
	if err := json.Unmarshal(raw, &manifest); err != nil {
		log.Fatal(err)
	}
	fmt.Println(manifest.Rows, "row")
	// Output:
	// courier_id [7]
	// event_time [1740830400000000]
	// km [1.5]
	// stats__trips [20]
	// stats__rating [4.5]
	// request__km [1.5]
	// 1 row
}

// spineOf returns a spine of one row.
func spineOf(courier int64, at time.Time, km float64) (array.RecordReader, error) {
	columns := arrow.NewSchema([]arrow.Field{
		{Name: "courier_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "event_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: "km", Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).Append(courier)
	b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
	b.Field(2).(*array.Float64Builder).Append(km)
	row := b.NewRecord()
	defer row.Release()
	return array.NewRecordReader(columns, []arrow.Record{row})
}
