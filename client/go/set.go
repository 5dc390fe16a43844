package larder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

	"larder/internal/arrowflight"
)

// A SetCommand says which training set to build.
type SetCommand struct {
	// Service is the feature service whose features the set has. Required, unless Model and
	// ModelVersion name the version of a model that reads it.
	Service      string `json:"service,omitempty"`
	Model        string `json:"model,omitempty"`
	ModelVersion int64  `json:"model_version,omitempty"`
	// CatalogVersion is the version of the definitions. Defaults to the one that serves.
	CatalogVersion int64 `json:"catalog_version,omitempty"`
	// AsOf is what a row's time is compared with: "ingest_time", the default, or
	// "event_time", for sources that were filled after the fact.
	AsOf string `json:"as_of,omitempty"`
	// EventTimeColumn is the spine's column of times. Defaults to "event_time".
	EventTimeColumn string `json:"event_time_column,omitempty"`
	// OwnEventColumn is the spine's column with the id of the event that a row is about,
	// which aggregate views leave out. Optional.
	OwnEventColumn string `json:"own_event_column,omitempty"`
	// Name is a name for the set, which no other may have. Optional.
	Name string `json:"name,omitempty"`
}

// A SetSink takes a training set as it comes. No two of its functions are called
// at once. Begin and Write are required.
type SetSink struct {
	Begin    func(*arrow.Schema) error // called first
	Write    func(arrow.Record) error  // the record is released after the call
	Progress func(rows, of int64)      // of is 0 while unknown
}

// BuildSet has the server build the training set of a spine, over Arrow Flight,
// and returns the manifest in JSON. The spine has the join keys of the service, a
// time for each row, and other columns that the set is to have too.
func (c *Client) BuildSet(ctx context.Context, command SetCommand, spine array.RecordReader, sink SetSink) ([]byte, error) {
	raw, err := json.Marshal(command)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := flightv1.NewFlightServiceClient(c.conn).DoExchange(ctx)
	if err != nil {
		return nil, err
	}
	var manifest []byte
	g := new(errgroup.Group)
	g.Go(func() error {
		err := sendSpine(stream, raw, spine)
		if err != nil {
			stop()
		}
		return err
	})
	received := receiveSet(stream, sink, &manifest)
	if received != nil {
		stop() // else the sender might wait for a server that has ended
	}
	sent := g.Wait()
	switch {
	case sent != nil: // this ended the stream
		return nil, sent
	case received == nil && manifest == nil:
		return nil, errors.New("the server ended the training set without a manifest")
	}
	return manifest, received
}

// sendSpine writes a spine to its end. It ignores errors of the stream: the
// receiver knows why the stream ended. Rows that can't be encoded are an error.
func sendSpine(stream flightv1.FlightService_DoExchangeClient, command []byte, spine array.RecordReader) (err error) {
	defer func() {
		if p := recover(); p != nil { // Arrow's library panics where data contradicts itself
			err = fmt.Errorf("read the spine: %v", p)
		}
	}()
	out := arrowflight.NewWriter(stream, spine.Schema(), math.MaxInt)
	out.SetFlightDescriptor(&flightv1.FlightDescriptor{Type: flightv1.FlightDescriptor_CMD, Cmd: command})
	for spine.Next() {
		if err := out.WriteBatch(spine.Record()); err != nil && !out.Ended() {
			return fmt.Errorf("encode the spine: %w; leave out columns of unusual types, and join them to the set by an id", err)
		} else if err != nil {
			return nil //nolint:nilerr // see above
		}
	}
	if err := spine.Err(); err != nil {
		return fmt.Errorf("read the spine: %w", err)
	}
	_ = out.Close()
	_ = stream.CloseSend()
	return nil
}

func receiveSet(stream flightv1.FlightService_DoExchangeClient, sink SetSink, manifest *[]byte) error {
	in, err := arrowflight.NewReader(batches{stream, func(m setMessage) {
		if m.Progress != nil && sink.Progress != nil {
			sink.Progress(m.Progress.Rows, m.Progress.Of)
		}
		if m.Manifest != nil {
			*manifest = m.Manifest
		}
	}})
	if err != nil {
		return err
	}
	defer in.Release()
	if err := sink.Begin(in.Schema()); err != nil {
		return err
	}
	for in.Next() {
		if err := sink.Write(in.Record()); err != nil {
			return err
		}
	}
	return in.Err()
}

// A setMessage is the metadata of a message without a batch, in JSON.
type setMessage struct {
	Progress *struct {
		Rows int64 `json:"rows"`
		Of   int64 `json:"of"`
	} `json:"progress"`
	Manifest json.RawMessage `json:"manifest"` // of the last message
}

// batches reads the messages of a stream that have a batch, and passes the others on.
type batches struct {
	stream flightv1.FlightService_DoExchangeClient
	other  func(setMessage)
}

func (b batches) Recv() (*flightv1.FlightData, error) {
	for {
		data, err := b.stream.Recv()
		if err != nil || len(data.GetDataHeader()) > 0 {
			return data, err
		}
		var m setMessage
		if err := json.Unmarshal(data.GetAppMetadata(), &m); err != nil {
			return nil, fmt.Errorf("the server's message: %w", err)
		}
		b.other(m)
	}
}
