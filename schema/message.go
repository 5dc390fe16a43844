package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxQuoted bounds, in bytes, a name or another text that a message quotes. Callers choose
// such texts, and an error must fit the headers that carry it.
const maxQuoted = 200

// message formats a message. A text that it quotes, with %q, is cut.
func message(format string, args []any) string {
	for i, a := range args {
		if s, is := a.(string); is && len(s) > maxQuoted {
			args[i] = longText(s)
		}
	}
	return fmt.Sprintf(format, args...)
}

// A longText is an argument of a message with more than maxQuoted bytes.
type longText string

// Format implements [fmt.Formatter].
func (t longText) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = f.Write(strconv.AppendQuote(nil, Cut(string(t), maxQuoted)))
		return
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), string(t))
}

// Cut returns a text in at most most bytes of valid UTF-8. It ends a text that it cuts in "...".
func Cut(text string, most int) string {
	const dots = "..."
	if len(text) > most {
		end := most - len(dots)
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + dots
	}
	return strings.ToValidUTF8(text, "?")
}

// CutName returns a name that somebody has sent, as messages quote it: cut where it is long.
func CutName(name string) string {
	const most = 100
	return Cut(name, most)
}
