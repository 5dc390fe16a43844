package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// plainWidth is the width of a table where no terminal says another.
const plainWidth = 80

// A console is where a command prints. It makes control characters of definitions,
// keys and errors visible, as JSON writes them, so that no text of others can move the
// cursor or send a command to the terminal. Safe for concurrent use.
type console struct {
	w      io.Writer
	colour bool

	mu   sync.Mutex
	rest []byte // the begun character at the end of the last write
}

func newConsole(w io.Writer) *console {
	return &console{w: w, colour: coloured(w, os.Getenv)}
}

// coloured reports whether colours can be shown: on a terminal, unless NO_COLOR is set
// (no-color.org) or the terminal has none.
func coloured(w io.Writer, env func(string) string) bool {
	f, isFile := w.(*os.File)
	return isFile && onTerminal(f) && env("NO_COLOR") == "" && env("TERM") != "dumb"
}

func onTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// widthOf returns the columns that a table may fill: those of the terminal, else
// those that the variable COLUMNS names, else 80.
func widthOf(w io.Writer) int {
	if c, isConsole := w.(*console); isConsole {
		w = c.w
	}
	if f, isFile := w.(*os.File); isFile {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	width, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	return cmp.Or(max(width, 0), plainWidth)
}

// A style is a colour of text: one of Unicode's noncharacters, which no text has, and
// which a console turns into what terminals know.
type style rune

const (
	unstyled style = 0
	reset    style = 0xfdd0
	red      style = 0xfdd1
	green    style = 0xfdd2
	yellow   style = 0xfdd3
)

var sequences = map[style]string{reset: "\x1b[0m", red: "\x1b[31m", green: "\x1b[32m", yellow: "\x1b[33m"}

// paint returns text in a colour if w shows colours.
func paint(w io.Writer, s style, text string) string {
	if c, isConsole := w.(*console); !isConsole || !c.colour || s == unstyled || text == "" {
		return text
	}
	return string(s) + text + string(reset)
}

// unpaint returns the colour of text that paint made, and the text.
func unpaint(text string) (style, string) {
	first, size := utf8.DecodeRuneInString(text)
	if _, isStyle := sequences[style(first)]; !isStyle {
		return unstyled, text
	}
	return style(first), strings.TrimSuffix(text[size:], string(reset))
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := append(c.rest, p...)
	c.rest = nil
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			c.rest = append(c.rest, text...)
			break
		}
		r, size := utf8.DecodeRune(text)
		if sequence, isStyle := sequences[style(r)]; isStyle && c.colour {
			out = append(out, sequence...)
		} else {
			out = appendVisible(out, r, size)
		}
		text = text[size:]
	}
	if _, err := c.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// The joiners that scripts and emoji need. They are no letters and do nothing else.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// appendVisible appends a character, or what it is called if it would do something.
func appendVisible(dst []byte, r rune, size int) []byte {
	switch {
	case r == '\n' || r == '\t' || r == zeroWidthJoiner || r == zeroWidthNonJoiner:
	case r == utf8.RuneError && size == 1: // no character
	case unicode.IsPrint(r) || unicode.Is(unicode.Zs, r):
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	default:
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	return utf8.AppendRune(dst, r)
}

// visible returns text for one line: control characters by their names.
func visible(text string) string {
	out := make([]byte, 0, len(text))
	for i, r := range text {
		if r == '\n' || r == '\t' {
			r = ' '
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		out = appendVisible(out, r, size)
	}
	return string(out)
}
