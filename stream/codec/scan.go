package codec

import (
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep values of a message may lie in each other.
const maxDepth = 64

// A scanner walks over JSON text once. It is strict: what RFC 8259 has no grammar for is
// an error, also in values that nobody asked for. The text must be UTF-8.
type scanner struct {
	data []byte
	pos  int
	// texts is the memory of strings that have escapes.
	texts []byte
}

// A token is a scalar value, or the first byte of an object or an array.
type token struct {
	kind byte   // '"', '0', 't', 'f', 'n', '{', '['
	text []byte // of a string without its quotes and escapes, or of a number
}

// peek returns the next byte that isn't white space, and stays before it; 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// expect skips a byte that must be next.
func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.unexpected(string(c))
	}
	s.pos++
	return nil
}

// unexpected returns the error that something else should be here.
func (s *scanner) unexpected(wanted string) error {
	if s.peek(); s.pos >= len(s.data) {
		return bad(Undecodable, "the JSON ends at byte %d, where %s should be", len(s.data), wanted)
	}
	return bad(Undecodable, "the JSON has %q at byte %d, where %s should be", clip(s.data[s.pos:min(s.pos+8, len(s.data))]), s.pos, wanted)
}

// end checks that nothing follows.
func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.data) {
		return bad(Undecodable, "the JSON value ends at byte %d and more follows it; send one value a message", s.pos)
	}
	return nil
}

// next scans a scalar. Of an object or an array it tells the kind, and stays before it.
func (s *scanner) next() (token, error) {
	switch c := s.peek(); c {
	case '"':
		text, err := s.str()
		return token{c, text}, err
	case '{', '[':
		return token{kind: c}, nil
	case 't':
		return token{kind: c}, s.literal("true")
	case 'f':
		return token{kind: c}, s.literal("false")
	case 'n':
		return token{kind: c}, s.literal("null")
	default:
		text, err := s.number()
		return token{'0', text}, err
	}
}

func (s *scanner) literal(word string) error {
	end := s.pos + len(word)
	if end > len(s.data) || string(s.data[s.pos:end]) != word {
		return s.unexpected(word)
	}
	s.pos = end
	return nil
}

// number scans -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() ([]byte, error) {
	start, data := s.pos, s.data
	i := start
	if i < len(data) && data[i] == '-' {
		i++
	}
	whole := i
	if i = digits(data, i); i == whole || data[whole] == '0' && i > whole+1 {
		return nil, s.unexpected("a value")
	}
	if i < len(data) && data[i] == '.' {
		fraction := i + 1
		if i = digits(data, fraction); i == fraction {
			return nil, s.unexpected("a number")
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(data, exponent); i == exponent {
			return nil, s.unexpected("a number")
		}
	}
	s.pos = i
	return data[start:i], nil
}

// digits returns where digits end that begin at i.
func digits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}

// str scans a string. The text is a part of the data, or of s.texts where it has escapes.
func (s *scanner) str() ([]byte, error) {
	start := s.pos + 1
	for i := start; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return s.data[start:i], nil
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			s.pos = i
			return nil, s.unexpected("the rest of a string (control characters need an escape)")
		}
	}
	s.pos = len(s.data)
	return nil, s.unexpected("the end of a string")
}

// escaped scans a string that has its first escape at i.
func (s *scanner) escaped(start, i int) ([]byte, error) {
	begin := len(s.texts)
	s.texts = append(s.texts, s.data[start:i]...)
	for i < len(s.data) {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return s.texts[begin:len(s.texts):len(s.texts)], nil
		case c < ' ':
			s.pos = i
			return nil, s.unexpected("the rest of a string (control characters need an escape)")
		case c == '\\':
			r, n := unescape(s.data[i:])
			if n == 0 {
				s.pos = i
				return nil, s.unexpected("an escape of a whole character")
			}
			s.texts = utf8.AppendRune(s.texts, r)
			i += n
		default:
			s.texts = append(s.texts, c)
			i++
		}
	}
	s.pos = len(s.data)
	return nil, s.unexpected("the end of a string")
}

// unescape returns the character of the escape that text begins with, and its length; 0
// where it isn't one, as half of a surrogate pair.
func unescape(text []byte) (r rune, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := hex4(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex4(text[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex4 reads the four digits of \u1234.
func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skip scans a value of any kind. depth is how deep it lies.
func (s *scanner) skip(depth int) error {
	kept := len(s.texts)
	t, err := s.next()
	s.texts = s.texts[:kept]
	if err != nil {
		return err
	}
	switch t.kind {
	case '{':
		return s.members(depth, func([]byte) error { return s.skip(depth + 1) })
	case '[':
		return s.elements(depth, func() error { return s.skip(depth + 1) })
	}
	return nil
}

// members scans an object; value scans the value of a key.
func (s *scanner) members(depth int, value func(key []byte) error) error {
	if depth >= maxDepth {
		return bad(Undecodable, "the JSON is deeper than %d levels", maxDepth)
	}
	s.pos++ // {
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("a key in quotes")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.unexpected(`"," or "}"`)
		}
	}
}

// elements scans an array; value scans an element.
func (s *scanner) elements(depth int, value func() error) error {
	if depth >= maxDepth {
		return bad(Undecodable, "the JSON is deeper than %d levels", maxDepth)
	}
	s.pos++ // [
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := value(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.unexpected(`"," or "]"`)
		}
	}
}
