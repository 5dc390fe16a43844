package larder

import (
	"context"

	larderv1 "larder/api/larder/v1"
)

// PushOptions say how events are appended. The zero value appends events of now.
type PushOptions struct {
	// WaitServed returns once the server serves the events, and not as soon as they are
	// durable.
	WaitServed bool
	// Backfill takes events of the past, of any age.
	Backfill bool
	// Key makes a push safe to send again: for a day, another push to the stream with
	// the same key appends nothing and gets the same answer.
	Key string
}

// Pushed says what became of the events of a push.
type Pushed = larderv1.PushEventsResponse

// Push appends events to the log of a stream, all of them or none: a column for each field
// of the stream, and a value per event in each. They are durable when it returns without an
// error.
func (c *Client) Push(ctx context.Context, stream string, events Columns, options PushOptions) (*Pushed, error) {
	columns, err := events.messages()
	if err != nil {
		return nil, err
	}
	return larderv1.NewStreamServiceClient(c.conn).PushEvents(ctx, &larderv1.PushEventsRequest{
		Stream: stream, Events: &larderv1.PushEventsRequest_Columns{Columns: &larderv1.Columns{Columns: columns}},
		WaitServed: options.WaitServed, Backfill: options.Backfill, IdempotencyKey: options.Key,
	})
}
