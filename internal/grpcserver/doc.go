// Package grpcserver is the shell around every RPC and every HTTP request. It
// authorizes, limits, measures and logs requests and answers errors, so that handlers
// don't have to.
//
// # Promises
//
//   - If a handler returns a [*schema.Error], the caller gets its message, the code
//     of its kind, and its reason in a google.rpc.ErrorInfo of the domain "larder"
//     (over HTTP: in the error's JSON). Any other error, and any error of kind
//     Internal, is logged under a request id; the caller gets only the id.
//   - A panic ends its own request and no other.
//   - Every unary call and every HTTP request has a deadline: the caller's, or
//     [Options.DefaultTimeout]. A stream lasts as long as its caller keeps it in use.
//   - One table (table.go) lists every RPC and every HTTP path with the right that it
//     requires and the resource it requires it on. Everything else is refused.
//     [Options.Access] identifies the caller and checks the right before the handler
//     runs. If only the handler can tell which resource a request is about, it must
//     call [Permit]; until then its answer is withheld. [CallerOf] returns the caller.
//   - Requests for features and scores run at once as far as that helps, and others wait a
//     moment or are refused (package admission): those of low priority, over their caller's
//     quota, or without the time that is needed first, before their message is decoded where
//     possible. At most [Options.MaxInFlight] are in flight, on both servers together, and three
//     quarters of them on one connection.
//   - Pushes, the control plane, its status, and long requests have places of their own
//     (classes.go). Health checks are always answered.
//   - A refusal says when to try again, and costs little.
//   - A request is in flight only once its message has arrived, and a stream only while
//     one of its messages is answered. What callers leave unfinished is limited by itself
//     (waits.go): a message by a time that grows with what has come of it, a stream
//     between messages by an hour, both by number, and the oldest of the connection with
//     the most make room for others.
//   - The messages of all requests together take a bounded amount of memory (budget.go). A
//     message is measured before it is decoded (size.go). Messages that are incomplete
//     have half of the memory for themselves, so they keep out no others.
//   - The number of connections is bounded by the limit on open files. The one that has
//     been idle longest makes room for a new one (conns.go).
//   - A server that stops first reports it (health, /readyz), gives running requests
//     at most [Options.DrainTimeout] to finish, and then stops.
//
// # Errors
//
//	kind                 gRPC                  HTTP
//	Invalid              INVALID_ARGUMENT      400
//	NotFound             NOT_FOUND             404
//	FailedPrecondition   FAILED_PRECONDITION   409
//	Exhausted            RESOURCE_EXHAUSTED    429; 413 for a body that is too large
//	Unavailable          UNAVAILABLE           503
//	Internal             INTERNAL              500
//	a deadline passed    DEADLINE_EXCEEDED     504
//	the caller left      CANCELLED             499
//	no token, or wrong   UNAUTHENTICATED       401
//	a right is missing   PERMISSION_DENIED     403
//
// A gRPC message over the limit never reaches this package: grpc itself answers
// RESOURCE_EXHAUSTED and names both sizes.
package grpcserver
