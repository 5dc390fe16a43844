package background

import (
	"context"
	"log/slog"
	"time"
)

// The pauses before run is called again after a panic.
const (
	shortestPause = time.Second
	longestPause  = time.Minute
)

// Keep returns what run returns. When run panics, Keep logs the panic with its stack
// and calls run again after a pause, which doubles each time up to a minute, until ctx
// ends: a fault in one part of the background doesn't end the process or that part.
func Keep(ctx context.Context, logger *slog.Logger, part string, run func(context.Context) error) error {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		returned := false
		var err error
		panicked := Try(func() error {
			err = run(ctx)
			returned = true
			return nil
		})
		if returned {
			return err
		}
		logger.Error("a background part panicked; it starts again", "part", part, "pause", pause, "error", panicked)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
