package grpcserver

import (
	"context"
	"time"
)

// NewDeadline returns the context of a call that came without a deadline, and what
// ends it.
func NewDeadline(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	d := newDeadline(ctx, timeout)
	return d, d.end
}
