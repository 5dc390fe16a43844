package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWrite: a section is replaced, what is around it stays, and a page without the
// section is left alone.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	const before = "# Page\n\n<!-- larder bench: bars -->\nold\n<!-- end of bars -->\nafter\n<!-- larder bench: open -->\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again it is the same
		if err := Write(path, "bars", "\nnew\n"); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != strings.Replace(before, "old", "\nnew", 1) {
		t.Errorf("%q, %v", raw, err)
	}
	for section, says := range map[string]string{"plots": "no line <!-- larder bench: plots -->", "open": "no line <!-- end of open -->"} {
		if err := Write(path, section, ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("section %s: %v", section, err)
		}
	}
}

// TestPagesAreWritten: tables have a line for each figure, and the plot is SVG with a
// point for each that differs in its rows only.
func TestPagesAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	const page = "<!-- larder bench: bars -->\n<!-- end of bars -->\n<!-- larder bench: scenarios -->\n<!-- end of scenarios -->\n"
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	bars := []Bar{
		Bar{Name: "a", Figure: 120, Unit: microseconds, Baseline: 100, Against: echo, Bar: 1.4}.compare(),
		Bar{Name: "b", Figure: 3, Unit: "s", Bar: 2}.compare(),
		Bar{Name: "c", Figure: 5, Unit: "events/s", Bar: 4, AtLeast: true, Beside: []Beside{{Figure: 7, Of: "bare"}, {Figure: 8, Unit: "rows/s", Of: "a scan"}}}.compare(),
		{Name: "d", Bar: 1, Skipped: "nothing to measure"},
	}
	var reports []*Report
	for _, v := range variations(time.Second) {
		for _, change := range v.more {
			s := v.base
			change(&s)
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
			reports = append(reports, &Report{Scenario: s, Larder: Figures{P50: 140, P99: 300}, Echo: Figures{P50: 100, P99: 200}, Parts: &Parts{Whole: 150, Lost: 15}})
		}
	}
	if err := errors.Join(WriteBars(path, "bars", "v0", bars), WriteScenarios(path, "v0", reports)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| a | 120 µs | 100 µs (echo) | 1.20 | ≤ 1.4 | yes |", "| b | 3 s |  |  | ≤ 2 | no |",
		"| c | 5 events/s | 7 events/s (bare); 8 rows/s (a scan) |  | ≥ 4 | yes |", "| d | nothing to measure |  |  | ≤ 1 |  |", "larder v0", "| `--rows 1000 --entities 100000` | 140, 300 | 100, 200 |", "(page/rows.svg)",
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s\nwant %s", raw, want)
		}
	}
	plot, err := os.Open(filepath.Join(filepath.Dir(path), "page", "rows.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	circles := 0
	for d := xml.NewDecoder(plot); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, is := token.(xml.StartElement); is && e.Name.Local == "circle" {
			circles++
		}
	}
	if want := 4 * 4; circles != want { // 1, 10, 100 and 1,000 rows; two percentiles of two
		t.Errorf("%d points; want %d", circles, want)
	}
}
