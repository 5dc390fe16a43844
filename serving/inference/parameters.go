package inference

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	inferencev2 "larder/api/inference"
	"larder/schema"
)

// A parameter is an option of a request, of an input or of an output.
type parameter struct {
	name  string
	value any // a bool, an int64, a float64 or a string
}

// The parameters that have a meaning here.
const (
	atParameter           = "at"
	timeoutParameter      = "timeout"
	binaryOutputParameter = "binary_data_output"
	binarySizeParameter   = "binary_data_size"
	binaryParameter       = "binary_data"
)

// unsupported are parameters that extensions of the protocol know, and what to do
// without them. Values that ask for nothing are accepted: false, 0 and "".
var unsupported = map[string]string{
	"classification":                     "classes are not ranked here; ask for the output without it and rank its values",
	"priority":                           "requests have no priorities here; leave it out",
	"sequence_id":                        noSequences,
	"sequence_start":                     noSequences,
	"sequence_end":                       noSequences,
	"shared_memory_region":               noSharedMemory,
	"shared_memory_byte_size":            noSharedMemory,
	"shared_memory_offset":               noSharedMemory,
	"triton_enable_empty_final_response": "each request has one answer here; leave it out",
}

const (
	noSequences    = "requests don't depend on each other here; leave it out"
	noSharedMemory = "there is no shared memory here; send contents, and read them from the answer"
)

// setParameters takes the parameters of the request as a whole.
func (req *request) setParameters(all []parameter) error {
	for _, p := range all {
		var err error
		switch p.name {
		case atParameter:
			req.at, err = valueOf[int64](p, "an integer (int64_param over gRPC): microseconds since 1970 UTC")
		case timeoutParameter:
			err = req.setTimeout(p)
		case binaryOutputParameter:
			req.form.raw, err = valueOf[bool](p, "a boolean")
		default:
			err = foreign(p, "a request", atParameter, timeoutParameter, binaryOutputParameter)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (req *request) setTimeout(p parameter) error {
	micros, err := valueOf[int64](p, "an integer (int64_param over gRPC): microseconds, 0 for none")
	if err != nil {
		return err
	}
	if *micros < 0 {
		return badParameter("the parameter %q is %d; it is a number of microseconds, 0 for none", p.name, *micros)
	}
	if *micros <= math.MaxInt64/int64(time.Microsecond) {
		req.timeout = time.Duration(*micros) * time.Microsecond
	}
	return nil
}

// binarySize returns the bytes of raw contents that an input says it has; nil if it
// does not say.
func binarySize(all []parameter) (*int64, error) {
	var size *int64
	for _, p := range all {
		var err error
		if p.name == binarySizeParameter {
			size, err = valueOf[int64](p, "an integer: bytes")
		} else {
			err = foreign(p, "an input", binarySizeParameter)
		}
		if err != nil {
			return nil, err
		}
	}
	return size, nil
}

// setOutput takes the parameters of an output that is asked for.
func (f *form) setOutput(name string, all []parameter) error {
	for _, p := range all {
		if p.name != binaryParameter {
			if err := foreign(p, "an output", binaryParameter); err != nil {
				return err
			}
			continue
		}
		raw, err := valueOf[bool](p, "a boolean")
		if err != nil {
			return err
		}
		if f.byName == nil {
			f.byName = map[string]bool{}
		}
		f.byName[name] = *raw
	}
	return nil
}

func valueOf[T any](p parameter, want string) (*T, error) {
	v, is := p.value.(T)
	if !is {
		return nil, badParameter("the parameter %q is not %s", p.name, want)
	}
	return &v, nil
}

// foreign refuses a parameter without a meaning here, unless it asks for nothing.
func foreign(p parameter, owner string, known ...string) error {
	instead, is := unsupported[p.name]
	if !is {
		return badParameter("%s has no parameter %q here; it may have %s", owner, clip(p.name), strings.Join(known, ", "))
	}
	if p.value == false || p.value == int64(0) || p.value == "" {
		return nil
	}
	return badParameter("the parameter %q is not supported: %s", p.name, instead)
}

func badParameter(format string, args ...any) *schema.Error {
	return schema.BadParameter.Errorf(format, args...)
}

// maxParameters is more than there are: the first that has no meaning is refused.
const maxParameters = 32

// parametersOf returns the parameters of a gRPC message, in the order of their names.
func parametersOf(from map[string]*inferencev2.InferParameter) ([]parameter, error) {
	if len(from) == 0 {
		return nil, nil
	}
	if len(from) > maxParameters {
		return nil, badParameter("there are %d parameters; at most %d fit", len(from), maxParameters)
	}
	all := make([]parameter, 0, len(from))
	for name, v := range from {
		p := parameter{name: name}
		switch v := v.GetParameterChoice().(type) {
		case *inferencev2.InferParameter_BoolParam:
			p.value = v.BoolParam
		case *inferencev2.InferParameter_Int64Param:
			p.value = v.Int64Param
		case *inferencev2.InferParameter_Uint64Param:
			p.value = whole(v.Uint64Param)
		case *inferencev2.InferParameter_DoubleParam:
			p.value = v.DoubleParam
		case *inferencev2.InferParameter_StringParam:
			p.value = v.StringParam
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// whole returns an integer as int64 if it fits, else as a float64, which no parameter is.
func whole(v uint64) any {
	if v > math.MaxInt64 {
		return float64(v)
	}
	return int64(v)
}

// jsonParameters are the parameters of a JSON object. One that is null is absent.
type jsonParameters []parameter

// UnmarshalJSON implements [json.Unmarshaler].
func (all *jsonParameters) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	err := schema.JSONMembers(raw, func(name string, value json.RawMessage) error {
		if len(*all) > maxParameters {
			return errFull
		}
		p := parameter{name: name}
		var err error
		switch text := string(value); {
		case text == "null":
			return nil
		case text == "true" || text == "false":
			p.value = text == "true"
		case text[0] == '"':
			var s string
			err = json.Unmarshal(value, &s)
			p.value = s
		case text[0] != '{' && text[0] != '[':
			p.value, err = numberOf(text)
		}
		*all = append(*all, p)
		return err
	})
	switch {
	case errors.Is(err, errFull):
		return badParameter("there are more than %d parameters", maxParameters)
	case errors.Is(err, schema.ErrNotObject):
		return json.Unmarshal(raw, new(map[string]any)) // says which type it has
	}
	return err
}

func numberOf(text string) (any, error) {
	if v, err := schema.ParseWhole(text, 64); err == nil {
		return v, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, badParameter("the number %s of a parameter does not fit", clip(text))
	}
	return v, nil
}
