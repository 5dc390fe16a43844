package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// A SetSink takes a training set as it comes. All are required; none is called
// by two goroutines at once.
type SetSink struct {
	Begin    func(*arrow.Schema) error // first
	Write    func(arrow.Record) error
	Progress func(rows, of int64)
}

// BuildSet has a server build the training set of a spine, and returns the JSON
// of its manifest.
func BuildSet(ctx context.Context, conn *grpc.ClientConn, command SetCommand, spine array.RecordReader, sink SetSink) ([]byte, error) {
	raw, err := json.Marshal(command)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := flight.NewFlightServiceClient(conn).DoExchange(ctx)
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
	case sent != nil: // which has ended the stream
		return nil, sent
	case received == nil && manifest == nil:
		return nil, errors.New("the server ended the training set without a manifest")
	}
	return manifest, received
}

// sendSpine writes a spine to its end. What a stream that has ended says is of no
// use: the receiver knows why it has.
func sendSpine(stream flight.FlightService_DoExchangeClient, command []byte, spine array.RecordReader) error {
	out := newBatchWriter(stream, spine.Schema(), math.MaxInt)
	out.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: command})
	for spine.Next() {
		if err := out.writeBatch(spine.Record()); err != nil {
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

func receiveSet(stream flight.FlightService_DoExchangeClient, sink SetSink, manifest *[]byte) error {
	in, err := flight.NewRecordReader(batches{stream, func(m message) {
		if m.Progress != nil {
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

// batches are the messages of a stream that have a batch; the others are told.
type batches struct {
	stream flight.FlightService_DoExchangeClient
	tell   func(message)
}

func (b batches) Recv() (*flight.FlightData, error) {
	for {
		data, err := b.stream.Recv()
		if err != nil || len(data.GetDataHeader()) > 0 {
			return data, err
		}
		var m message
		if err := json.Unmarshal(data.GetAppMetadata(), &m); err != nil {
			return nil, fmt.Errorf("the server's message: %w", err)
		}
		b.tell(m)
	}
}
