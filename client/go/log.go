package larder

import (
	"context"
	"encoding/json"
	"errors"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/arrowflight"
)

// A LogPart names the rows of the feature log's table that one version of a model scored
// with one version of the definitions.
type LogPart struct {
	Model          string `json:"model"`
	ModelVersion   int64  `json:"model_version"`
	CatalogVersion int64  `json:"catalog_version"`
}

// ReadLog reads a part of the feature log's table over Arrow Flight, with the columns of
// a file of the log. It calls begin with the columns and then write with batches of rows,
// which are released after the call.
func (c *Client) ReadLog(ctx context.Context, part LogPart, begin func(*arrow.Schema) error, write func(arrow.Record) error) error {
	ticket, err := json.Marshal(map[string]LogPart{"log": part})
	if err != nil {
		return err
	}
	return c.read(ctx, ticket, begin, write)
}

// read reads what a ticket stands for.
func (c *Client) read(ctx context.Context, ticket []byte, begin func(*arrow.Schema) error, write func(arrow.Record) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := flightv1.NewFlightServiceClient(c.conn).DoGet(ctx, &flightv1.Ticket{Ticket: ticket})
	if err != nil {
		return err
	}
	in, err := arrowflight.NewReader(stream)
	if err != nil {
		return err
	}
	defer in.Release()
	if err := begin(in.Schema()); err != nil {
		return err
	}
	for in.Next() {
		if err := write(in.Record()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}
