package grpcserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"larder/schema"
)

// errorDomain is the domain of ErrorInfo: it says who defines the reason.
const errorDomain = "larder"

// Reasons of what the shell answers by itself, with codes that no kind of error has.
const (
	reasonInternal        schema.Reason = "INTERNAL"
	reasonDeadline        schema.Reason = "DEADLINE_EXCEEDED"
	reasonCancelled       schema.Reason = "CANCELLED"
	reasonUnauthenticated schema.Reason = "UNAUTHENTICATED"
	reasonForbidden       schema.Reason = "PERMISSION_DENIED"
)

// clientClosedRequest is the status that nginx logs when the caller has gone. HTTP
// has no status for that.
const clientClosedRequest = 499

// answers maps each kind of error to its gRPC code and HTTP status.
var answers = [...]struct {
	grpc codes.Code
	http int
}{
	schema.Internal:           {codes.Internal, http.StatusInternalServerError},
	schema.Invalid:            {codes.InvalidArgument, http.StatusBadRequest},
	schema.NotFound:           {codes.NotFound, http.StatusNotFound},
	schema.FailedPrecondition: {codes.FailedPrecondition, http.StatusConflict},
	schema.Exhausted:          {codes.ResourceExhausted, http.StatusTooManyRequests},
	schema.Unavailable:        {codes.Unavailable, http.StatusServiceUnavailable},
}

// StatusOf returns the gRPC code and the HTTP status of errors of a reason of package
// schema.
func StatusOf(r schema.Reason) (codes.Code, int) { return statusOf(r.Kind(), r) }

func statusOf(k schema.Kind, r schema.Reason) (codes.Code, int) {
	switch r {
	case schema.MessageTooLarge:
		return answers[k].grpc, http.StatusRequestEntityTooLarge
	case schema.UnknownHost:
		return codes.PermissionDenied, http.StatusMisdirectedRequest
	case schema.CrossSite:
		return codes.PermissionDenied, http.StatusForbidden
	case schema.BadContentType:
		return answers[k].grpc, http.StatusUnsupportedMediaType
	case schema.UnknownMethod:
		return codes.Unimplemented, http.StatusMethodNotAllowed
	case schema.Overloaded, schema.DeadlineTooShort:
		return answers[k].grpc, http.StatusServiceUnavailable
	case schema.MessageTooSlow:
		return codes.DeadlineExceeded, http.StatusRequestTimeout
	}
	return answers[k].grpc, answers[k].http
}

// A failure is an error as it goes to the caller and to the log.
type failure struct {
	code      codes.Code
	http      int
	reason    schema.Reason
	message   string // safe to send
	requestID string // set when the fault is ours; the text stays in the log
	cause     error
	sent      *status.Status // when the handler made the status itself
	limit     string         // that refused the request, for metrics; empty: none did
	retry     time.Duration  // when the caller may try again; 0: nobody knows
	built     error          // the status of a failure that is sent often; nil: it is made each time
}

// failureOf converts an error to what is sent and logged.
func failureOf(err error) *failure {
	f := failureFor(err)
	if cut := cutMessage(f.message); cut != f.message {
		short := *f
		short.message = cut
		return &short
	}
	return f
}

func failureFor(err error) *failure {
	var made *failure
	var said *schema.Error
	var problems schema.Problems
	switch {
	case errors.As(err, &made):
		return made
	case errors.As(err, &said) && said.Kind != schema.Internal:
		code, status := statusOf(said.Kind, said.Reason)
		return &failure{code: code, http: status, reason: said.Reason, message: publicText(err, said), cause: err}
	case errors.As(err, &problems):
		a := answers[schema.Invalid]
		return &failure{code: a.grpc, http: a.http, reason: schema.BadDefinitions, message: problems.Error(), cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{
			code: codes.DeadlineExceeded, http: http.StatusGatewayTimeout, reason: reasonDeadline, cause: err,
			message: "the deadline passed before the answer was ready; allow more time or ask for less at once",
		}
	case errors.Is(err, context.Canceled):
		return &failure{code: codes.Canceled, http: clientClosedRequest, reason: reasonCancelled, message: "the caller cancelled the request", cause: err}
	}
	if st, ok := status.FromError(err); ok {
		return &failure{code: st.Code(), http: http.StatusInternalServerError, message: st.Message(), cause: err, sent: cutStatus(st)}
	}
	id := newRequestID()
	return &failure{
		code: codes.Internal, http: http.StatusInternalServerError, reason: reasonInternal, requestID: id, cause: err,
		message: "internal error; see the server's log, request id " + id,
	}
}

// publicText returns the text of an error without the cause of said, which callers
// must not see. It keeps the wrapping text, which names what the error is about.
func publicText(err error, said *schema.Error) string {
	around, found := strings.CutSuffix(err.Error(), said.Error())
	if !found || strings.Contains(around, "\n") { // joined with other errors, which may not be public
		return said.Message
	}
	return around + said.Message
}

func newRequestID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// status returns the failure as a gRPC status.
func (f *failure) status() error {
	if f.built != nil {
		return f.built
	}
	if f.sent != nil {
		return f.sent.Err()
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: string(f.reason), Domain: errorDomain}}
	if f.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)})
	}
	st, err := status.New(f.code, f.message).WithDetails(details...)
	if err != nil {
		return status.Error(f.code, f.message)
	}
	return st.Err()
}
