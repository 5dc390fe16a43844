package window_test

import (
	"testing"
	"time"

	"larder/window"
)

func TestTrap12UnitsWhereClocksMove(t *testing.T) {
	micros := func(text string) int64 {
		t.Helper()
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMicro()
	}
	// f checks when the unit of at begins, and when the one before it does.
	f := func(name string, u window.Unit, at, start, previous string) {
		t.Helper()
		w := window.Window{Calendar: u, Location: zone(name)}
		before := w
		before.Previous = true
		p := counting(t, w, before)
		s := with(p, 0, 0, micros(start), micros(start)-1, micros(previous), micros(previous)-1)
		if got := counts(t, s, micros(at), 2); got[0] != 1 || got[1] != 2 {
			t.Errorf("%s: the %s of %s: %v, want 1 event and 2 in the one before", name, u, at, got)
		}
	}
	// 23 and 25 hours.
	f("Europe/Berlin", window.Day, "2024-03-31T21:59:59Z", "2024-03-30T23:00:00Z", "2024-03-29T23:00:00Z")
	f("Europe/Berlin", window.Day, "2024-03-31T22:00:00Z", "2024-03-31T22:00:00Z", "2024-03-30T23:00:00Z")
	f("Europe/Berlin", window.Day, "2024-10-27T23:00:00Z", "2024-10-27T23:00:00Z", "2024-10-26T22:00:00Z")
	f("Europe/Berlin", window.Hour, "2024-10-27T01:10:00Z", "2024-10-27T01:00:00Z", "2024-10-27T00:00:00Z")
	f("Europe/Berlin", window.Week, "2024-04-03T00:00:00Z", "2024-03-31T22:00:00Z", "2024-03-24T23:00:00Z")
	f("Europe/Berlin", window.Month, "2024-04-03T00:00:00Z", "2024-03-31T22:00:00Z", "2024-02-29T23:00:00Z")
	f("Europe/Berlin", window.Year, "2024-04-03T00:00:00Z", "2023-12-31T23:00:00Z", "2022-12-31T23:00:00Z")
	// Offsets of part of an hour, and clocks that move by half an hour.
	f("Asia/Kathmandu", window.Hour, "2024-01-01T00:20:00Z", "2024-01-01T00:15:00Z", "2023-12-31T23:15:00Z")
	f("Australia/Lord_Howe", window.Hour, "2024-04-06T14:30:00Z", "2024-04-06T14:00:00Z", "2024-04-06T13:00:00Z")
	f("Australia/Lord_Howe", window.Hour, "2024-04-06T15:10:00Z", "2024-04-06T15:00:00Z", "2024-04-06T14:00:00Z")
	f("Australia/Lord_Howe", window.Hour, "2024-04-06T15:40:00Z", "2024-04-06T15:30:00Z", "2024-04-06T15:00:00Z")
	// Samoa had no 30 December 2011.
	f("Pacific/Apia", window.Day, "2011-12-30T12:00:00Z", "2011-12-30T10:00:00Z", "2011-12-29T10:00:00Z")
	// Newfoundland's clocks went from 00:01 back to 23:01 of the day before.
	f("America/St_Johns", window.Day, "2010-11-07T02:29:00Z", "2010-11-06T02:30:00Z", "2010-11-05T02:30:00Z")
	f("America/St_Johns", window.Day, "2010-11-07T03:00:00Z", "2010-11-07T02:30:00Z", "2010-11-06T02:30:00Z")
	// Brazil's went from midnight to 01:00, so that no clock showed midnight.
	f("America/Sao_Paulo", window.Day, "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-03T03:00:00Z")
	// The last day of a leap year after a zone's last rule; see zoneBounds.
	f("Europe/Berlin", window.Day, "2052-12-31T12:00:00Z", "2052-12-30T23:00:00Z", "2052-12-29T23:00:00Z")
	f("Europe/Berlin", window.Day, "2053-01-01T12:00:00Z", "2052-12-31T23:00:00Z", "2052-12-30T23:00:00Z")
}
