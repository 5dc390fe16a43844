package schema

import (
	"encoding/json"
	"errors"
	"fmt"
)

var (
	// ErrNotList says that a JSON value is not a list.
	ErrNotList = errors.New("not a list")
	// ErrNotObject says that a JSON value is not an object.
	ErrNotObject = errors.New("not an object")
)

// JSONItems calls visit with each value of a list, in order, until visit returns an error,
// which it returns. The values alias raw, which must be valid JSON: nothing is allocated
// for a list of any length.
func JSONItems(raw json.RawMessage, visit func(item json.RawMessage) error) error {
	at := afterSpace(raw, 0)
	if at >= len(raw) || raw[at] != '[' {
		return ErrNotList
	}
	for at = afterSpace(raw, at+1); at < len(raw) && raw[at] != ']'; {
		end := valueEnd(raw, at)
		if err := visit(raw[at:end]); err != nil {
			return err
		}
		at = afterComma(raw, end)
	}
	return nil
}

// JSONMembers does the same with each member of an object.
func JSONMembers(raw json.RawMessage, visit func(name string, value json.RawMessage) error) error {
	at := afterSpace(raw, 0)
	if at >= len(raw) || raw[at] != '{' {
		return ErrNotObject
	}
	for at = afterSpace(raw, at+1); at < len(raw) && raw[at] != '}'; {
		end := valueEnd(raw, at)
		name, err := memberName(raw[at:end])
		if err != nil {
			return err
		}
		at = afterSpace(raw, afterSpace(raw, end)+1) // the colon
		end = valueEnd(raw, at)
		if err := visit(name, raw[at:end]); err != nil {
			return err
		}
		at = afterComma(raw, end)
	}
	return nil
}

func memberName(raw json.RawMessage) (name string, err error) {
	if len(raw) < 2 {
		return "", fmt.Errorf("%q is not a name", raw)
	}
	for _, b := range raw {
		if b == '\\' {
			err = json.Unmarshal(raw, &name)
			return name, err
		}
	}
	return string(raw[1 : len(raw)-1]), nil
}

func afterSpace(raw []byte, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\n' || raw[at] == '\t' || raw[at] == '\r') {
		at++
	}
	return at
}

func afterComma(raw []byte, at int) int {
	at = afterSpace(raw, at)
	if at < len(raw) && raw[at] == ',' {
		at = afterSpace(raw, at+1)
	}
	return at
}

// valueEnd returns where the value ends that begins at an index.
func valueEnd(raw []byte, at int) int {
	depth := 0
	for at < len(raw) {
		switch raw[at] {
		case '"':
			at = stringEnd(raw, at)
		case '[', '{':
			depth++
			at++
			continue
		case ']', '}':
			if depth == 0 {
				return at // of what the value lies in
			}
			depth--
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			at++
			continue
		default:
			at = literalEnd(raw, at)
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

func stringEnd(raw []byte, at int) int {
	for at++; at < len(raw); at++ {
		switch raw[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(raw)
}

func literalEnd(raw []byte, at int) int {
	for ; at < len(raw); at++ {
		switch raw[at] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\n', '\t', '\r':
			return at
		}
	}
	return at
}
