package codec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"larder/schema"
	"larder/stream/codec"
	"larder/stream/source"
)

func TestTimes(t *testing.T) {
	f := func(format schema.TimeFormat, zone, text, want string, reason codec.Defect) {
		t.Helper()
		s := one(schema.StreamField{Type: schema.Timestamp, Format: format, TimeZone: zone})
		got, err := decode(t, s, newDecoder(t, s, codec.Options{}), &source.Message{Value: []byte(`{"x":` + text + `}`)})
		if r := reasonOf(t, err); r != reason {
			t.Errorf("%s %s: %s (%v), want %s", format, text, r, err, reason)
		} else if err == nil && got[0].(time.Time).Format(time.RFC3339Nano) != want {
			t.Errorf("%s %s: got %s, want %s", format, text, got[0].(time.Time).Format(time.RFC3339Nano), want)
		}
	}
	f("", "", `"2026-01-31T12:00:00.123456Z"`, "2026-01-31T12:00:00.123456Z", "")
	f("", "", `"2026-01-31t12:00:00.123456999z"`, "2026-01-31T12:00:00.123456Z", "")
	f("", "", `"2026-01-31 12:00:00+01:30"`, "2026-01-31T10:30:00Z", "")
	f("", "", `"2026-01-31 12:00:00-0130"`, "2026-01-31T13:30:00Z", "")
	f("", "", `"2026-01-31 12:00:00+00"`, "2026-01-31T12:00:00Z", "")
	f("", "", `"1969-12-31T23:59:59.9999999Z"`, "1969-12-31T23:59:59.999999Z", "")
	f("", "", `"2024-02-29T00:00:00Z"`, "2024-02-29T00:00:00Z", "")
	f("", "", `"9999-12-31T23:59:59.999999999Z"`, "9999-12-31T23:59:59.999999Z", "")
	f("", "", `"9999-12-31T23:59:59-00:01"`, "", codec.OutOfRange)
	for _, text := range []string{
		"", "2026-01-31", "2026-01-31T12:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-31T24:00:00Z", "2026-01-31T23:60:00Z", "2026-01-31T23:59:60Z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+24:00",
		"2026-01-31T12:00:00+01:60", "2026-01-31T12:00:00+1:00", "2026-01-31T12:00:00 Z", "2026-01-31T1:00:00Z", "12026-01-31T12:00:00Z", "-026-01-31T12:00:00Z",
		"2026-01-31T12:00:00Zx", "2026-01-31T12:00:00+01:0a", "2026-01-31T12:00:00x01:00", "infinity", "2026-01-31T12:00:00", "2026-01-31T12:00:00+01-00",
	} {
		f("", "", `"`+text+`"`, "", codec.BadTime)
	}
	f("epoch_s", "", "1769860800", "2026-01-31T12:00:00Z", "")
	f("epoch_s", "", "1.7698608e9", "2026-01-31T12:00:00Z", "")
	f("epoch_s", "", `"1769860800"`, "2026-01-31T12:00:00Z", "")
	f("epoch_s", "", "1769860800.5", "", codec.WrongType)
	f("epoch_s", "", "1769860800000", "", codec.OutOfRange)
	f("epoch_s", "", "253402300799", "9999-12-31T23:59:59Z", "")
	f("epoch_s", "", "253402300800", "", codec.OutOfRange)
	f("epoch_s", "", "-210866803200", "-4713-11-24T00:00:00Z", "")
	f("epoch_s", "", "-210866803201", "", codec.OutOfRange)
	f("epoch_ms", "", "-1", "1969-12-31T23:59:59.999Z", "")
	f("epoch_us", "", "-1", "1969-12-31T23:59:59.999999Z", "")
	f("epoch_ns", "", "-1", "1969-12-31T23:59:59.999999Z", "")
	f("epoch_ns", "", "1999", "1970-01-01T00:00:00.000001Z", "")
	f("epoch_ms", "", "-9223372036854775808", "", codec.OutOfRange)
	f("epoch_ns", "", "9223372036854775807", "2262-04-11T23:47:16.854775Z", "")
	f("epoch_ns", "", "9223372036854775808", "", codec.OutOfRange)
	f("epoch_ms", "", `"2026-01-31T12:00:00Z"`, "", codec.WrongType)
	f("epoch_ms", "", "true", "", codec.WrongType)

	berlin := "Europe/Berlin"
	f("", berlin, `"2026-07-01T12:00:00"`, "2026-07-01T10:00:00Z", "")
	f("", berlin, `"2026-07-01T12:00:00Z"`, "2026-07-01T12:00:00Z", "")
	f("", berlin, `"2026-03-29T01:59:59.999999"`, "2026-03-29T00:59:59.999999Z", "")
	f("", berlin, `"2026-03-29T02:00:00"`, "", codec.AmbiguousTime)
	f("", berlin, `"2026-03-29T02:59:59.999999"`, "", codec.AmbiguousTime)
	f("", berlin, `"2026-03-29T03:00:00"`, "2026-03-29T01:00:00Z", "")
	f("", berlin, `"2026-10-25T01:59:59"`, "2026-10-24T23:59:59Z", "")
	f("", berlin, `"2026-10-25T02:00:00"`, "", codec.AmbiguousTime)
	f("", berlin, `"2026-10-25T02:59:59"`, "", codec.AmbiguousTime)
	f("", berlin, `"2026-10-25T03:00:00"`, "2026-10-25T02:00:00Z", "")
	f("", "Australia/Lord_Howe", `"2026-04-05T01:45:00"`, "", codec.AmbiguousTime) // half an hour
	f("", "Pacific/Apia", `"2011-12-30T12:00:00"`, "", codec.AmbiguousTime)        // a day that never was
	// Go's time zones say of this day that its offset has ended before.
	f("", berlin, `"2096-12-31T12:00:00"`, "2096-12-31T11:00:00Z", "")
	f("", "America/New_York", `"2096-12-31T12:00:00"`, "2096-12-31T17:00:00Z", "")
	f("", "UTC", `"2026-01-31T12:00:00"`, "2026-01-31T12:00:00Z", "")
}

// TestLocalTimes compares local times near changes of clocks with all seconds around them.
func TestLocalTimes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "America/Caracas", "Asia/Manila"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		s := one(schema.StreamField{Type: schema.Timestamp, TimeZone: zone})
		d := newDecoder(t, s, codec.Options{})
		for range 12 {
			near := time.Unix(random.Int64N(4e9)-2e9, 0).In(location)
			if _, end := near.ZoneBounds(); !end.IsZero() {
				near = end.Add(time.Duration(random.Int64N(6*3600)-3*3600) * time.Second)
			}
			text := near.In(location).Format("2006-01-02T15:04:05")
			if random.IntN(2) == 0 { // a time that may never be shown
				_, offset := near.Add(-30 * 24 * time.Hour).Zone()
				text = near.In(time.FixedZone("", offset)).Format("2006-01-02T15:04:05")
			}
			wall, err := time.Parse("2006-01-02T15:04:05", text)
			if err != nil {
				t.Fatal(err)
			}
			var shown []int64
			for u := near.Unix() - 30*3600; u <= near.Unix()+30*3600; u++ {
				if _, offset := time.Unix(u, 0).In(location).Zone(); u+int64(offset) == wall.Unix() {
					shown = append(shown, u)
				}
			}
			got, err := decode(t, s, d, &source.Message{Value: fmt.Appendf(nil, `{"x":%q}`, text)})
			reason := reasonOf(t, err)
			switch {
			case len(shown) == 1 && (reason != "" || got[0].(time.Time).Unix() != shown[0]):
				t.Fatalf("%s %s: %v, %v, want %v", zone, text, got, err, time.Unix(shown[0], 0).UTC())
			case len(shown) != 1 && reason != codec.AmbiguousTime:
				t.Fatalf("%s %s: %v, %v, and clocks show it %d times", zone, text, got, err, len(shown))
			}
		}
	}
}
