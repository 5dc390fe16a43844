package grpcserver

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"larder/internal/admission"
	"larder/schema"
)

// A Priority says which requests are refused first when there are too many.
type Priority = admission.Priority

// The priorities, from the first that is refused to the last.
const (
	Shadow   = admission.Shadow
	Batch    = admission.Batch
	Default  = admission.Default
	Critical = admission.Critical
)

// A Quota bounds the requests and rows a second of a caller.
type Quota = admission.Quota

// priorityHeader is the metadata of RPCs, and the header of HTTP, in which a request claims a
// priority.
const priorityHeader = "larder-priority"

// pushbackTrailer tells gRPC clients when to try again (gRFC A6).
const pushbackTrailer = "grpc-retry-pushback-ms"

// claimed returns the priority of a request: what it claims, or Default, and at most what
// its caller may claim.
func claimed(c Caller, claims []string) (Priority, error) {
	priority := Default
	if len(claims) > 0 {
		var known bool
		if priority, known = admission.ParsePriority(claims[0]); !known || len(claims) > 1 {
			return priority, schema.BadHeader.Errorf("the header %s is %q; it can be critical, default, batch or shadow, once", priorityHeader, schema.CutName(claims[0]))
		}
	}
	return min(priority, c.Priority), nil
}

// gate refuses a request for features and scores of which only the headers are known, where
// it would be refused when its message had been decoded.
func (s *Server) gate(ctx context.Context, m *method, c *conn) *failure {
	if m.class != scoringClass {
		return nil
	}
	who := identityOf(ctx)
	if wait := who.caller.Quota.TakeRequest(); wait > 0 {
		return overQuota("requests", who.caller.Quota.RequestsPerSecond, wait)
	}
	if s.limiter.Sheds(s.flowOf(who, c), who.priority) {
		return s.refusals.overload
	}
	if at, has := ctx.Deadline(); has && time.Until(at) < m.quickest() {
		m.doubt()
		return s.refusals.noTime
	}
	return nil
}

// flowOf returns with whom a request shares what others leave: with those of its caller or,
// of credentials that several clients share, of its connection. It may be nil.
func (s *Server) flowOf(who identity, c *conn) *admission.Flow {
	if who.caller.Name != "" && !who.caller.Shared {
		if known := s.callers.find(who.caller.Name); known != nil {
			return &known.flow
		}
	}
	if c == nil {
		return nil
	}
	return &c.flow
}

func overQuota(what string, perSecond float64, wait time.Duration) *failure {
	f := *failureOf(schema.QuotaExceeded.Errorf("over the quota of %g %s a second; retry in %s", perSecond, what, wait.Round(time.Millisecond)))
	f.limit, f.retry = "quota_"+what, wait
	return &f
}

// TakeRows takes rows of the quota of the caller of a request over HTTP, of whose rows
// only the handler knows. It does nothing for RPCs, and outside a Server.
func TakeRows(ctx context.Context, n int) error {
	rec, _ := ctx.Value(httpKey{}).(*recorder)
	if rec == nil {
		return nil
	}
	quota := CallerOf(ctx).Quota
	if wait := quota.TakeRows(n); wait > 0 {
		return rec.shell.shed(ctx, overQuota("rows", quota.RowsPerSecond, wait), time.Time{})
	}
	return nil
}

// shed counts a refused request and who made it, and how long that took.
func (s *Server) shed(ctx context.Context, f *failure, seen time.Time) *failure {
	if f.limit != "" {
		who := identityOf(ctx)
		s.metrics.shed.WithLabelValues(f.limit, who.priority.String(), s.callers.label(who.caller.Name)).Inc()
		if !seen.IsZero() {
			s.metrics.refusal.Observe(time.Since(seen).Seconds())
		}
	}
	return s.refuse(f)
}

// pushBack tells the client of an RPC when to try again.
func pushBack(stream grpc.ServerStream, f *failure) {
	if f.retry > 0 {
		stream.SetTrailer(metadata.Pairs(pushbackTrailer, strconv.FormatInt(f.retry.Milliseconds(), 10)))
	}
}
