package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count prints a number of things, as 1,234,567.
func count[N ~int | ~int32 | ~int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	digits := strings.TrimPrefix(text, "-")
	sign := text[:len(text)-len(digits)]
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// counted prints a number and its noun, as "1 row" and "1,234 rows".
func counted[N ~int | ~int32 | ~int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") { // batches
		noun += "e"
	}
	return count(n) + " " + noun + "s"
}

// figure prints a metric to four significant digits; a whole part is never cut.
func figure(v float64) string {
	const digits = 4
	if a := math.Abs(v); a >= 1e4 && a < 1e15 {
		return count(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// change prints by how much a figure changes.
func change(from, to float64) string { return fmt.Sprintf("%+.1f %%", 100*(to/from-1)) }

// moment prints a time in microseconds since 1970 UTC.
func moment(micros int64) string {
	if micros == 0 {
		return "-"
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339)
}

// clock prints a time as moment does, but without the date if it is today's in UTC, and
// else in two words.
func clock(micros int64, now time.Time) string {
	t, today := time.UnixMicro(micros).UTC(), now.UTC()
	switch {
	case micros == 0:
		return "-"
	case t.Format(time.DateOnly) != today.Format(time.DateOnly):
		return t.Format(time.DateOnly + " 15:04:05Z")
	}
	return t.Format("15:04:05Z")
}

// ago prints how long ago something was.
func ago(micros int64) string {
	if micros < time.Second.Microseconds() {
		return "just now"
	}
	return span(time.Duration(micros*int64(time.Microsecond)).Round(time.Second).Microseconds()) + " ago"
}

// span prints a duration in microseconds, to a length that a person reads.
func span(micros int64) string {
	d := time.Duration(micros) * time.Microsecond
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= 10*time.Second:
		text := d.Round(time.Second).String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.String()
}
