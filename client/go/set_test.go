package larder_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	larder "larder/client/go"
)

// shortLists returns a spine whose lists of two numbers lack those of the last row.
func shortLists(t *testing.T) array.RecordReader {
	t.Helper()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{7, 8}, nil)
	ids := b.NewArray()
	at := array.NewData(arrow.FixedWidthTypes.Timestamp_us, 2, ids.Data().Buffers(), nil, 0, 0)
	km := array.NewData(arrow.PrimitiveTypes.Float64, 2, ids.Data().Buffers(), nil, 0, 0)
	lists := array.NewData(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64), 2, []*memory.Buffer{nil}, []arrow.ArrayData{ids.Data()}, 0, 0)
	columns := []arrow.Array{ids, array.MakeFromData(at), array.MakeFromData(km), array.MakeFromData(lists)}
	var fields []arrow.Field
	for i, name := range []string{"courier_id", "event_time", "km", "x"} {
		fields = append(fields, arrow.Field{Name: name, Type: columns[i].DataType()})
	}
	all := arrow.NewSchema(fields, nil)
	r, err := array.NewRecordReader(all, []arrow.Record{array.NewRecord(all, columns, 2)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSpinesThatCantBeSent end their set with an error, and the server's slot with it.
func TestSpinesThatCantBeSent(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	client, err := larder.Dial(os.Getenv(larder.AddrVariable), larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sink := larder.SetSink{Begin: func(*arrow.Schema) error { return nil }, Write: func(arrow.Record) error { return nil }}
	for range 5 { // more than a server builds at once
		_, err := client.BuildSet(ctx, larder.SetCommand{Service: "late_v1"}, shortLists(t), sink)
		for larder.Reason(err) == "TOO_MANY_SETS" { // the server has yet to see that the one before ended
			_, err = client.BuildSet(ctx, larder.SetCommand{Service: "late_v1"}, shortLists(t), sink)
		}
		if err == nil || !strings.Contains(err.Error(), "encode the spine: ") {
			t.Fatalf("a spine that contradicts itself: %v", err)
		}
	}
}
