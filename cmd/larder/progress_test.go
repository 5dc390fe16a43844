package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
)

// after is a progress that began so long ago, without a terminal.
func after(out *strings.Builder, what, unit string, took time.Duration) *progress {
	p := newProgress(out, false, what, unit)
	p.began, p.shown = p.began.Add(-took), p.shown.Add(-took)
	return p
}

func TestProgressInWords(t *testing.T) {
	f := func(want, unit string, done, total int64) {
		t.Helper()
		var out strings.Builder
		p := after(&out, "materializing", unit, 10*time.Second)
		p.set(done, total)
		p.set(done, total) // too soon
		p.end()
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	f("materializing: 1,000 of about 4,000 rows, 100 per second, 30s left\n", "rows", 1000, 4000)
	f("materializing: 0 of about 4,000 rows, 0 per second, unknown time left\n", "rows", 0, 4000)
	f("materializing: 5,000 rows, 500 per second\n", "rows", 5000, 0)
	f("materializing: 5,000 rows, 500 per second; the estimate was 4,000\n", "rows", 5000, 4000)
	f("materializing: 25 %, 30s left\n", "", 1, 4)
	f("materializing: more than was expected\n", "", 5, 4)
	var out strings.Builder
	newProgress(&out, false, "materializing", "rows").set(10, 100) // too early
	if out.String() != "" {
		t.Errorf("within the first second: %s", out.String())
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true, "materializing", "rows")
	p.set(10, 100)
	if p.bar != nil {
		t.Error("a bar within the first second")
	}
	p.began = p.began.Add(-10 * time.Second)
	p.set(1000, 4000)
	if got := p.bar.Current(); got != 1000 {
		t.Errorf("the bar is at %d, want 1000", got)
	}
	p.set(5000, 4000)
	if p.bar.Completed() {
		t.Error("the bar is full before the end")
	}
	p.end()
}

// TestABarAdmitsAWrongEstimate: it is no bar any more, least of all a full one.
func TestABarAdmitsAWrongEstimate(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true, "materializing", "rows")
	p.began = p.began.Add(-10 * time.Second)
	p.set(5000, 4000)
	p.bar.Abort(false)
	p.bars.Wait()
	if said := out.String(); !strings.Contains(said, "5,000 rows, ") || strings.Contains(said, "[") || strings.Contains(said, "%") {
		t.Errorf("got %q", said)
	}
	p.bar = nil
}

func TestProgressOfRuns(t *testing.T) {
	f := func(read, total int64, runs ...*larderv1.Run) {
		t.Helper()
		if gotRead, gotTotal := runsProgress(runs); gotRead != read || gotTotal != total {
			t.Errorf("%d of %d, want %d of %d", gotRead, gotTotal, read, total)
		}
	}
	ended := &larderv1.Run{RowsRead: 700, RowsTotal: 500, EndedAt: 1}
	f(800, 1100, ended, &larderv1.Run{RowsRead: 100, RowsTotal: 400})
	f(1200, 1100, ended, &larderv1.Run{RowsRead: 500, RowsTotal: 400})
	f(700, 0, ended, &larderv1.Run{}) // it is still queued
	// One is beyond its estimate, and the other's hides that in the sum.
	f(600, 599, &larderv1.Run{RowsRead: 500, RowsTotal: 400}, &larderv1.Run{RowsRead: 100, RowsTotal: 4000})
}
