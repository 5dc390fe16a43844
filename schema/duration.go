package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Duration is a span of time, written as in 30s, 15m, 12h, 90d or 1h30m. A day
// is 24 hours. Its resolution is one microsecond.
type Duration time.Duration

const day = 24 * time.Hour

// ParseDuration reads a duration. It refuses negative durations and those finer than a
// microsecond.
func ParseDuration(s string) (Duration, error) {
	const want = "write a number and a unit, as in 30s, 15m, 12h or 90d"
	if s == "0" {
		return 0, nil
	}
	var total time.Duration
	rest := s
	if days, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64((1<<63-1)/day) {
			return 0, fmt.Errorf("%q is not a duration; %s", s, want)
		}
		total, rest = time.Duration(n)*day, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || total+d < total {
			return 0, fmt.Errorf("%q is not a duration; %s", s, want)
		}
		total += d
	} else if s == "" {
		return 0, fmt.Errorf("the duration is empty; %s", want)
	}
	if total%time.Microsecond != 0 {
		return 0, fmt.Errorf("%q is finer than a microsecond; round it", s)
	}
	return Duration(total), nil
}

// Std returns d as a [time.Duration].
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Micros returns d in microseconds.
func (d Duration) Micros() int64 { return time.Duration(d).Microseconds() }

// String returns d in the shortest form that ParseDuration reads back.
func (d Duration) String() string {
	std := time.Duration(d)
	if std == 0 {
		return "0"
	}
	var b strings.Builder
	if std >= day {
		fmt.Fprintf(&b, "%dd", std/day)
		std %= day
	}
	if std > 0 {
		s := std.String() // 1h0m0s
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(s)
	}
	return b.String()
}

// MarshalText writes d as String does; [encoding/json] uses it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
