package schema

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Expectations say what the rows of a feature view's source look like when nothing is
// wrong. Each run that materializes the view checks them.
type Expectations struct {
	OnFailure   OnFailure         `json:"on_failure,omitempty"` // empty means warn
	Rows        *ExpectedRows     `json:"rows,omitempty"`
	FreshWithin Duration          `json:"fresh_within,omitempty"` // how old the newest event time may be; 0: any age
	Features    []ExpectedFeature `json:"features,omitempty"`
}

// OnFailure says what a run does when the rows are not as expected.
type OnFailure string

// The values of OnFailure.
const (
	WarnOnFailure OnFailure = "warn" // it stores them and succeeds, with a warning
	KeepOnFailure OnFailure = "keep" // it fails and stores nothing: it reads the window once more to know before it writes
	FailOnFailure OnFailure = "fail" // it fails; some of its rows may be stored already
)

// ExpectedRows is how many rows a run from the beginning has. Bad rows don't count.
type ExpectedRows struct {
	Min int64 `json:"min,omitempty"`
	// MaxChange is by how much the number may differ from that of the last such run that
	// succeeded, as a multiple of that; nil: by any.
	MaxChange *Ratio `json:"max_change,omitempty"`
}

// ExpectedFeature is what the values of one feature are like: between Min and Max, or
// among In. A list is if all its elements are. NaN is neither between nor among any.
type ExpectedFeature struct {
	Name            string    `json:"name"`
	Min             Literal   `json:"min,omitempty"` // of the feature's type, or of its elements'; empty: no bound
	Max             Literal   `json:"max,omitempty"`
	In              []Literal `json:"in,omitempty"`
	MaxOutsideShare float64   `json:"max_outside_share,omitempty"` // share of the values, 0 to 1, that may be otherwise
	MaxNullShare    *float64  `json:"max_null_share,omitempty"`    // share of the rows, 0 to 1, that may be null; nil: all
}

// Bounded reports whether there is a range or a list of values.
func (e *ExpectedFeature) Bounded() bool { return e.Min != "" || e.Max != "" || len(e.In) > 0 }

// Allowed are the bounds of an expected feature, in the Go form of [ParseValue]; nil where
// there is none.
type Allowed struct {
	Min, Max any
	In       []any
}

// Allowed returns what values of type t, or elements of it, are allowed.
func (e *ExpectedFeature) Allowed(t Type) (a Allowed, err error) {
	if a.Min, err = e.bound("min", t, e.Min); err != nil {
		return a, err
	}
	if a.Max, err = e.bound("max", t, e.Max); err != nil {
		return a, err
	}
	for i, l := range e.In {
		v, err := e.bound(fmt.Sprintf("in[%d]", i), t, l)
		if err != nil {
			return a, err
		}
		a.In = append(a.In, v)
	}
	return a, nil
}

// A boundError is a fault of one key of an expected feature.
type boundError struct {
	key   string // as min or in[2]
	fault string
}

func (e *boundError) Error() string { return e.key + ": " + e.fault }

// bound reads one value of an expected feature; nil when there is none.
func (e *ExpectedFeature) bound(key string, t Type, l Literal) (any, error) {
	if l == "" {
		return nil, nil
	}
	v, err := ParseValue(t.Elem(), []byte(l))
	if err != nil {
		return nil, &boundError{key, err.Error()}
	}
	if v == nil {
		return nil, &boundError{key, "null is not a value; max_null_share says how many nulls are expected"}
	}
	if f, ok := asFloat(v); ok && math.IsNaN(f) {
		return nil, &boundError{key, "NaN is not a bound: it is outside of every range and list; raise max_outside_share to allow some"}
	}
	return v, nil
}

// asFloat returns a float of either width.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// after reports whether one bound is greater than another of the same type.
func after(a, b any) bool {
	switch a := a.(type) {
	case int32:
		return cmp.Compare(a, b.(int32)) > 0
	case int64:
		return cmp.Compare(a, b.(int64)) > 0
	case float32:
		return a > b.(float32)
	case float64:
		return a > b.(float64)
	case time.Time:
		return a.After(b.(time.Time))
	}
	return false
}
