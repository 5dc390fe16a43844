package background_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"larder/internal/background"
)

func TestDoReturnsWhatWorkReturns(t *testing.T) {
	want := errors.New("half done")
	got, err := background.Do(t.Context(), func(context.Context) (int, error) { return 7, want })
	if got != 7 || !errors.Is(err, want) {
		t.Errorf("Do returned %d and %v, want 7 and %v", got, err, want)
	}
}

func TestDoEndsTheContextOfItsWork(t *testing.T) {
	var given context.Context
	if _, err := background.Do(t.Context(), func(ctx context.Context) (int, error) {
		given = ctx
		return 0, ctx.Err()
	}); err != nil {
		t.Errorf("the context had ended while work ran: %v", err)
	}
	if given.Err() == nil {
		t.Error("the context of the work goes on after Do returned")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := background.Do(ended, func(ctx context.Context) (int, error) { return 0, ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("work got a context of its own: %v", err)
	}
}

func TestAPanicIsAnErrorThatSaysWhere(t *testing.T) {
	f := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{"panic: out of cheese", "do_test.go"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error without %q: %v", want, err)
			}
		}
	}
	f(background.Try(func() error { panic("out of cheese") }))
	_, err := background.Do(t.Context(), func(context.Context) (int, error) { panic("out of cheese") })
	f(err)
	var missing *struct{ n int }
	if err := background.Try(func() error { missing.n++; return nil }); err == nil || !strings.Contains(err.Error(), "nil pointer") {
		t.Errorf("a nil pointer gave %v", err)
	}
}
