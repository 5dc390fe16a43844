package inference

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"larder/schema"
	"larder/scoring"
)

// A jsonRequest is the JSON of an infer request.
type jsonRequest struct {
	ID         string           `json:"id"`
	Parameters jsonParameters   `json:"parameters"`
	Inputs     list[jsonInput]  `json:"inputs"`
	Outputs    list[jsonOutput] `json:"outputs"`
}

type jsonInput struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      list[int64]     `json:"shape"`
	Parameters jsonParameters  `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

type jsonOutput struct {
	Name       string         `json:"name"`
	Parameters jsonParameters `json:"parameters"`
}

// A list is read up to one element more than any list of a request may have: whoever reads
// it refuses that.
type list[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	*l = list[T]{}
	err := schema.JSONItems(raw, func(item json.RawMessage) error {
		if len(*l) > maxTensors {
			return errFull
		}
		*l = append(*l, *new(T))
		return json.Unmarshal(item, &(*l)[len(*l)-1])
	})
	switch {
	case errors.Is(err, errFull):
		return nil
	case errors.Is(err, schema.ErrNotList):
		return json.Unmarshal(raw, new([]T)) // says which type it has
	}
	return err
}

var errFull = errors.New("the list has as many elements as any may have")

// parseInfer reads the JSON of a request, and the raw contents after it, which the
// result aliases.
func parseInfer(head, raw []byte) (*request, error) {
	var j jsonRequest
	if err := schema.CheckJSON(head); err != nil {
		return nil, badJSON("the JSON of the request is %v", err)
	}
	if err := json.Unmarshal(head, &j); err != nil {
		return nil, jsonFault(err)
	}
	if len(j.Inputs) > maxTensors || len(j.Outputs) > maxTensors {
		return nil, badInput("the request has %d inputs and %d outputs; at most %d fit", len(j.Inputs), len(j.Outputs), maxTensors)
	}
	req := &request{id: j.ID, inputs: make([]scoring.Array, len(j.Inputs))}
	if err := req.setParameters(j.Parameters); err != nil {
		return nil, err
	}
	for i := range j.Inputs {
		in, a := &j.Inputs[i], &req.inputs[i]
		a.Name, a.Dims = in.Name, in.Shape
		var err error
		if a.Elem, err = elemOf(in.Name, in.Datatype); err != nil {
			return nil, err
		}
		size, err := binarySize(in.Parameters)
		if err != nil {
			return nil, err
		}
		switch {
		case size == nil:
			err = setData(a, in.Data)
		case in.Data != nil:
			err = badInput("input %q has both data and binary_data_size", clip(in.Name))
		case *size < 0 || *size > int64(len(raw)):
			err = badInput("input %q has the binary_data_size %d, but %d bytes are left after the JSON", clip(in.Name), *size, len(raw))
		default:
			err = setRaw(a, raw[:*size])
			raw = raw[*size:]
		}
		if err != nil {
			return nil, err
		}
	}
	if len(raw) > 0 {
		return nil, badInput("%d bytes follow the last input's; binary_data_size says how many belong to each", len(raw))
	}
	for _, o := range j.Outputs {
		req.outputs = append(req.outputs, o.Name)
		if err := req.form.setOutput(o.Name, o.Parameters); err != nil {
			return nil, err
		}
	}
	return req, nil
}

func jsonFault(err error) error {
	var said *schema.Error
	if errors.As(err, &said) {
		return said
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return badJSON("%q of the request is a JSON %s, which doesn't fit there", wrong.Field, wrong.Value)
	}
	return badJSON(`the body is not a JSON object such as {"inputs": [{"name": ..., "shape": [1], "datatype": "FP32", "data": [0.5]}]}`)
}

// setData takes the elements of an array from JSON: a list, or lists of lists, row
// by row. The JSON has been checked to be JSON.
func setData(a *scoring.Array, data []byte) error {
	n, err := checkShape(a.Name, a.Dims)
	if err != nil {
		return err
	}
	if len(data) == 0 || data[0] != '[' {
		return badInput("input %q has neither a list of data nor binary_data_size", clip(a.Name))
	}
	if a.Elem == 10 || a.Elem == 16 {
		return badInput("input %q is %s, which JSON has no numbers for; send it after the JSON, with binary_data_size", clip(a.Name), a.Elem)
	}
	had := 0
	for len(data) > 0 {
		switch data[0] {
		case '[', ']', ',', ' ', '\t', '\r', '\n':
			data = data[1:]
			continue
		}
		end := literalEnd(data)
		if had >= n { // only count them
		} else if err := appendLiteral(a, data[:end]); err != nil {
			return literalFault(a, had, data[:end])
		}
		data = data[end:]
		had++
	}
	if had != n {
		return badInput("input %q has %d elements of data; the shape %v takes %d", clip(a.Name), had, a.Dims, n)
	}
	return nil
}

// literalEnd returns where the literal ends that JSON begins with.
func literalEnd(data []byte) int {
	quoted := data[0] == '"'
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case quoted && c == '"':
			return i + 1
		case !quoted && (c == ',' || c == ']' || c == '[' || c <= ' '):
			return i
		}
	}
	return len(data)
}

// literalFault says why element i can't be what the JSON says.
func literalFault(a *scoring.Array, i int, literal []byte) error {
	if string(literal) == "null" {
		return badInput("input %q: element %d is null, and %s has no missing value (only FP32 and FP64 do); send a value", clip(a.Name), i, a.Elem)
	}
	remedy := ""
	if isFloat(a.Elem) && literal[0] == '"' {
		remedy = `; send a number, null, "NaN", "Infinity" or "-Infinity"`
	}
	return badInput("input %q: element %d is %s, which is not %s%s", clip(a.Name), i, clip(string(literal)), a.Elem, remedy)
}

var errLiteral = errors.New("a value of another type")

func isFloat(e scoring.Elem) bool { return e == scoring.Float32 || e == scoring.Float64 }

// parseFloat reads a float as JSON writes it. JSON has no NaN and no infinities: null
// and strings stand for them.
func parseFloat(literal []byte, bits int) (float64, error) {
	switch string(literal) {
	case "null", `"NaN"`:
		return math.NaN(), nil
	case `"Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	}
	return strconv.ParseFloat(string(literal), bits)
}

// appendLiteral appends one element, as JSON writes it.
func appendLiteral(a *scoring.Array, literal []byte) error {
	size := a.Elem.Size()
	switch a.Elem {
	case scoring.String:
		var s string
		if literal[0] != '"' {
			return errLiteral
		}
		err := json.Unmarshal(literal, &s)
		a.Strings = append(a.Strings, s)
		return err
	case scoring.Bool:
		if s := string(literal); s != "true" && s != "false" {
			return errLiteral
		}
		a.Data = append(a.Data, boolByte(literal[0] == 't'))
		return nil
	case scoring.Float32:
		v, err := parseFloat(literal, 32)
		a.Data = appendLow(a.Data, uint64(math.Float32bits(float32(v))), size)
		return err
	case scoring.Float64:
		v, err := parseFloat(literal, 64)
		a.Data = appendLow(a.Data, math.Float64bits(v), size)
		return err
	case 2, 4, 12, uint64Elem: // unsigned
		v, err := schema.ParseUnsigned(string(literal), 8*size)
		a.Data = appendLow(a.Data, v, size)
		return err
	}
	v, err := schema.ParseWhole(string(literal), 8*size)
	a.Data = appendLow(a.Data, uint64(v), size)
	return err
}

// appendData appends an array as one JSON list. JSON has no NaN and no infinities:
// they are null.
func appendData(dst []byte, a *scoring.Array) ([]byte, error) {
	if !hasTyped(a) {
		return nil, schema.BinaryOnly.Errorf("output %q is %s, which JSON has no numbers for; ask for it with the parameter binary_data: true", a.Name, a.Elem)
	}
	dst = append(dst, '[')
	size := a.Elem.Size()
	for b := a.Data; len(b) > 0; b = b[size:] {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		switch a.Elem {
		case scoring.Bool:
			dst = strconv.AppendBool(dst, b[0] != 0)
		case scoring.Float32:
			dst = appendFloat(dst, float64(math.Float32frombits(uint32(low(b, size)))), 32)
		case scoring.Float64:
			dst = appendFloat(dst, math.Float64frombits(low(b, size)), 64)
		case 2, 4, 12, uint64Elem: // unsigned
			dst = strconv.AppendUint(dst, low(b, size), 10)
		default:
			dst = strconv.AppendInt(dst, signed(b, size), 10)
		}
	}
	for i, s := range a.Strings {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !utf8.ValidString(s) {
			return nil, schema.BinaryOnly.Errorf("output %q has bytes that are not UTF-8; ask for it with the parameter binary_data: true", a.Name)
		}
		quoted, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		dst = append(dst, quoted...)
	}
	return append(dst, ']'), nil
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return schema.AppendFloat(dst, v, bits)
}
