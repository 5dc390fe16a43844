package main

import (
	"math"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
	f(0, "0")
	f(999, "999")
	f(1000, "1,000")
	f(-123456, "-123,456")
	f(1234567, "1,234,567")
	f(math.MinInt64, "-9,223,372,036,854,775,808")
}

func TestFigure(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %q, want %q", v, got, want)
		}
	}
	f(0.87654321, "0.8765")
	f(0.5, "0.5")
	f(1234.56, "1235")
	f(1234567.89, "1,234,568")
	f(1.23456e-7, "1.235e-07")
	f(1e300, "1e+300")
	f(math.NaN(), "NaN")
}

func TestSpan(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := span(d.Microseconds()); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
	f(320*time.Microsecond, "320µs")
	f(1234*time.Millisecond, "1.23s")
	f(12345*time.Millisecond, "12s")
	f(5*time.Minute, "5m")
	f(20*time.Minute+10*time.Second, "20m10s")
	f(time.Hour, "1h")
	f(10*time.Hour+30*time.Minute, "10h30m")
	f(51*time.Hour, "2d3h")
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 31, 23, 0, 0, 0, time.FixedZone("west", -8*3600)) // February 1 in UTC
	f := func(at time.Time, want string) {
		t.Helper()
		if got := clock(at.UnixMicro(), now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(time.Date(2026, 2, 1, 0, 0, 3, 999, time.UTC), "00:00:03Z")
	f(time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC), "2026-01-31 23:59:59Z")
	f(time.UnixMicro(0), "-")
}
