package grpcserver

import (
	"context"
	"errors"
	"time"

	"larder/internal/admission"
	"larder/schema"
)

// Places in flight of the classes that have a fixed number. Those of scoring are the
// limiter's.
const (
	controlPlaces = 64
	statusPlaces  = 16
	bulkPlaces    = 64
)

// full reports whether a call would be refused now.
func (s *Server) full(c class) bool {
	switch c {
	case scoringClass:
		return s.inFlight.Load() >= int64(s.opts.MaxInFlight)
	case healthClass:
		return false
	}
	return s.pool(c).Load() >= s.places(c)
}

// places returns how many requests of a class may be in flight, with those that it shares a pool with.
func (s *Server) places(c class) int64 {
	switch c {
	case controlClass:
		return controlPlaces
	case statusClass:
		return controlPlaces + statusPlaces
	case bulkClass:
		return bulkPlaces
	}
	return int64(s.opts.MaxInFlight)
}

// share is how many requests of one connection may be in flight: three quarters of all, so
// that others are answered.
func (s *Server) share() int64 { return int64(s.opts.MaxInFlight - s.opts.MaxInFlight/4) }

// A stay is a request in flight.
type stay struct {
	method *method
	conn   *conn
	work   work
	cost   *admission.Cost
	alone  time.Duration // what it takes alone; 0 where nobody knows
	began  time.Time     // zero when it is over
}

// enter counts a request as in flight, perhaps after a wait in line, unless too many are. leave
// undoes that.
func (s *Server) enter(ctx context.Context, m *method, c *conn, w work) (stay, *failure) {
	in := stay{method: m, conn: c, work: w}
	all, ofConn := s.count(m.class, c, 1)
	var refused *failure
	switch {
	case m.class == healthClass:
	case m.class != scoringClass && all > s.places(m.class):
		refused = s.tooMany(m.class)
	case m.class == scoringClass && ofConn > s.share():
		refused = s.refusals.share
	case m.class == scoringClass:
		in.cost = s.costs.Find(m.name, w.name)
		in.alone = in.cost.Of(w.rows)
		who := identityOf(ctx)
		if wait := who.caller.Quota.TakeRows(w.counted); wait > 0 {
			refused = overQuota("rows", who.caller.Quota.RowsPerSecond, wait)
		} else if err := s.limiter.Enter(ctx, s.flowOf(who, c), who.priority, in.alone); err != nil {
			refused = s.refusal(err)
			if refused == s.refusals.noTime {
				in.cost.Doubt()
			}
		}
	}
	if refused != nil {
		s.count(m.class, c, -1)
		return stay{}, refused
	}
	in.began = time.Now()
	return in, nil
}

// resume counts a request as in flight that has begun before, and must end.
func (s *Server) resume(m *method, c *conn) stay {
	s.count(m.class, c, 1)
	if m.class == scoringClass {
		s.limiter.Admit()
	}
	return stay{method: m, conn: c, began: time.Now()}
}

// leave ends a stay, now, with the error of its request, and returns how long it was.
func (s *Server) leave(in *stay, err error) time.Duration {
	if in.began.IsZero() {
		return 0
	}
	ended := time.Now()
	took := ended.Sub(in.began)
	if in.method.class == scoringClass {
		began := in.began
		told := err == nil && in.work.rows > 0
		if !told { // it says nothing about how long such requests take
			began = time.Time{}
		}
		contended := s.limiter.Leave(in.alone, began, ended)
		switch {
		case told:
			if in.cost == nil {
				in.cost = s.costs.Add(in.method.name, in.work.name)
			}
			in.cost.Took(in.work.rows, took, contended)
			in.method.note(took)
		case in.cost != nil && errors.Is(err, context.DeadlineExceeded):
			in.cost.Late(in.work.rows, took, contended)
		}
	}
	s.count(in.method.class, in.conn, -1)
	in.began = time.Time{}
	return took
}

// count adds to the requests in flight of a class, and returns how many there are, and how many of the
// connection.
func (s *Server) count(cl class, c *conn, by int64) (all, ofConn int64) {
	switch cl {
	case healthClass:
		return 0, 0
	case scoringClass:
		if c != nil {
			ofConn = c.running.Add(by)
		}
		return s.inFlight.Add(by), ofConn
	}
	return s.pool(cl).Add(by), 0
}

func (s *Server) tooMany(c class) *failure {
	switch c {
	case scoringClass:
		return s.refusals.full
	case bulkClass:
		return s.refusals.bulk
	case pushClass:
		return s.refusals.pushes
	}
	return s.refusals.control
}

// refusal returns what a caller is told of an error of the limiter.
func (s *Server) refusal(err error) *failure {
	var limit admission.Refusal
	if !errors.As(err, &limit) {
		return failureOf(err)
	}
	switch limit {
	case admission.Full:
		return s.refusals.full
	case admission.NoTime:
		return s.refusals.noTime
	case admission.Waited:
		return s.refusals.waited
	case admission.Displaced:
		return s.refusals.displaced
	}
	return s.refusals.overload
}

// refusals are the failures of requests for which there is no room. They are made once: what
// is refused must cost little.
type refusals struct {
	full, share, control, bulk, pushes  *failure
	overload, waited, displaced, noTime *failure
}

// retryLater is when a caller may try again that was refused because of others.
const retryLater = 100 * time.Millisecond

func newRefusals(opts Options, share int64) refusals {
	f := func(limit admission.Refusal, r schema.Reason, format string, args ...any) *failure {
		made := *failureOf(r.Errorf(format, args...))
		made.limit, made.retry = string(limit), retryLater
		made.built = made.status()
		return &made
	}
	return refusals{
		full: f(admission.Full, schema.TooManyInFlight, "too many requests in flight (limit %d); retry or raise --max-in-flight", opts.MaxInFlight),
		share: f("connection", schema.TooManyInFlight,
			"too many requests of one connection in flight (limit %d of %d); retry, use more connections, or raise --max-in-flight", share, opts.MaxInFlight),
		control:   f("control", schema.TooManyInFlight, "too many requests of the control plane in flight (limit %d); retry when one has ended", controlPlaces),
		bulk:      f("bulk", schema.TooManyInFlight, "too many training sets, checks and other long requests in flight (limit %d); retry when one has ended", bulkPlaces),
		pushes:    f("pushes", schema.TooManyInFlight, "too many pushes in flight (limit %d); retry or raise --max-in-flight", opts.MaxInFlight),
		overload:  f(admission.Overload, schema.Overloaded, "the server is overloaded; retry later, and less often"),
		waited:    f(admission.Waited, schema.Overloaded, "the server is overloaded; retry later, and less often"),
		displaced: f(admission.Displaced, schema.Overloaded, "the server is overloaded, and a request of higher priority was answered first; retry later"),
		noTime:    f(admission.NoTime, schema.DeadlineTooShort, "the request can't be answered before its deadline; allow more time, ask for less at once, or retry later"),
	}
}
