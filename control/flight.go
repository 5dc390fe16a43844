package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"larder/control/datasets"
	"larder/internal/background"
	"larder/schema"
)

// A Flight is the Arrow Flight service. Any Arrow Flight client can use it to read
// training sets and the rows of views, without installing anything from Larder:
//
//	DoExchange      a spine in, its training set out; the descriptor's command is
//	                a SetCommand in JSON
//	GetFlightInfo   the schema and the ticket of a RowsCommand in JSON
//	DoGet           the source rows of a feature view that such a ticket names, or
//	                the rows of the feature log's table that a LogCommand names
//
// It is safe for concurrent use.
type Flight struct {
	flightv1.UnimplementedFlightServiceServer
	server  *Server
	sets    *datasets.Builder
	message int // the most bytes of a message
	log     *slog.Logger
}

// Flight returns the Arrow Flight service of s.
func (s *Server) Flight() *Flight {
	return &Flight{server: s, sets: s.parts.Datasets, message: s.MaxMessageBytes, log: s.Logger}
}

// Register adds the service to a server.
func (f *Flight) Register(r grpc.ServiceRegistrar) { flightv1.RegisterFlightServiceServer(r, f) }

// A message is the application metadata of a Flight message, in JSON.
type message struct {
	Progress *progress       `json:"progress,omitempty"`
	Manifest json.RawMessage `json:"manifest,omitempty"` // the last message of a training set
	Warnings []string        `json:"warnings,omitempty"`
	BadRows  map[string]int  `json:"bad_rows,omitempty"` // the last message of a view's rows: how many rows were left out, by reason
}

type progress struct {
	Rows int64 `json:"rows"`
	Of   int64 `json:"of,omitempty"`
}

func (m message) write(w *batchWriter) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return w.WriteMetadata(raw)
}

// readCommand reads the JSON of a command, strictly.
func readCommand(raw []byte, into any, example string) error {
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	err := strict.Decode(into)
	if err == nil {
		if _, extra := strict.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("unexpected data after the JSON value")
		}
	}
	if err == nil {
		err = schema.CheckJSON(raw)
	}
	if err != nil {
		return schema.BadCommand.Errorf("cannot parse the command: %v; write it as JSON, for example %s", err, example)
	}
	return nil
}

// streamError separates faults in what the client sent from other errors.
func (f *Flight) streamError(ctx context.Context, err error) error {
	var said *schema.Error
	var panicked *background.Panic
	_, isStatus := status.FromError(err)
	switch {
	case errors.As(err, &panicked): // Arrow's library panics where data contradicts itself
		f.log.ErrorContext(ctx, "panic in a training set", "panic", panicked.Value, "stack", string(panicked.Stack))
		return schema.BadArrowStream.Wrap(err, "cannot process the columns of the request; send only those that the feature service needs, and join the others by an id")
	case err == nil, errors.As(err, &said), isStatus:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return schema.BadArrowStream.Wrap(fmt.Errorf("arrow flight: %w", err), "cannot read the request as an Arrow IPC stream; send record batches in the Arrow IPC format")
}
