package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPartsThatHangAreLeftBehind: a server that stops waits for its parts for a time, and
// names those that did not end.
func TestPartsThatHangAreLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		p := newParts(parent)
		release := make(chan struct{})
		p.run("a kernel", func(context.Context) error {
			<-release
			return nil
		})
		p.run("HTTP", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		began := time.Now()
		stop()
		err := p.wait(15 * time.Second)
		var hung *hungError
		if !errors.As(err, &hung) || !strings.HasPrefix(err.Error(), "a kernel did not stop in time") || time.Since(began) != 15*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		close(release)
	})
}

// TestClosingEnds: what does not close is named and left behind with what needs it. The
// store is closed all the same; only that it is not is an error.
func TestClosingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := func() error {
			<-release
			return nil
		}
		closed := map[string]bool{}
		fine := func(name string) func() error {
			return func() error {
				closed[name] = true
				return nil
			}
		}
		log := new(strings.Builder)
		closeAllOf := func(store func() error) error {
			return closeAll(slog.New(slog.NewTextHandler(log, nil)), []closing{
				{"models", time.Second, hang, ""},
				{"the runtime", time.Second, fine("the runtime"), "models"},
				{storePart, time.Second, store, ""},
				{"connections", time.Second, fine("connections"), ""},
			})
		}
		if err := closeAllOf(fine(storePart)); err != nil || !closed[storePart] || !closed["connections"] || closed["the runtime"] {
			t.Errorf("closed %v: %v", closed, err)
		}
		if !strings.Contains(log.String(), `part=models`) {
			t.Errorf("the log has %s", log)
		}
		if err := closeAllOf(hang); err == nil || !strings.Contains(err.Error(), "the online store did not stop in time") {
			t.Errorf("a store that does not close: %v", err)
		}
		close(release)
	})
}
