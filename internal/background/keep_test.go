package background_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/background"
)

func TestKeepReturnsWhatRunReturns(t *testing.T) {
	for _, want := range []error{nil, errors.New("over")} {
		got := background.Keep(t.Context(), slog.New(slog.DiscardHandler), "part", func(context.Context) error { return want })
		if !errors.Is(got, want) {
			t.Errorf("Keep returned %v, want %v", got, want)
		}
	}
}

// TestKeepStartsAgainAfterPanics: after 1, 2, 4 ... seconds, a minute at most.
func TestKeepStartsAgainAfterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var at []time.Duration
		began := time.Now()
		err := background.Keep(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "looking", func(context.Context) error {
			if at = append(at, time.Since(began)); len(at) < 9 {
				panic("out of cheese")
			}
			return nil
		})
		if err != nil || len(at) != 9 || at[1] != time.Second || at[2]-at[1] != 2*time.Second || at[8]-at[7] != time.Minute {
			t.Errorf("%v, called at %v", err, at)
		}
		for _, want := range []string{"part=looking", "out of cheese", "keep_test.go"} {
			if strings.Count(log.String(), want) < 8 {
				t.Errorf("the log doesn't say %q for each panic:\n%.2000s", want, &log)
			}
		}
	})
}

func TestKeepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := background.Keep(ctx, slog.New(slog.DiscardHandler), "part", func(context.Context) error {
			cancel()
			panic("out of cheese")
		})
		if err != nil {
			t.Errorf("Keep returned %v", err)
		}
	})
}
