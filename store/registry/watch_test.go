package registry_test

import (
	"slices"
	"testing"
	"time"

	"larder/store/registry"
)

// TestWatchWindows: the first reference stays, windows come back in the order of time, once
// each, and old ones go.
func TestWatchWindows(t *testing.T) {
	t.Parallel()
	n := start(t, database(t).DSN)
	if raw, err := n.WatchReference(ctx(), "m", 1, "features"); err != nil || raw != nil {
		t.Errorf("a reference that nobody kept: %s, %v", raw, err)
	}
	for _, text := range []string{`{"first": 1}`, `{"second": 2}`} {
		if raw, err := n.PutWatchReference(ctx(), "m", 1, "features", []byte(text)); err != nil || string(raw) != `{"first": 1}` {
			t.Errorf("after %s there is %s, %v", text, raw, err)
		}
	}
	now := time.Now().Truncate(time.Second)
	put := func(age time.Duration, server, reference string) {
		t.Helper()
		w := &registry.WatchWindow{Model: "m", Version: 1, Part: "features", Begins: now.Add(-age), Ends: now, Server: server, Reference: reference, Counts: []byte(server)}
		if err := n.PutWatchWindow(ctx(), w); err != nil {
			t.Fatal(err)
		}
	}
	put(time.Hour, "a", "r")
	put(2*time.Hour, "b", "r")
	put(2*time.Hour, "a", "r")
	put(2*time.Hour, "a", "r")
	put(2*time.Hour, "a", "another")
	put(91*24*time.Hour, "old", "r")
	read := func() (servers []string) {
		t.Helper()
		err := n.WatchWindows(ctx(), "m", 1, "features", "r", now.Add(-100*24*time.Hour), now, func(w *registry.WatchWindow) error {
			servers = append(servers, string(w.Counts))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return servers
	}
	if got := read(); !slices.Equal(got, []string{"old", "a", "b", "a"}) {
		t.Errorf("windows of %v", got)
	}
	if err := n.DropWatchWindows(ctx()); err != nil {
		t.Fatal(err)
	}
	if got := read(); !slices.Equal(got, []string{"a", "b", "a"}) {
		t.Errorf("after the sweep: windows of %v", got)
	}
}
