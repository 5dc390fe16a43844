// Package grpcserver is the shell of every RPC and of every HTTP request: it
// admits, bounds, measures, logs and answers errors, so that handlers do none of
// that.
//
// # Promises
//
//   - A handler returns a [*schema.Error] and the caller gets its message, the
//     code of its kind, and its reason in google.rpc.ErrorInfo of the domain
//     "larder" (over HTTP: in the error's JSON). Any other error, and any of
//     kind Internal, is logged under a request id, and the caller is told the id
//     only.
//   - A panic ends its own request and no other.
//   - Every unary call and every HTTP request has a deadline: the caller's, or
//     [Options.DefaultTimeout]. Streams live as long as their caller lets them.
//   - Every RPC and every HTTP path is in one table (table.go) with the right that it
//     needs and what on; what isn't in the table is refused. [Options.Access] says
//     who asks and whether it may. The handler runs after that; where only it can
//     read what a request is about, it asks for a [Permit], or its answer is
//     withheld. [CallerOf] knows the caller.
//   - No more than [Options.MaxInFlight] requests run at once, both servers
//     together; the others are refused at once, before their body is read where
//     that is possible. Health checks are always answered.
//   - A server that is told to stop says so first (health, /readyz), finishes
//     what it has begun for at most [Options.DrainTimeout], and then stops.
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
// RESOURCE_EXHAUSTED, naming both sizes.
package grpcserver
