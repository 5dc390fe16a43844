package codec

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"larder/schema"
)

// jsonFormat reads JSON objects in one pass.
type jsonFormat struct {
	root *node
	scan scanner
	row  *row
	turn uint64 // of the message; a node that has it was seen in this message
}

func newJSON(fields []field) (format, error) {
	root, err := newTree(fields)
	if err != nil {
		return nil, err
	}
	return &jsonFormat{root: root}, nil
}

func (j *jsonFormat) decode(_ context.Context, message []byte, r *row) error {
	if !utf8.Valid(message) {
		return bad(Undecodable, "the message is not UTF-8")
	}
	const keep = 64 << 10
	if cap(j.scan.texts) > keep {
		j.scan.texts = nil
	}
	j.scan = scanner{data: message, texts: j.scan.texts[:0]}
	j.row, j.turn = r, j.turn+1
	if j.scan.peek() != '{' {
		return j.scan.unexpected("an object")
	}
	if err := j.object(j.root, 0); err != nil {
		return err
	}
	return j.scan.end()
}

// object reads the members of an object that has fields below it.
func (j *jsonFormat) object(n *node, depth int) error {
	hint := 0
	return j.scan.members(depth, func(key []byte) error {
		var child *node
		if child, hint = n.child(key, hint); child == nil {
			return j.scan.skip(depth + 1)
		}
		if child.seen == j.turn {
			return bad(DuplicateKey, "the object has the key %q twice", clip(key))
		}
		child.seen = j.turn
		if len(child.fields) > 0 {
			return j.values(child)
		}
		return j.below(child, depth+1)
	})
}

// below reads the value of a node that has fields below it: an object, or null.
func (j *jsonFormat) below(n *node, depth int) error {
	if j.scan.peek() == '{' {
		return j.object(n, depth)
	}
	t, err := j.scan.next()
	if err != nil || t.kind == 'n' {
		return err
	}
	return bad(WrongType, "%q is %s; fields of the stream are in it, so it must be an object", schema.Cut(n.key, 100), t.name())
}

// values reads a scalar into the fields of a node.
func (j *jsonFormat) values(n *node) error {
	t, err := j.scan.next()
	if err != nil {
		return err
	}
	for _, i := range n.fields {
		if err := j.row.fields[i].setJSON(&j.row.values[i], t); err != nil {
			return err
		}
	}
	return nil
}

// setJSON sets a value of a JSON token.
func (f *field) setJSON(v *value, t token) error {
	if t.kind == 'n' {
		v.state = null
		return nil
	}
	switch f.kind {
	case schema.Bool:
		if t.kind == 't' || t.kind == 'f' {
			v.setBool(t.kind == 't')
			return nil
		}
	case schema.Int32, schema.Int64:
		if t.kind == '0' || t.kind == '"' && f.kind == schema.Int64 {
			return f.setJSONWhole(v, t)
		}
	case schema.Float32, schema.Float64:
		if t.kind == '0' || t.kind == '"' {
			return f.setJSONFloat(v, t)
		}
	case schema.String:
		if t.kind == '"' {
			return f.setString(v, t.text)
		}
	case schema.Bytes:
		if t.kind == '"' {
			return f.setBase64(v, t.text)
		}
	case schema.Timestamp:
		return f.setJSONTime(v, t)
	}
	return f.mismatch(t)
}

func (f *field) setJSONWhole(v *value, t token) error {
	n, err := f.whole(t)
	if err != nil {
		return err
	}
	return f.setInteger(v, n)
}

// whole reads an integer of 64 bits.
func (f *field) whole(t token) (int64, error) {
	if n, ok := shortWhole(t.text); ok {
		return n, nil
	}
	if t.kind == '"' && !isNumber(t.text) {
		return 0, f.mismatch(t)
	}
	n, err := schema.ParseWhole(string(t.text), 64)
	if err == nil {
		return n, nil
	}
	if x, parseErr := strconv.ParseFloat(string(t.text), 64); errors.Is(err, strconv.ErrRange) || parseErr != nil || math.Abs(x) >= 1<<63 {
		return 0, f.bad(OutOfRange, "%s doesn't fit in int64", clip(t.text))
	}
	return 0, f.bad(WrongType, "%s is not a whole number; round it, or use float64", clip(t.text))
}

// shortWhole reads the digits of an integer that is far from the limits of int64.
func shortWhole(text []byte) (n int64, ok bool) {
	const most = 18 // digits
	rest := text
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	}
	if len(rest) == 0 || len(rest) > most {
		return 0, false
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(rest) < len(text) {
		n = -n
	}
	return n, true
}

// isNumber reports whether a text is one JSON number and nothing else.
func isNumber(text []byte) bool {
	s := scanner{data: text}
	got, err := s.number()
	return err == nil && len(got) == len(text)
}

func (f *field) setJSONFloat(v *value, t token) error {
	if t.kind == '"' {
		switch string(t.text) {
		case "NaN":
			v.setFloat(math.NaN())
		case "Infinity":
			v.setFloat(math.Inf(1))
		case "-Infinity":
			v.setFloat(math.Inf(-1))
		default:
			return f.mismatch(t)
		}
		return nil
	}
	bits := 64
	if f.kind == schema.Float32 {
		bits = 32
	}
	x, err := strconv.ParseFloat(string(t.text), bits)
	if err != nil {
		return f.bad(OutOfRange, "%s doesn't fit in %s", clip(t.text), f.kind)
	}
	v.setFloat(x)
	return nil
}

func (f *field) setBase64(v *value, text []byte) error {
	decoded, err := base64.StdEncoding.AppendDecode([]byte{}, text)
	if err != nil {
		return f.bad(WrongType, "%q is not standard base64 with padding", clip(text))
	}
	v.setBytes(decoded)
	v.owned = true
	return nil
}

func (f *field) setJSONTime(v *value, t token) error {
	unit := f.clock.unit()
	switch {
	case unit == 0 && t.kind == '"':
		return f.setRFC3339(v, t.text)
	case unit == 0 && t.kind == '0':
		return f.bad(WrongType, "%s is a number; send a text like 2026-01-31T12:00:00Z, or set the field's format to epoch_s or epoch_ms", clip(t.text))
	case unit > 0 && (t.kind == '0' || t.kind == '"'):
		n, err := f.whole(t)
		if err != nil {
			return err
		}
		return f.setEpoch(v, n, unit)
	}
	return f.mismatch(t)
}

// mismatch returns the error that a token is not of the field's type.
func (f *field) mismatch(t token) error {
	forms := [...]string{
		schema.Bool: "true or false", schema.Int32: "a whole number", schema.Int64: "a whole number", schema.Float32: "a number",
		schema.Float64: "a number", schema.String: "a text in quotes", schema.Bytes: "base64 in quotes", schema.Timestamp: "a time",
	}
	return f.bad(WrongType, "%s is not a valid %s value; send %s", t.name(), f.kind, forms[f.kind])
}

// name returns what the token is, for messages.
func (t token) name() string {
	switch t.kind {
	case '"':
		return strconv.Quote(clip(t.text))
	case '0':
		return clip(t.text)
	case 't':
		return "true"
	case 'f':
		return "false"
	case 'n':
		return "null"
	case '[':
		return "an array"
	}
	return "an object"
}
