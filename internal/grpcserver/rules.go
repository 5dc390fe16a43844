package grpcserver

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
)

// A rule says which right an RPC or an HTTP path requires, and on what.
type rule struct {
	right Right
	on    about // nil: the server
	// also returns a second right that some requests need on the same resources. It
	// returns "" for requests that need none.
	also func(req any) Right
	// late: only the handler can tell which resources a request is about. It must
	// call [Permit] before it answers.
	late bool
}

// about returns the i-th resource that a request is about, and whether there is
// one. It neither copies nor allocates. The request is a message, or an
// *http.Request with its path values set.
type about func(req any, i int) (Resource, bool)

// one is for requests about one resource. Without a name, they are about all of its kind.
func one[T any](kind Kind, name func(T) string) about {
	return func(req any, i int) (Resource, bool) { return Resource{kind, name(req.(T))}, i == 0 }
}

// each is for requests about a list of resources. An empty list means all of the kind.
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

// all is for requests about all resources of a kind.
func all(kind Kind) about {
	return func(_ any, i int) (Resource, bool) { return Resource{Kind: kind}, i == 0 }
}

// inPath is for HTTP requests that have the name in their path.
func inPath(kind Kind, value string) about {
	return one(kind, func(r *http.Request) string { return r.PathValue(value) })
}

// authorize refuses a request that its caller may not make.
func (s *Server) authorize(ctx context.Context, r *rule, req any) error {
	if r == nil {
		return s.refuse(forbidden("this method or path is always refused: it is not in the server's table of rights"))
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

// A permit records whether the handler of one request has called [Permit].
type permit struct {
	shell   *Server
	caller  Caller
	right   Right
	late    bool // false: no permit is needed
	granted bool
}

// missing reports whether the request still needs a permit.
func (p *permit) missing() bool { return p.late && !p.granted }

// need makes the request require a permit; its rule is late.
func (p *permit) need(ctx context.Context, s *Server, r *rule) {
	*p = permit{shell: s, caller: CallerOf(ctx), right: r.right, late: true}
}

// A permitContext is the context of a request that has a permit.
type permitContext struct {
	context.Context
	permit *permit
}

type permitKey struct{}

// Value implements [context.Context].
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

// Permit authorizes a request for the resources that its handler has found it to be
// about. If the rule of a request is late, the server withholds the answer until the
// handler has called Permit. For other requests, and outside a Server, it does nothing.
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

// Features returns the resources that a request reads: a feature service, or the
// features it lists.
func Features(service string, references []string) (on []Resource) {
	for i := 0; ; i++ {
		resource, more := readOf(service, references, i)
		if !more {
			return on
		}
		on = append(on, resource)
	}
}

var errNoPermit = errors.New("the handler answered without calling Permit")

// Unruled returns the registered RPCs that are not in the table of rights. The
// server refuses them.
func (s *Server) Unruled() (methods []string) {
	for _, name := range slices.Sorted(maps.Keys(s.methods)) {
		if s.methods[name].rule == nil {
			methods = append(methods, name)
		}
	}
	return methods
}
