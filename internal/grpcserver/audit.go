package grpcserver

import (
	"context"
	"net"
	"net/http"
	"strings"

	"larder/access"
	"larder/schema"
)

// An Auditor keeps the audit trail. Safe for concurrent use.
type Auditor interface {
	// Before records what is allowed. The effect follows only when it returns nil.
	Before(ctx context.Context, e access.Event) error
	// Note records what nothing waits for. It must be quick.
	Note(e access.Event)
}

// An origin is where a request came from, and what it is.
type origin struct {
	method string
	addr   net.Addr // of an RPC
	remote string   // instead: of an HTTP request
}

func originOf(r *http.Request) origin {
	const most = 200
	path := r.URL.Path
	if len(path) > most {
		path = path[:most] + "..."
	}
	return origin{method: r.Method + " " + path, remote: r.RemoteAddr}
}

// from returns the host that a request came from.
func (o origin) from() string {
	remote := o.remote
	if o.addr != nil {
		remote = o.addr.String()
	}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// onTrail says how the trail gets decisions about a right.
type onTrail int

const (
	uncounted onTrail = iota // the data plane: requests are counted, not recorded
	noted                    // reads of the control plane: nothing waits for the record
	first                    // the record comes before the effect
)

func trailOf(right Right, on []string) onTrail {
	switch right {
	case Train, Apply, Promote, Operate, Forget, Admin:
		return first
	case Push:
		if len(on) > 0 && strings.HasPrefix(on[0], string(Stream)+":") {
			return uncounted
		}
		return first
	case Observe:
		return noted
	}
	return uncounted
}

// record records that a right is allowed. The effect may follow when it returns nil.
func (s *Server) record(ctx context.Context, right Right, on []string) error {
	c, ok := ctx.Value(callerKey{}).(*callerContext)
	if s.opts.Audit == nil || !ok {
		return nil
	}
	e := access.Event{Caller: c.caller.Name, Action: right, Resources: on, Method: c.origin.method, From: c.origin.from(), Outcome: access.Allowed}
	switch trailOf(right, on) {
	case noted:
		if c.origin.addr != nil { // pages and metrics are read all the time
			s.opts.Audit.Note(e)
		}
	case first:
		e.RequestID = newRequestID()
		if err := s.opts.Audit.Before(ctx, e); err != nil {
			return s.refuse(failureOf(err))
		}
		c.recorded = e
	}
	return nil
}

// refused records that a call was refused because of who makes it.
func (s *Server) refused(ctx context.Context, o origin, right Right, on string, f *failure) *failure {
	if s.opts.Audit == nil {
		return s.refuse(f)
	}
	e := access.Event{Caller: CallerOf(ctx).Name, Action: right, Method: o.method, From: o.from(), Outcome: access.Refused, Code: string(f.reason)}
	if on != "" {
		e.Resources = []string{on}
	}
	s.opts.Audit.Note(e)
	return s.refuse(f)
}

// recordEnd records how a call ended whose beginning was recorded.
func (s *Server) recordEnd(ctx context.Context, f *failure) {
	c, ok := ctx.Value(callerKey{}).(*callerContext)
	if !ok || c.recorded.RequestID == "" {
		return
	}
	e := c.recorded
	e.Outcome, e.Code, e.Resources = access.Ended, "OK", nil
	if f != nil {
		e.Code = f.code.String()
		if f.reason != "" {
			e.Code = string(f.reason)
		}
	}
	s.opts.Audit.Note(e)
}

// names returns the resources of a rule that a request is about, for the trail.
func (r *rule) names(req any) (on []string) {
	switch {
	case r.lists(req):
		return []string{"some " + string(r.some)}
	case r.on == nil:
		return []string{Resource{}.String()}
	}
	const most = 100
	for i := 0; len(on) < most; i++ {
		resource, more := r.on(req, i)
		if !more {
			break
		}
		on = append(on, clipped(resource))
	}
	return on
}

// clipped returns a resource as the trail has it: its name comes from the caller.
func clipped(r Resource) string {
	const most = 300
	return schema.Cut(r.String(), most)
}
