package grpcserver

import (
	"context"
	"crypto/x509"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"larder/access"
)

// An Access identifies callers and decides what they may do. Its methods run once or more
// for each request; they must be quick and safe for concurrent use.
type Access interface {
	// Authenticate returns the caller that the credentials belong to, or
	// [ErrUnauthenticated].
	Authenticate(ctx context.Context, c Credentials) (Caller, error)
	// Authorize returns nil when the caller has the right on the resource, and
	// [Forbidden] when it lacks it.
	Authorize(c Caller, right Right, on Resource) error
	// AuthorizeSome returns nil when the caller has the right on some resources of a kind, or
	// of any kind where none is given, and [ForbiddenEverywhere] when it has none.
	AuthorizeSome(c Caller, right Right, kind Kind) error
}

// Credentials are what a request sends to identify its caller.
type Credentials struct {
	Authorization []string            // the values of its authorization headers
	Certificates  []*x509.Certificate // of its connection, verified, the caller's own first
}

// A Caller is the client that makes a request. The zero Caller is anonymous: the
// server asks for no credentials.
type Caller struct {
	Name     string // for the record; never a secret
	Identity any    // of the Access that authenticated it
	// Priority is the highest that its requests may have. Those that claim none have it too,
	// but at most Default.
	Priority Priority
	Quota    *Quota // shared by all its requests; nil: none
	// Shared: clients that don't know each other send the same credentials.
	Shared bool
}

// A Right is an action that an RPC or an HTTP path requires.
type Right = access.Action

// Public and Any are never granted: Public requires no credentials, and Any requires only
// valid credentials.
const (
	Public Right = "public"
	Any    Right = "any"
)

// The rights.
const (
	Read          = access.Read
	ReadSensitive = access.ReadSensitive
	Score         = access.Score
	Train         = access.Train
	Push          = access.Push
	Apply         = access.Apply
	Promote       = access.Promote
	Operate       = access.Operate
	Observe       = access.Observe
	Forget        = access.Forget
	Admin         = access.Admin
)

// A Kind is a kind of resource.
type Kind = access.Kind

// The kinds of resources.
const (
	Definitions = access.Definitions
	Dataset     = access.Dataset
	Entity      = access.Entity
	Stream      = access.Stream
	Model       = access.Model
	Run         = access.Run
	Service     = access.Service
	View        = access.View
)

// A Resource is what a right applies to. Names alias the request and are not checked: no
// resource of that name may exist.
type Resource = access.Resource

// ErrUnauthenticated refuses credentials. It does not say what is wrong with them.
var ErrUnauthenticated error = &failure{
	code: codes.Unauthenticated, http: http.StatusUnauthorized, reason: reasonUnauthenticated,
	message: `missing or invalid credentials; send "authorization: Bearer KEY"`,
}

// Forbidden refuses a caller that lacks a right, and names roles that have it. It does not
// reveal whether the resource exists.
func Forbidden(caller string, right Right, on Resource, roles string) error {
	return lacking(caller, right, on.String(), roles)
}

// ForbiddenEverywhere refuses a caller that lacks a right on every resource of a kind, or on
// everything where none is given.
func ForbiddenEverywhere(caller string, right Right, kind Kind, roles string) error {
	if kind == "" {
		return lacking(caller, right, "anything", roles)
	}
	return lacking(caller, right, "any "+string(kind), roles)
}

func lacking(caller string, right Right, on, roles string) error {
	return forbidden(caller + " lacks the right to " + string(right) + " on " + on + "; roles with that right: " + roles)
}

func forbidden(message string) *failure {
	return &failure{code: codes.PermissionDenied, http: http.StatusForbidden, reason: reasonForbidden, message: message}
}

// Error makes a failure an error, so that [failureOf] can recognise it.
func (f *failure) Error() string { return f.message }

// GRPCStatus lets gRPC send the failure as it is.
func (f *failure) GRPCStatus() *status.Status { return status.Convert(f.status()) }

// authenticate identifies the caller of a request and returns a context that holds it, with
// the priority that it claims.
func (s *Server) authenticate(ctx context.Context, c Credentials, claims []string, from origin) (context.Context, error) {
	caller := Caller{Priority: Critical} // where there is no Access, everybody may do everything
	var err error
	if s.opts.Access != nil {
		if caller, err = s.opts.Access.Authenticate(ctx, c); err != nil {
			return ctx, err
		}
	}
	priority, err := claimed(caller, claims)
	if err != nil {
		return ctx, err
	}
	if s.opts.Access == nil {
		caller = Caller{}
	}
	if caller == (Caller{}) && priority == Default && s.opts.Audit == nil {
		return ctx, nil
	}
	return &callerContext{Context: ctx, identity: identity{caller, priority}, shell: s, origin: from}, nil
}

// May reports whether the caller of a request has a right, without refusing anything. Outside
// a Server, and where every caller may do everything, it does.
func May(ctx context.Context, right Right, on Resource) bool {
	c, ok := ctx.Value(callerKey{}).(*callerContext)
	return !ok || c.shell.opts.Access == nil || c.shell.opts.Access.Authorize(c.caller, right, on) == nil
}

// Require authorizes what a request needs beside the rights in its rule, and that only its
// handler can tell. Outside a Server, and where every caller may do everything, it allows it.
func Require(ctx context.Context, right Right, on Resource) error {
	c, ok := ctx.Value(callerKey{}).(*callerContext)
	if !ok {
		return nil
	}
	if c.shell.opts.Access != nil {
		if err := c.shell.allow(ctx, right, on); err != nil {
			return err
		}
	}
	return c.shell.record(ctx, right, []string{clipped(on)})
}

// An identity is the caller of a request and the priority that the request has.
type identity struct {
	caller   Caller
	priority Priority
}

// A callerContext is the context of a request from a known caller, or one that claims a
// priority.
type callerContext struct {
	context.Context
	identity
	shell    *Server
	origin   origin
	recorded access.Event // in the audit trail; the last of them
}

type callerKey struct{}

// Value implements [context.Context].
func (c *callerContext) Value(key any) any {
	if key == (callerKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// CallerOf returns the caller of the request that ctx belongs to.
func CallerOf(ctx context.Context) Caller { return identityOf(ctx).caller }

func identityOf(ctx context.Context) identity {
	if c, ok := ctx.Value(callerKey{}).(*callerContext); ok {
		return c.identity
	}
	return identity{}
}
