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
	// some: where on names nothing, the right on some resources of this kind, or of anyKind, is
	// enough. The handler must ask [May] about each that it answers with.
	some Kind
	// or are rights that do as well.
	or []Right
	// also returns a second right that some requests need on the same resources. It
	// returns "" for requests that need none.
	also func(req any) Right
	at   plane // of its port, where its right doesn't say
	// late: only the handler can tell which resources a request is about. It must
	// call [Permit] before it answers. With some, a caller without the right on any is refused
	// before that.
	late bool
}

// anyKind is for rules about some resources of any kind.
const anyKind Kind = "*"

// about returns the i-th resource that a request is about, and whether there is
// one. It neither copies nor allocates. The request is a message, or an
// *http.Request with its path values set.
type about func(req any, i int) (Resource, bool)

// one is for requests about one resource. Without a name, they are about all of its kind.
func one[T any](kind Kind, name func(T) string) about {
	return func(req any, i int) (Resource, bool) { return Resource{Kind: kind, Name: name(req.(T))}, i == 0 }
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
		return Resource{Kind: kind, Name: all[i]}, true
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
	if r.late && r.some == "" || r.right == Public || r.right == Any {
		return nil
	}
	if s.opts.Access != nil {
		if err := s.check(ctx, r, req); err != nil {
			return err
		}
	}
	if r.late || s.opts.Audit == nil || trailOf(r.right, nil) == uncounted {
		return nil
	}
	return s.record(ctx, r.right, r.names(req))
}

// check refuses a request that its caller lacks a right for.
func (s *Server) check(ctx context.Context, r *rule, req any) error {
	if r.lists(req) {
		kind := r.some
		if kind == anyKind {
			kind = ""
		}
		if err := s.opts.Access.AuthorizeSome(CallerOf(ctx), r.right, kind); err != nil {
			return s.denied(ctx, r.right, Resource{Kind: r.some}, err)
		}
		return nil
	}
	if r.on == nil {
		return s.allow(ctx, r.right, Resource{})
	}
	also := Right("")
	if r.also != nil {
		also = r.also(req)
	}
	for i := 0; ; i++ {
		on, more := r.on(req, i)
		if !more && i == 0 { // it names nothing, which its handler says: to those who may do this to something
			if err := s.opts.Access.AuthorizeSome(CallerOf(ctx), r.right, ""); err != nil {
				return s.denied(ctx, r.right, Resource{}, err)
			}
		}
		if !more {
			return nil
		}
		if s.allowsOther(ctx, r, on) {
			continue
		}
		if err := s.allow(ctx, r.right, on); err != nil {
			return err
		}
		if also == "" {
			continue
		}
		if err := s.allow(ctx, also, on); err != nil {
			return err
		}
	}
}

// lists reports whether a request is about those of some resources that its caller has the
// right on.
func (r *rule) lists(req any) bool {
	if r.some == "" || r.on == nil {
		return r.some != ""
	}
	on, _ := r.on(req, 0)
	return on.Name == ""
}

// allowsOther reports whether one of the other rights of a rule is there.
func (s *Server) allowsOther(ctx context.Context, r *rule, on Resource) bool {
	for _, right := range r.or {
		if s.opts.Access.Authorize(CallerOf(ctx), right, on) == nil {
			return true
		}
	}
	return false
}

func (s *Server) allow(ctx context.Context, right Right, on Resource) error {
	if err := s.opts.Access.Authorize(CallerOf(ctx), right, on); err != nil {
		return s.denied(ctx, right, on, err)
	}
	return nil
}

func (s *Server) denied(ctx context.Context, right Right, on Resource, err error) error {
	var from origin
	if c, ok := ctx.Value(callerKey{}).(*callerContext); ok {
		from = c.origin
	}
	return s.refused(ctx, from, right, clipped(on), failureOf(err))
}

// A permit records whether the handler of one request has called [Permit].
type permit struct {
	shell   *Server
	right   Right
	late    bool // false: no permit is needed
	granted bool
	on      Resource // what the request is about, or the first of them
}

// missing reports whether the request still needs a permit.
func (p *permit) missing() bool { return p.late && !p.granted }

// need makes the request require a permit; its rule is late.
func (p *permit) need(s *Server, r *rule) {
	*p = permit{shell: s, right: r.right, late: true}
}

// A permitContext is the context of a request that has a permit.
type permitContext struct {
	context.Context
	permit *permit
	http   *recorder // nil of an RPC
}

type permitKey struct{}

type httpKey struct{}

// Value implements [context.Context].
func (c *permitContext) Value(key any) any {
	switch key {
	case permitKey{}:
		return c.permit
	case httpKey{}:
		return c.http
	}
	return c.Context.Value(key)
}

func (s *Server) newPermit(ctx context.Context, r *rule) (context.Context, *permit) {
	p := new(permit)
	p.need(s, r)
	return &permitContext{ctx, p, nil}, p
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
		if err := p.shell.allow(ctx, p.right, resource); err != nil {
			return err
		}
	}
	if len(on) == 0 {
		return nil
	}
	names := make([]string, len(on))
	for i := range on {
		names[i] = clipped(on[i])
	}
	if err := p.shell.record(ctx, p.right, names); err != nil {
		return err
	}
	p.granted, p.on = true, on[0]
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
