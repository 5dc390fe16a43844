package main

import (
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
)

func TestUpToDate(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 4, 0, time.UTC)
	f := func(want string, stored map[string]int64) {
		t.Helper()
		if got := upToDate(&larderv1.Run{FeatureView: "spend", To: now.Add(-time.Second).UnixMicro()}, stored, now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("spend: up to date (10,000 rows at 12:00:03Z)", map[string]int64{"spend": 10_000})
	f("spend: up to date (1 row at 12:00:03Z)", map[string]int64{"spend": 1})
	f("spend: its source has no rows up to 12:00:03Z, so nothing was read", map[string]int64{"spend": 0})
	f("spend: up to date (at 12:00:03Z)", nil)
}
