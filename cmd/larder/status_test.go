package main

import (
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
)

func TestWhatNeedsAPerson(t *testing.T) {
	f := func(want string, s *larderv1.GetStatusResponse) {
		t.Helper()
		got := ""
		if err := needsAPerson(s); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	view := func(name string, state larderv1.Run_State) *larderv1.ViewStatus {
		return &larderv1.ViewStatus{FeatureView: name, LastRun: &larderv1.Run{State: state}}
	}
	f("", &larderv1.GetStatusResponse{})
	f("", &larderv1.GetStatusResponse{Views: []*larderv1.ViewStatus{{}, view("a", larderv1.Run_STATE_SUCCEEDED), view("b", larderv1.Run_STATE_CANCELLED), view("c", larderv1.Run_STATE_RUNNING)}})
	f("Postgres doesn't answer; version 3 of the definitions is not served; the last runs of a, c failed", &larderv1.GetStatusResponse{
		PostgresError: "away", CatalogError: "bad", RegistryVersion: 3,
		Views: []*larderv1.ViewStatus{view("a", larderv1.Run_STATE_FAILED), view("b", larderv1.Run_STATE_SUCCEEDED), view("c", larderv1.Run_STATE_FAILED)},
	})
}

// TestStatusFitsATerminal: the views of an ordinary project need no second line.
func TestStatusFitsATerminal(t *testing.T) {
	now := time.Now()
	status := &larderv1.GetStatusResponse{Views: []*larderv1.ViewStatus{{
		FeatureView: "customer_spend", Rows: 1_234_567, Watermark: now.UnixMicro(), Freshness: 12_345_678, Schedule: 300_000_000,
		LastRun: &larderv1.Run{State: larderv1.Run_STATE_SUCCEEDED, EndedAt: now.Add(-12 * time.Second).UnixMicro()},
	}}}
	var out strings.Builder
	if err := printStatus(&out, status); err != nil {
		t.Fatal(err)
	}
	_, views, _ := strings.Cut(out.String(), "\n\n")
	if strings.Count(views, "\n") != 2 || !strings.Contains(views, "customer_spend  1,234,567  "+clock(now.UnixMicro(), now)) || !strings.Contains(views, "  12s        5m        succeeded 12s ago\n") {
		t.Errorf("got\n%s", views)
	}
}
