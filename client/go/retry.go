package larder

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A tenth of a client's calls may be sent again, and a few that were saved up. Otherwise
// clients would keep a server overloaded that has just recovered.
const (
	retryShare  = 0.1
	retrySaved  = 10
	retryJitter = 0.5 // of a pause, at most: clients that were refused together come back apart
)

// A retryBudget bounds how many calls are sent again. The zero value is full.
type retryBudget struct {
	mu    sync.Mutex
	spent float64
}

func (b *retryBudget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-retryShare)
}

func (b *retryBudget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+1 > retrySaved {
		return false
	}
	b.spent++
	return true
}

// retryRefused returns an interceptor that sends a call again which the server refused without
// doing anything, when the server says that it may be.
func (o Options) retryRefused() grpc.UnaryClientInterceptor {
	budget := new(retryBudget)
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		budget.earn()
		for attempt := 0; ; attempt++ {
			err := invoke(ctx, method, req, reply, conn, opts...)
			delay, again := retryDelay(err)
			if !again || attempt >= o.Retries {
				return err
			}
			pause := time.Duration(float64(delay<<attempt) * (1 + retryJitter*rand.Float64()))
			if at, has := ctx.Deadline(); has && time.Until(at) <= pause || !budget.spend() {
				return err
			}
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return err
			}
		}
	}
}

// retryDelay returns when a call that failed may be sent again; false for one that may not
// be.
func retryDelay(err error) (time.Duration, bool) {
	if err == nil {
		return 0, false
	}
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.RetryInfo); is {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

// PriorityHeader is the metadata in which a call says how much it matters: critical,
// default, batch or shadow. A server that has too many refuses the others first.
const PriorityHeader = "larder-priority"

// WithPriority returns a context whose calls have a priority, as far as the caller's role
// allows.
func WithPriority(ctx context.Context, priority string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, PriorityHeader, priority)
}
