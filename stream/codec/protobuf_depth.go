package codec

import (
	"fmt"
	"strings"
)

// maxProtoDepth is how deep blocks and values of a .proto file may lie in each other.
// Messages of Protobuf may have 31 levels.
const maxProtoDepth = 100

// checkProtoDepth refuses a text that would exhaust the stack of the parser, which ends the
// process. It passes over comments and strings.
func checkProtoDepth(text string) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[', '<', '(':
			if depth++; depth > maxProtoDepth {
				return fmt.Errorf("the .proto file: line %d: more than %d levels of braces and brackets", 1+strings.Count(text[:i], "\n"), maxProtoDepth)
			}
		case '}', ']', '>', ')':
			depth = max(0, depth-1)
		case '"', '\'':
			i = endOfString(text, i)
		case '/':
			i = endOfComment(text, i)
		}
	}
	return nil
}

// endOfString returns the place of the quote that ends the string which begins at i. A
// string ends with its line at the latest.
func endOfString(text string, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote && text[i] != '\n'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// endOfComment returns the place of the last byte of the comment which begins at i; i if
// none does.
func endOfComment(text string, i int) int {
	end, rest := "", text[i+1:]
	switch {
	case strings.HasPrefix(rest, "/"):
		end = "\n"
	case strings.HasPrefix(rest, "*"):
		end, rest = "*/", text[i+2:]
	default:
		return i
	}
	n := strings.Index(rest, end)
	if n < 0 {
		return len(text)
	}
	return len(text) - len(rest) + n + len(end) - 1
}
