//go:build soak

package integration_test

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/pgtest"
)

const embeddingDefinitions = `
entities: [{name: item, join_keys: [{name: id, type: int64}]}]
sources: [{name: embeddings, table: embeddings, timestamp_field: at}]
feature_views: [{name: v, entities: [item], source: embeddings, features: [{name: embedding, type: list<float32>}]}]
feature_services: [{name: s, features: ["v:*"]}]
`

// TestSoakEmbeddings: a set of 200,000 embeddings of 3072 floats, 2.3 GiB, is whole, and
// the server's memory doesn't grow with it.
func TestSoakEmbeddings(t *testing.T) {
	const ids, width, rows = 100_000, 3072, 200_000
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), `CREATE TABLE embeddings AS SELECT id::bigint, '2026-01-01'::timestamptz AS at,
		array_fill(id::real, ARRAY[3072]) AS embedding FROM generate_series(0, 99999) id;
		CREATE INDEX ON embeddings (id, at); ANALYZE embeddings`); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, embeddingDefinitions))
	build := func(rows int) int {
		t.Helper()
		id := func(row int64) int64 { return row * 7919 % ids }
		at := int64(0)
		err := s.idSet(rows, id, func(rec arrow.Record) {
			lists := rec.Column(2).(*array.List)
			values := lists.ListValues().(*array.Float32)
			for i := range lists.Len() {
				first, end := lists.ValueOffsets(i)
				if end-first != width || values.Value(int(end)-1) != float32(id(at)) {
					t.Fatalf("row %d of the set is not the embedding of id %d", at, id(at))
				}
				at++
			}
		})
		if err != nil || at != int64(rows) {
			t.Fatalf("%d rows of %d: %v", at, rows, err)
		}
		return s.peakMemory()
	}
	small, large := build(rows/4), build(rows)
	t.Logf("the server's peak: %d MiB for %d rows, %d MiB for %d rows", small>>20, rows/4, large>>20, rows)
	if large > small*3/2 {
		t.Errorf("the server needed %d MiB for %d rows, and %d MiB for a quarter of them", large>>20, rows, small>>20)
	}
}

// idSet builds the set of a spine with an id and a time in each row.
func (s *server) idSet(rows int, id func(row int64) int64, visit func(arrow.Record)) error {
	s.t.Helper()
	stream, err := flight.NewClientFromConn(s.conn, nil).DoExchange(s.t.Context())
	if err != nil {
		return err
	}
	go func() {
		columns := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us}}, nil)
		out := flight.NewRecordWriter(stream, ipc.WithSchema(columns))
		out.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(`{"service": "s"}`)})
		b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
		for row := range rows {
			b.Field(0).(*array.Int64Builder).Append(id(int64(row)))
			b.Field(1).(*array.TimestampBuilder).Append(1_767_268_800_000_000)
			if (row+1)%10_000 == 0 || row == rows-1 {
				if out.Write(b.NewRecord()) != nil {
					return // the response says why
				}
			}
		}
		_ = stream.CloseSend()
	}()
	in, err := flight.NewRecordReader(onlyBatches{stream})
	if err != nil {
		return err
	}
	defer in.Release()
	for in.Next() {
		visit(in.Record())
	}
	return in.Err()
}

// onlyBatches reads the messages of a stream that have a batch.
type onlyBatches struct {
	flight.FlightService_DoExchangeClient
}

func (o onlyBatches) Recv() (*flight.FlightData, error) {
	for {
		data, err := o.FlightService_DoExchangeClient.Recv()
		if err != nil || len(data.GetDataHeader()) > 0 {
			return data, err
		}
	}
}
