package larder

import (
	"context"
	"encoding/json"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// A RowsRequest asks for the source rows of a feature view with an event time in [From, To]
// that have arrived by now.
type RowsRequest struct {
	View string     `json:"view"`
	From *time.Time `json:"from,omitempty"` // nil: the beginning
	To   *time.Time `json:"to,omitempty"`   // nil: now
}

// ReadRows reads the source rows of a view over Arrow Flight, in no particular order. write
// gets batches, which are released after the call. To stop early it returns an error, which
// ReadRows returns.
func (c *Client) ReadRows(ctx context.Context, r RowsRequest, write func(arrow.Record) error) error {
	ticket, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.read(ctx, ticket, func(*arrow.Schema) error { return nil }, write)
}
