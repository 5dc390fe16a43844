package control

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/control/datasets"
	"larder/internal/grpcserver"
	"larder/training"
)

// A SetCommand asks for the training set of a spine.
type SetCommand struct {
	// Service is the feature service whose features the set has.
	Service string `json:"service"`
	// AsOf is ingest_time, which it is when empty, or event_time.
	AsOf training.AsOf `json:"as_of,omitempty"`
	// EventTimeColumn is the spine's column of times; event_time when empty.
	EventTimeColumn string `json:"event_time_column,omitempty"`
}

const exampleSet = `{"service": "fraud_v1", "as_of": "ingest_time", "event_time_column": "event_time"}`

// DoExchange reads a spine and answers its training set, batch by batch as both
// come, in the spine's order. Messages without a batch tell the progress; the
// last one has the manifest.
//
// A client must read while it writes: what isn't read holds up what is built, and
// that in turn what is read.
func (f *Flight) DoExchange(stream flight.FlightService_DoExchangeServer) error {
	leave, err := f.sets.Enter()
	if err != nil {
		return err
	}
	defer leave()
	return streamError(stream.Context(), f.exchange(stream))
}

func (f *Flight) exchange(stream flight.FlightService_DoExchangeServer) error {
	spine, err := newSpineReader(stream)
	if err != nil {
		return err
	}
	defer spine.Release()
	var command SetCommand
	if err := readCommand(spine.LatestFlightDescriptor().GetCmd(), &command, exampleSet); err != nil {
		return err
	}
	if err := grpcserver.Permit(stream.Context(), grpcserver.Resource{Kind: grpcserver.Service, Name: command.Service}); err != nil {
		return err
	}
	var out *batchWriter
	set, err := f.sets.Set(spine.Schema(), datasets.Request{
		Service: command.Service, AsOf: command.AsOf, EventTimeColumn: command.EventTimeColumn,
		Progress: func(p training.Progress) {
			_ = message{Progress: &progress{p.Rows, p.Of}}.write(out) // a client that is gone fails the next batch
		},
	})
	if err != nil {
		return err
	}
	out = newBatchWriter(stream, set.Schema(), f.message)
	defer out.Close()
	manifest, err := set.Run(stream.Context(), spine, out.writeBatch)
	if err != nil {
		return err
	}
	if manifest.Rows == 0 { // so that a client knows the columns
		if err := writeEmpty(out, set.Schema()); err != nil {
			return err
		}
	}
	raw, err := f.sets.Record(stream.Context(), manifest)
	if err != nil {
		return err
	}
	return message{Manifest: raw, Warnings: manifest.Warnings}.write(out)
}

func writeEmpty(out *batchWriter, columns *arrow.Schema) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	return out.writeBatch(rec)
}
