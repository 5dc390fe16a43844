package main

import (
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
)

// TestStreamsSayHowFarBehindTheyAre: in messages, in bytes, or not at all.
func TestStreamsSayHowFarBehindTheyAre(t *testing.T) {
	f := func(want string, parts ...*larderv1.StreamPart) {
		t.Helper()
		var out strings.Builder
		now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		s := &larderv1.StreamState{Stream: "payments", Source: "kafka", State: "reading", Server: "a", Batch: 7, At: now.UnixMicro(), Parts: parts}
		if err := printStreams(&out, []*larderv1.StreamState{s}, false, now); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.HasSuffix(got, "12:00:00Z "+want+" 0") {
			t.Errorf("got %s, want LAG %s", got, want)
		}
	}
	f("0")
	f("1,203", &larderv1.StreamPart{Part: "0", Lag: 1200}, &larderv1.StreamPart{Part: "1", Lag: 3})
	f("3", &larderv1.StreamPart{Part: "0", Lag: -1}, &larderv1.StreamPart{Part: "1", Lag: 3})
	f("-", &larderv1.StreamPart{Lag: -1})
	f("16,777,216 bytes", &larderv1.StreamPart{Lag: -1, LagBytes: 16 << 20})
}
