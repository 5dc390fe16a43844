package control

import (
	"context"
	"encoding/json"
	"time"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/control/datasets"
	"larder/internal/arrowflight"
	"larder/internal/grpcserver"
	"larder/schema"
)

// A RowsCommand requests the source rows of a feature view with an event time in
// [From, To] that have arrived by now. The rows come in no particular order.
type RowsCommand struct {
	View string     `json:"view"`
	From *time.Time `json:"from,omitempty"` // RFC 3339; absent: the beginning
	To   *time.Time `json:"to,omitempty"`   // absent: now
}

const exampleRows = `{"view": "customer_spend", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}`

// GetFlightInfo returns the schema of a view's rows and the ticket that reads them.
func (f *Flight) GetFlightInfo(ctx context.Context, d *flightv1.FlightDescriptor) (*flightv1.FlightInfo, error) {
	if len(d.GetCmd()) == 0 && len(d.GetPath()) == 1 {
		raw, err := json.Marshal(RowsCommand{View: d.GetPath()[0]})
		if err != nil {
			return nil, err
		}
		d = &flightv1.FlightDescriptor{Type: flightv1.FlightDescriptor_CMD, Cmd: raw}
	}
	reading, err := f.reading(ctx, d.GetCmd())
	if err != nil {
		return nil, err
	}
	columns, err := reading.Columns(ctx)
	if err != nil {
		return nil, err
	}
	return &flightv1.FlightInfo{
		Schema:           arrowflight.SchemaBytes(columns),
		FlightDescriptor: d,
		Endpoint:         []*flightv1.FlightEndpoint{{Ticket: &flightv1.Ticket{Ticket: d.GetCmd()}}},
		TotalRecords:     -1,
		TotalBytes:       -1,
	}, nil
}

// DoGet returns the rows of a view. It leaves out rows that materialization would
// skip as bad. The last message has no batch; it counts the rows that were left out.
func (f *Flight) DoGet(ticket *flightv1.Ticket, stream flightv1.FlightService_DoGetServer) error {
	if isLog(ticket.GetTicket()) {
		return f.sendLog(ticket.GetTicket(), stream)
	}
	reading, err := f.reading(stream.Context(), ticket.GetTicket())
	if err != nil {
		return err
	}
	leave, err := f.sets.Enter()
	if err != nil {
		return err
	}
	defer leave()
	columns, err := reading.Columns(stream.Context())
	if err != nil {
		return err
	}
	out := newBatchWriter(stream, columns, f.message)
	defer out.Close()
	last, written := message{BadRows: map[string]int{}}, false
	err = reading.Run(stream.Context(), func(rec arrow.Record, bad []schema.BadRow) error {
		for _, b := range bad {
			last.BadRows[string(b.Reason)]++
		}
		written = true
		return out.writeBatch(rec)
	})
	if err != nil {
		return err
	}
	if !written {
		if err := writeEmpty(out, columns); err != nil {
			return err
		}
	}
	if len(last.BadRows) == 0 {
		return nil
	}
	return last.write(out)
}

// reading parses a command and checks that its caller may read the rows.
func (f *Flight) reading(ctx context.Context, raw []byte) (*datasets.Reading, error) {
	if err := f.sets.HasHistory(); err != nil {
		return nil, err
	}
	var c RowsCommand
	if err := readCommand(raw, &c, exampleRows); err != nil {
		return nil, err
	}
	if err := grpcserver.Permit(ctx, grpcserver.Resource{Kind: grpcserver.View, Name: c.View}); err != nil {
		return nil, err
	}
	reading, err := f.sets.Reading(c.View, c.From, c.To)
	if err != nil {
		return nil, err
	}
	return reading, mayReadAll(ctx, reading.View().Sensitive())
}
