package schema_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"larder/schema"
)

func TestQuotedTextsAreCut(t *testing.T) {
	long := strings.Repeat("é", 5000)
	err := schema.UnknownField.Errorf("no field %q; there are %s", long, strings.Repeat("a, ", 100))
	if got := err.Message; !strings.HasPrefix(got, `no field "éé`) || !strings.Contains(got, `é..."; there are a, a, `) || len(got) > 600 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := schema.UnknownField.Errorf("no field %q", "short").Message; got != `no field "short"` {
		t.Error(got)
	}
}

func TestCut(t *testing.T) {
	f := func(text string, most int, want string) {
		t.Helper()
		got := schema.Cut(text, most)
		if got != want || len(got) > most || !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q, want %q", text, most, got, want)
		}
	}
	f("abc", 3, "abc")
	f("abcdefg", 6, "abc...")
	f("ééé", 6, "ééé")
	f("éééé", 6, "é...")
	f("a\xffc", 5, "a?c")
}
