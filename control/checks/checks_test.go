package checks_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"larder/control/checks"
	"larder/schema"
)

func TestWithoutPostgresNothingIsVerified(t *testing.T) {
	c := checks.New(checks.Options{Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	_, err := c.Verify(t.Context(), checks.VerifyRequest{}, nil)
	var said *schema.Error
	if !errors.As(err, &said) || said.Reason != "NO_POSTGRES" {
		t.Errorf("got %v", err)
	}
}

func TestPickNeedsEveryName(t *testing.T) {
	names, values := []string{"a", "b", "c"}, []string{"1", "2"}
	if got := checks.Pick(names, values, []string{"b", "a"}); !slices.Equal(got, []string{"2", "1"}) {
		t.Errorf("got %q", got)
	}
	for _, missing := range []string{"c", "d"} {
		if got := checks.Pick(names, values, []string{"a", missing}); got != nil {
			t.Errorf("with %s, got %q", missing, got)
		}
	}
}

// TestSameRequests: which changes of a model start its figures again.
func TestSameRequests(t *testing.T) {
	model := func(change func(*schema.Model)) *schema.Model {
		m := &schema.Model{
			Name: "m", FeatureService: "s", Serve: 1, Shadow: []int64{2}, Versions: []schema.ModelVersion{{Version: 1, SHA256: "a"}, {Version: 2, SHA256: "b"}, {Version: 3, SHA256: "c"}},
		}
		change(m)
		return m
	}
	f := func(want bool, change func(*schema.Model)) {
		t.Helper()
		if got := checks.SameRequests(model(func(*schema.Model) {}), model(change)); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f(true, func(*schema.Model) {})
	f(true, func(m *schema.Model) { m.Versions = m.Versions[:2] }) // the removed version scored nothing
	f(false, func(m *schema.Model) { m.Serve = 3 })
	f(false, func(m *schema.Model) { m.Shadow = nil })
	f(false, func(m *schema.Model) { m.FeatureService = "t" })
	f(false, func(m *schema.Model) { m.Versions[1].SHA256 = "d" })
}
