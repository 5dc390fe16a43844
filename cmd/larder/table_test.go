package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printedTable returns what table prints in so many columns.
func printedTable(t *testing.T, width, header string, rows ...[]string) string {
	t.Helper()
	t.Setenv("COLUMNS", width)
	var out strings.Builder
	if err := table(&out, header, rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	f := func(width, header string, rows [][]string, want ...string) {
		t.Helper()
		got := printedTable(t, width, header, rows...)
		if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got); diff != "" {
			t.Errorf("%s columns (-want +got)\n%s", width, diff)
		}
	}
	f("", "VIEW ROWS", nil, "VIEW  ROWS")
	f("", "VIEW ROWS NOTE", [][]string{{"customer_spend", "5,022", "new"}, {"risk", "7", ""}},
		"VIEW             ROWS  NOTE",
		"customer_spend  5,022  new",
		"risk                7")
	f("", "VIEW OWNER ROWS", [][]string{{"customer_spend", "-", "-"}, {"risk", "-", "7"}},
		"VIEW            OWNER  ROWS",
		"customer_spend  -         -",
		"risk            -         7")
	f("24", "VIEW NOTE", [][]string{{"risk", "some words of advice"}, {"spend", "-"}},
		"VIEW   NOTE",
		"risk   some words of",
		"       advice",
		"spend  -")
	// A word is broken after a sign, when it is longer than any column.
	f("40", "NAME", [][]string{{"customer_spend:avg_amount_7d_of_the_last_week"}},
		"NAME",
		"customer_spend:avg_amount_7d_of_the_",
		"last_week")
	// Also when nothing else makes room, in the header too.
	f("40", "FEATURE ROWS MEAN_ABSOLUTE", [][]string{{"customer_spend:amount", "5,022", "0.0333"}},
		"FEATURE                 ROWS       MEAN_",
		"                                ABSOLUTE",
		"customer_spend:amount  5,022      0.0333")
	f("30", "FEATURE ROWS MEAN_ABSOLUTE", [][]string{{"customer_spend:amount", "5,022", "0.0333"}},
		"FEATURE         ROWS     MEAN_",
		"                      ABSOLUTE",
		"customer_      5,022    0.0333",
		"spend:amount")
	// A time or a number is not broken while anything else can be.
	f("32", "ADDED METRICS", [][]string{{"2026-01-31T10:00:00Z", "auc=0.8765 log_loss=0.1234"}},
		"ADDED                 METRICS",
		"2026-01-31T10:00:00Z  auc=0.8765",
		"                      log_loss=",
		"                      0.1234")
	// Wide characters take two columns, combining ones none.
	f("", "NAME ROWS", [][]string{{"東京", "1"}, {"e\u0301te\u0301", "2"}, {"abcdef", "3"}},
		"NAME    ROWS",
		"東京       1",
		"e\u0301te\u0301        2",
		"abcdef     3")
	// What fits in no columns comes as blocks, without what is empty.
	f("20", "MODEL VERSION STATE INPUTS", [][]string{{"fraud", "3", "serves", "23 inputs"}, {"churn", "", "not loaded", "x"}},
		"MODEL    fraud",
		"VERSION  3",
		"STATE    serves",
		"INPUTS   23 inputs",
		"",
		"MODEL    churn",
		"STATE    not loaded",
		"INPUTS   x")
}

// TestTablesFit: whatever the cells are, no line is wider than the terminal, and no
// character is lost.
func TestTablesFit(t *testing.T) {
	long := strings.Repeat("feature_with_a_name ", 30)
	rows := [][]string{
		{"fraud", long, strings.Repeat("x", 300), "1,234,567", "東京" + strings.Repeat("都", 90)},
		{"a", "b", "c", "4", "d"},
	}
	keep := func(r rune) rune {
		if strings.ContainsRune("xhreu東都_", r) {
			return r
		}
		return -1
	}
	for _, width := range []string{"40", "80", "120", "200", "2000"} {
		out := printedTable(t, width, "MODEL INPUTS HASH ROWS CITY", rows...)
		most := map[string]int{"40": 40, "80": 80, "120": 120, "200": 200, "2000": 2000}[width]
		for line := range strings.Lines(out) {
			if n := cells.StringWidth(strings.TrimSuffix(line, "\n")); n > most {
				t.Errorf("%d columns in %s: %q", n, width, line)
			}
		}
		for _, r := range "xh東都" {
			want := strings.Count(strings.Map(keep, strings.Join(rows[0], "")), string(r))
			if got := strings.Count(strings.Map(keep, out), string(r)); got != want {
				t.Errorf("in %s columns: %d of %d %q", width, got, want, r)
			}
		}
	}
}

func TestFew(t *testing.T) {
	f := func(want string, names ...string) {
		t.Helper()
		if got := few(names, "inputs"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("")
	f("a, b, c", "a", "b", "c")
	f("23 inputs", make([]string, 23)...)
}

func TestWithoutEmpty(t *testing.T) {
	header, rows := withoutEmpty("VIEW READ OLDER BAD", [][]string{{"a", "0", "-", "0"}, {"b", "0", "0", "2"}}, "OLDER", "BAD")
	if diff := cmp.Diff([][]string{{"VIEW READ BAD"}, {"a", "0", "0"}, {"b", "0", "2"}}, append([][]string{{header}}, rows...)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
