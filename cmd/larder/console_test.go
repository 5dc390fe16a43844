package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestNoTextMovesTheCursor: what a terminal would obey is shown instead.
func TestNoTextMovesTheCursor(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var out strings.Builder
		if n, err := newConsole(&out).Write([]byte(in)); err != nil || n != len(in) {
			t.Errorf("%q: wrote %d bytes: %v", in, n, err)
		}
		if out.String() != want {
			t.Errorf("%q comes out as %q, want %q", in, out.String(), want)
		}
	}
	f("plain\ttext\n", "plain\ttext\n")
	f("東京 é 👩‍👩‍👧 → µ", "東京 é 👩‍👩‍👧 → µ")
	f("\x1b[31mred\x1b]0;title\a", `\u001b[31mred\u001b]0;title\u0007`)
	f("over\rwritten\b", `over\u000dwritten\u0008`)
	f("\u009b2J", `\u009b2J`)             // a control sequence in one character
	f("a\u202etxt.exe", `a\u202etxt.exe`) // right to left
	f("\U000e0041", `\udb40\udc41`)       // an invisible tag
	f("a\xffb", "a\ufffdb")               // no character
	f(string(red)+"x", `\ufdd1x`)         // our own marks, where there is no colour
	f("nbsp\u00a0wide\u3000", "nbsp\u00a0wide\u3000")
}

// TestCharactersInTwoWrites: a character may come in parts.
func TestCharactersInTwoWrites(t *testing.T) {
	var out strings.Builder
	c := newConsole(&out)
	for i := range len("a東\x1b") {
		fmt.Fprint(c, "a東\x1b"[i:i+1])
	}
	if out.String() != `a東\u001b` {
		t.Errorf("got %q", out.String())
	}
}

// TestJSONStaysTheSame: what a console shows of a control character is JSON for it.
func TestJSONStaysTheSame(t *testing.T) {
	const text = "\u009b\u202e\U000e0041\x7f\x1b東"
	var out strings.Builder
	if err := json.NewEncoder(newConsole(&out)).Encode(text); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back != text {
		t.Errorf("%s reads as %q, %v; want %q", out.String(), back, err, text)
	}
}

// TestTablesShowNoControlCharacters: also where nothing but the table prints.
func TestTablesShowNoControlCharacters(t *testing.T) {
	got := printedTable(t, "", "NAME ROWS", []string{"a\x1b[2J\nb", "1"})
	if want := "NAME          ROWS\na\\u001b[2J b     1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestColours(t *testing.T) {
	var out strings.Builder
	if got := paint(&out, green, "+"); got != "+" {
		t.Errorf("no console, and %q", got)
	}
	c := &console{w: &out}
	if got := paint(c, green, "+"); got != "+" {
		t.Errorf("a console without colour, and %q", got)
	}
	c.colour = true
	if err := table(c, "NAME STATE", [][]string{{"fraud", paint(c, green, "serves")}, {"churn", paint(c, red, "not loaded")}}); err != nil {
		t.Fatal(err)
	}
	want := "NAME   STATE\nfraud  \x1b[32mserves\x1b[0m\nchurn  \x1b[31mnot loaded\x1b[0m\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWhereColoursAreShown(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the other end of a pseudoterminal is a terminal on Linux only
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := func(want bool, out *os.File, env map[string]string) {
		t.Helper()
		if got := coloured(out, func(name string) string { return env[name] }); got != want {
			t.Errorf("%s with %v: %v", out.Name(), env, got)
		}
	}
	f(true, terminal, map[string]string{"TERM": "xterm"})
	f(false, terminal, map[string]string{"TERM": "xterm", "NO_COLOR": "1"})
	f(false, terminal, map[string]string{"TERM": "dumb"})
	f(false, file, map[string]string{"TERM": "xterm"})
}

func TestWriteFails(t *testing.T) {
	if _, err := newConsole(brokenPipe{}).Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
