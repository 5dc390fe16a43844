package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
)

// hostile is a text that would forge a line of a log, and move the cursor of a terminal.
const hostile = "x\nlevel=ERROR msg=forged\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n\x1b[2J\u009b31m\u202e\x7f"

// TestLogsHaveALineForAnEvent, and nothing that a terminal obeys, whatever a caller sends.
func TestLogsHaveALineForAnEvent(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		cfg := defaultSettings()
		cfg.LogFormat = format
		log, err := newLogger(newConsole(&out), cfg)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("request", "model", hostile, "error", errors.New(hostile), "list", []string{hostile})
		text := out.String()
		if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: not one line: %q", format, text)
		}
		for _, r := range strings.TrimSuffix(text, "\n") {
			if unicode.IsControl(r) || r == '\u202e' {
				t.Errorf("%s: %q has %q", format, text, r)
			}
		}
		if format == "json" {
			var line struct{ Msg, Model string }
			if err := json.Unmarshal([]byte(text), &line); err != nil || line.Msg != "request" || line.Model != hostile {
				t.Errorf("%q: %+v, %v", text, line, err)
			}
		}
	}
}
