package grpcserver

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
)

// A rule says what an RPC or an HTTP path needs.
type rule struct {
	right Right
	on    about // nil: the server
	// also is a second right that some requests need on the same resources; ""
	// for those that don't.
	also func(req any) Right
	// late: only the handler can read what a request is about. It must call
	// [Permit] before it answers.
	late bool
}

// about returns the i-th resource that a request is about, and whether there is
// one. It copies and allocates nothing. The request is a message, or an
// *http.Request whose path values are set.
type about func(req any, i int) (Resource, bool)

// one is of requests that are about one thing; without its name, about all of the kind.
func one[T any](kind Kind, name func(T) string) about {
	return func(req any, i int) (Resource, bool) { return Resource{kind, name(req.(T))}, i == 0 }
}

// each is of requests that are about a list of things; an empty one is all of the kind.
func each[T any](kind Kind, names func(T) []string) about {
	return func(req any, i int) (Resource, bool) {
		all := names(req.(T))
		if len(all) == 0 {
			return Resource{Kind: kind}, i == 0
		}
		if i >= len(all) {
			return Resource{}, false
		}
		return Resource{kind, all[i]}, true
	}
}

// all is of requests that are about all things of a kind.
func all(kind Kind) about {
	return func(_ any, i int) (Resource, bool) { return Resource{Kind: kind}, i == 0 }
}

// inPath is of HTTP requests whose path has the name.
func inPath(kind Kind, value string) about {
	return one(kind, func(r *http.Request) string { return r.PathValue(value) })
}

// authorize checks that the caller of a request may make it.
func (s *Server) authorize(ctx context.Context, r *rule, req any) error {
	if r == nil {
		return s.refuse(forbidden("nobody may ask for this: the server's table of rights does not have it"))
	}
	if s.opts.Access == nil || r.late || r.right == Public || r.right == Any {
		return nil
	}
	caller := CallerOf(ctx)
	if r.on == nil {
		return s.allow(caller, r.right, Resource{})
	}
	also := Right("")
	if r.also != nil {
		also = r.also(req)
	}
	for i := 0; ; i++ {
		on, more := r.on(req, i)
		if !more {
			return nil
		}
		if err := s.allow(caller, r.right, on); err != nil {
			return err
		}
		if also == "" {
			continue
		}
		if err := s.allow(caller, also, on); err != nil {
			return err
		}
	}
}

func (s *Server) allow(c Caller, right Right, on Resource) error {
	err := s.opts.Access.Authorize(c, right, on)
	if err != nil {
		return s.refuse(failureOf(err))
	}
	return nil
}

// A permit is of one request.
type permit struct {
	shell   *Server
	caller  Caller
	right   Right
	late    bool // else none is needed
	granted bool
}

// missing tells whether a request may not be answered yet.
func (p *permit) missing() bool { return p.late && !p.granted }

// need has a request whose rule is late wait for its handler to ask.
func (p *permit) need(ctx context.Context, s *Server, r *rule) {
	*p = permit{shell: s, caller: CallerOf(ctx), right: r.right, late: true}
}

// A permitContext is the context of a request that has a permit.
type permitContext struct {
	context.Context
	permit *permit
}

type permitKey struct{}

// Value is as of [context.Context].
func (c *permitContext) Value(key any) any {
	if key == (permitKey{}) {
		return c.permit
	}
	return c.Context.Value(key)
}

func (s *Server) newPermit(ctx context.Context, r *rule) (context.Context, *permit) {
	p := new(permit)
	p.need(ctx, s, r)
	return &permitContext{ctx, p}, p
}

// Permit authorizes a request for what its handler has read that it is about.
// Without it an answer to a request whose rule is late is refused. Elsewhere, as
// where no shell is, it does nothing.
func Permit(ctx context.Context, on ...Resource) error {
	p, ok := ctx.Value(permitKey{}).(*permit)
	if !ok || !p.late {
		return nil
	}
	for _, resource := range on {
		if p.shell.opts.Access == nil {
			break
		}
		if err := p.shell.allow(p.caller, p.right, resource); err != nil {
			return err
		}
	}
	p.granted = len(on) > 0
	return nil
}

// Features returns what a request for a feature service, or for references of
// features, is about.
func Features(service string, references []string) (on []Resource) {
	for i := 0; ; i++ {
		resource, more := readOf(service, references, i)
		if !more {
			return on
		}
		on = append(on, resource)
	}
}

var errNoPermit = errors.New("the handler answers without having asked for a permit")

// Unruled returns the RPCs that are registered and not in the table of rights.
// They are refused.
func (s *Server) Unruled() (methods []string) {
	for _, name := range slices.Sorted(maps.Keys(s.methods)) {
		if s.methods[name].rule == nil {
			methods = append(methods, name)
		}
	}
	return methods
}
