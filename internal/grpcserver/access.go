package grpcserver

import (
	"context"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An Access identifies callers and decides what they may do. Both methods run once or more
// for each request; they must be quick and safe for concurrent use.
type Access interface {
	// Authenticate returns the caller that the credentials belong to, or
	// [ErrUnauthenticated].
	Authenticate(ctx context.Context, c Credentials) (Caller, error)
	// Authorize returns nil when the caller has the right on the resource, and
	// [Forbidden] when it lacks it.
	Authorize(c Caller, right Right, on Resource) error
}

// Credentials are what a request sends to identify its caller.
type Credentials struct {
	Authorization []string // the values of its authorization headers
}

// A Caller is the client that makes a request. The zero Caller is anonymous: the
// server asks for no credentials.
type Caller struct {
	Name string // for the record; never a secret
}

// A Right is a permission that an RPC or an HTTP path requires.
type Right string

// The rights. Public and Any are never granted: Public requires no credentials, and
// Any requires only valid credentials.
const (
	Public  Right = "public"
	Any     Right = "any"
	Read    Right = "read"    // features
	Score   Right = "score"   // with a model
	Train   Right = "train"   // training sets and rows of the history
	Push    Right = "push"    // model files and versions
	Apply   Right = "apply"   // definitions
	Promote Right = "promote" // the version that answers, and its traffic
	Operate Right = "operate" // materialize, verify, snapshots
	Observe Right = "observe" // status, metrics, reports
)

// A Kind is a kind of resource.
type Kind string

// The kinds of resources.
const (
	Definitions Kind = "definitions"
	Dataset     Kind = "dataset"
	Model       Kind = "model"
	Run         Kind = "run"
	Service     Kind = "service" // a feature service
	View        Kind = "view"    // a feature view; or VIEW:FEATURE, a feature of one
)

// A Resource is what a right applies to. Without a name it stands for all resources
// of its kind. The zero Resource is the server. Names alias the request and are not
// checked: no resource of that name may exist.
type Resource struct {
	Kind Kind
	Name string
}

// String returns KIND:NAME.
func (r Resource) String() string {
	switch {
	case r.Kind == "":
		return "the server"
	case r.Name == "":
		return "every " + string(r.Kind)
	}
	return string(r.Kind) + ":" + r.Name
}

// ErrUnauthenticated refuses credentials. It does not say what is wrong with them.
var ErrUnauthenticated error = &failure{
	code: codes.Unauthenticated, http: http.StatusUnauthorized, reason: reasonUnauthenticated,
	message: `missing or invalid token; send "authorization: Bearer TOKEN"`,
}

// Forbidden refuses a caller that lacks a right. It does not reveal whether the
// resource exists.
func Forbidden(right Right, on Resource) error {
	return forbidden("you lack the right to " + string(right) + " on " + on.String())
}

func forbidden(message string) *failure {
	return &failure{code: codes.PermissionDenied, http: http.StatusForbidden, reason: reasonForbidden, message: message}
}

// Error makes a failure an error, so that [failureOf] can recognise it.
func (f *failure) Error() string { return f.message }

// GRPCStatus lets gRPC send the failure as it is.
func (f *failure) GRPCStatus() *status.Status { return status.Convert(f.status()) }

// authenticate identifies the caller of a request and returns a context that holds it.
func (s *Server) authenticate(ctx context.Context, c Credentials) (context.Context, error) {
	if s.opts.Access == nil {
		return ctx, nil
	}
	caller, err := s.opts.Access.Authenticate(ctx, c)
	if err != nil {
		return ctx, err
	}
	if caller == (Caller{}) {
		return ctx, nil
	}
	return &callerContext{ctx, caller}, nil
}

// A callerContext is the context of a request from a known caller.
type callerContext struct {
	context.Context
	caller Caller
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
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(*callerContext); ok {
		return c.caller
	}
	return Caller{}
}
