package control

import (
	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/column/arrows"
	"larder/control/datasets"
	"larder/internal/background"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/training"
)

// A SetCommand requests the training set of a spine.
type SetCommand struct {
	// Service is the feature service that lists the features of the set. Instead of it,
	// Model and ModelVersion may name the version of a model that reads it.
	Service      string `json:"service,omitempty"`
	Model        string `json:"model,omitempty"`
	ModelVersion int64  `json:"model_version,omitempty"`
	// CatalogVersion is the version of the definitions. Defaults to the one that serves.
	CatalogVersion int64 `json:"catalog_version,omitempty"`
	// AsOf is ingest_time or event_time. Defaults to ingest_time.
	AsOf training.AsOf `json:"as_of,omitempty"`
	// EventTimeColumn is the spine's column of times. Defaults to event_time.
	EventTimeColumn string `json:"event_time_column,omitempty"`
	// OwnEventColumn is the spine's column with the id of the event that a row is about,
	// which aggregate views leave out. Optional.
	OwnEventColumn string `json:"own_event_column,omitempty"`
	// Name is a name for the set, which no other may have. Optional.
	Name string `json:"name,omitempty"`
}

const exampleSet = `{"service": "fraud_v1", "as_of": "ingest_time", "event_time_column": "event_time"}`

// DoExchange reads a spine and sends back its training set, batch by batch, in the
// spine's order. Messages without a batch report the progress. The last message has
// the manifest.
//
// A client must read while it writes. If it doesn't, the server stops building the
// set, and then stops reading the spine.
func (f *Flight) DoExchange(stream flightv1.FlightService_DoExchangeServer) error {
	leave, err := f.sets.Enter()
	if err != nil {
		return err
	}
	defer leave()
	return f.streamError(stream.Context(), background.Try(func() error { return f.exchange(stream) }))
}

func (f *Flight) exchange(stream flightv1.FlightService_DoExchangeServer) error {
	spine, err := newSpineReader(stream)
	if err != nil {
		return err
	}
	defer spine.Release()
	var command SetCommand
	if err := readCommand(spine.LatestFlightDescriptor().GetCmd(), &command, exampleSet); err != nil {
		return err
	}
	resource := grpcserver.Resource{Kind: grpcserver.Service, Name: command.Service}
	if command.Model != "" {
		resource = grpcserver.Resource{Kind: grpcserver.Model, Name: command.Model}
	}
	if err := grpcserver.Permit(stream.Context(), resource); err != nil {
		return err
	}
	if err := f.sets.CheckName(stream.Context(), command.Name); err != nil {
		return err
	}
	var out *batchWriter
	set, err := f.sets.Set(stream.Context(), spine.Schema(), datasets.Request{
		Service: command.Service, Model: command.Model, ModelVersion: command.ModelVersion, CatalogVersion: command.CatalogVersion, AsOf: command.AsOf, EventTimeColumn: command.EventTimeColumn, OwnEventColumn: command.OwnEventColumn,
		May: func(p *schema.Plan) error { return mayReadAll(stream.Context(), p.Sensitive()) },
		Progress: func(p training.Progress) {
			_ = message{Progress: &progress{p.Rows, p.Of}}.write(out) // if the client is gone, the next batch fails
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
	raw, err := f.sets.Record(stream.Context(), command.Name, manifest)
	if err != nil {
		return err
	}
	return message{Manifest: raw, Warnings: manifest.Warnings}.write(out)
}

func writeEmpty(out *batchWriter, columns *arrow.Schema) error {
	rec := arrows.EmptyRecord(columns)
	defer rec.Release()
	return out.writeBatch(rec)
}
