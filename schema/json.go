package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	// ErrNotList says that a JSON value is not a list.
	ErrNotList = errors.New("not a list")
	// ErrNotObject says that a JSON value is not an object.
	ErrNotObject = errors.New("not an object")
)

// CheckJSON returns why a text can't be read as JSON without a loss: it is not JSON, not
// UTF-8, or has half of a surrogate pair, for which a reader would put U+FFFD, so that two
// keys become one. It allocates nothing for a text that is fine.
func CheckJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("not UTF-8")
	}
	if !json.Valid(raw) {
		err := json.Unmarshal(raw, new(json.RawMessage))
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return fmt.Errorf("not JSON: %w, at byte %d", err, syntax.Offset)
		}
		return fmt.Errorf("not JSON: %w", err)
	}
	return checkPairs(raw)
}

// checkPairs refuses half of a surrogate pair among the escapes of valid JSON.
func checkPairs(raw []byte) error {
	for at := 0; ; {
		next := bytes.IndexByte(raw[at:], '\\')
		if next < 0 {
			return nil
		}
		at += next
		r, n := escape(raw[at:])
		if !utf16.IsSurrogate(r) {
			at += n
			continue
		}
		low, more := escape(raw[at+n:])
		if utf16.DecodeRune(r, low) == utf8.RuneError {
			return fmt.Errorf("not Unicode: %s at byte %d is half of a surrogate pair; write both halves, or the character itself", raw[at:at+n], at)
		}
		at += n + more
	}
}

// escape returns the code unit of the escape that a text begins with, and its length;
// 0 where it begins with none of the form \uXXXX.
func escape(raw []byte) (r rune, n int) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, min(2, len(raw))
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return 0, 2
	}
	return rune(unit), 6
}

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
	if bytes.IndexByte(raw, '\\') >= 0 {
		err = json.Unmarshal(raw, &name)
		return name, err
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
