package schema

import (
	"maps"
	"slices"
)

// A Reason says for programs why something was refused: the reason of gRPC's
// ErrorInfo. Reasons are stable, UPPER_SNAKE_CASE, and have one kind each.
type Reason string

// Reasons returns every reason, in alphabetical order.
func Reasons() []Reason { return slices.Sorted(maps.Keys(reasons)) }

// Kind returns the kind of the reason's errors.
func (r Reason) Kind() Kind { return reasons[r].kind }

// When says in which case errors have the reason, without a full stop.
func (r Reason) When() string { return reasons[r].when }

// Errorf returns an [Error] of the reason without a cause.
func (r Reason) Errorf(format string, args ...any) *Error { return r.Wrap(nil, format, args...) }

// Wrap returns an [Error] of the reason whose cause is err: it is logged, and never sent.
func (r Reason) Wrap(err error, format string, args ...any) *Error {
	return &Error{Kind: r.Kind(), Reason: r, Message: message(format, args), Err: err}
}

// ErrorfAs returns an [Error] of another kind than the reason's usual one.
func (r Reason) ErrorfAs(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: r, Message: message(format, args)}
}
