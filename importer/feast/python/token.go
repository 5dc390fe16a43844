package python

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endOfText tokenKind = iota
	newline             // the end of a logical line
	indent
	dedent
	name
	number
	text
	operator
)

type token struct {
	kind tokenKind
	text string // of a text, its value
	line int
}

// The limits on a function.
const (
	MaxBytes = 64 << 10
	maxDepth = 60 // of nesting
)

// operators are those of more than one character, the longest first.
var operators = []string{"**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", ":="}

// An unreadable is why a function can't be read.
type unreadable struct {
	line int
	why  string
}

func (e *unreadable) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.why) }

// tokens splits a source into tokens as Python does.
func tokens(source string) ([]token, error) {
	s := &scanner{rest: source, line: 1, indents: []int{0}}
	for s.rest != "" {
		if err := s.logicalLine(); err != nil {
			return nil, err
		}
	}
	for range s.indents[1:] {
		s.add(dedent, "")
	}
	s.add(endOfText, "")
	return s.out, nil
}

type scanner struct {
	rest    string
	line    int
	indents []int
	open    int // brackets
	out     []token
}

func (s *scanner) add(kind tokenKind, value string) {
	s.out = append(s.out, token{kind, value, s.line})
}

func (s *scanner) failf(format string, args ...any) error {
	return &unreadable{s.line, fmt.Sprintf(format, args...)}
}

// logicalLine reads one line, and those that it goes on in.
func (s *scanner) logicalLine() error {
	body := strings.TrimLeft(s.rest, " \t\f")
	width := 0
	for _, c := range s.rest[:len(s.rest)-len(body)] {
		width++
		if c == '\t' {
			width += 7 - (width-1)%8
		}
	}
	s.rest = body
	switch {
	case body == "":
		return nil
	case body[0] == '\n' || body[0] == '\r' || body[0] == '#':
		s.skipLine()
		return nil
	}
	if err := s.indentTo(width); err != nil {
		return err
	}
	for s.rest != "" {
		ended, err := s.next()
		if err != nil || ended {
			return err
		}
	}
	if s.open > 0 {
		return s.failf("a bracket is not closed")
	}
	s.add(newline, "")
	return nil
}

func (s *scanner) skipLine() {
	_, rest, _ := strings.Cut(s.rest, "\n")
	s.rest = rest
	s.line++
}

func (s *scanner) indentTo(width int) error {
	switch last := s.indents[len(s.indents)-1]; {
	case width > last:
		if len(s.out) == 0 { // the whole function is indented
			s.indents[0] = width
			return nil
		}
		if len(s.indents) > maxDepth {
			return s.failf("it is nested too deeply")
		}
		s.indents = append(s.indents, width)
		s.add(indent, "")
	case width < last:
		for len(s.indents) > 1 && width < s.indents[len(s.indents)-1] {
			s.indents = s.indents[:len(s.indents)-1]
			s.add(dedent, "")
		}
		if width != s.indents[len(s.indents)-1] {
			return s.failf("the indentation fits no block")
		}
	}
	return nil
}

// next reads one token, and reports whether it ended the logical line.
func (s *scanner) next() (ended bool, err error) {
	c, size := utf8.DecodeRuneInString(s.rest)
	switch {
	case c == '\n' || c == '\r':
		if c == '\r' && !strings.HasPrefix(s.rest, "\r\n") {
			return false, s.failf("a carriage return stands alone")
		}
		if s.open == 0 {
			s.add(newline, "")
		}
		s.skipLine()
		return s.open == 0, nil
	case c == ' ' || c == '\t' || c == '\f':
		s.rest = s.rest[1:]
	case c == '#':
		end := strings.IndexByte(s.rest, '\n')
		if end < 0 {
			end = len(s.rest)
		}
		s.rest = s.rest[end:]
	case c == '\\':
		if !strings.HasPrefix(s.rest, "\\\n") && !strings.HasPrefix(s.rest, "\\\r\n") {
			return false, s.failf("a backslash stands alone")
		}
		s.skipLine()
	case c == '"' || c == '\'':
		return false, s.text()
	case c >= '0' && c <= '9' || c == '.' && len(s.rest) > 1 && s.rest[1] >= '0' && s.rest[1] <= '9':
		s.number()
	case c == '_' || unicode.IsLetter(c):
		s.name()
	case c == utf8.RuneError && size <= 1:
		return false, s.failf("it is not UTF-8")
	default:
		s.operator(size)
	}
	return false, nil
}

func (s *scanner) take(n int) string {
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

func (s *scanner) operator(size int) {
	for _, o := range operators {
		if strings.HasPrefix(s.rest, o) {
			s.add(operator, s.take(len(o)))
			return
		}
	}
	o := s.take(size)
	switch o {
	case "(", "[", "{":
		s.open++
	case ")", "]", "}":
		s.open = max(s.open-1, 0)
	}
	s.add(operator, o)
}

func (s *scanner) name() {
	end := strings.IndexFunc(s.rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(s.rest)
	}
	s.add(name, s.take(end))
}

// number reads digits, with what may stand between and behind them; whether it is a
// number is seen when it is used.
func (s *scanner) number() {
	end := 0
	for end < len(s.rest) {
		c := s.rest[end]
		sign := (c == '+' || c == '-') && (s.rest[end-1] == 'e' || s.rest[end-1] == 'E')
		if c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !sign {
			break
		}
		end++
	}
	s.add(number, s.take(end))
}

// text reads a text in quotes. One with escapes becomes an operator, which no expression
// has: it may stand in a decorator or a comment of the function.
func (s *scanner) text() error {
	quote := s.rest[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.rest, triple) {
		quote = triple
	}
	end, escapes := len(quote), false
	for !strings.HasPrefix(s.rest[end:], quote) {
		switch {
		case end >= len(s.rest), len(quote) == 1 && s.rest[end] == '\n':
			return s.failf("a text is not closed")
		case s.rest[end] == '\\' && end+1 < len(s.rest):
			escapes = true
			end++
		}
		end++
	}
	value := s.rest[len(quote):end]
	if escapes {
		s.add(operator, "\\")
	} else {
		s.add(text, value)
	}
	s.line += strings.Count(value, "\n")
	s.rest = s.rest[end+len(quote):]
	return nil
}
