package codec

import (
	"fmt"
	"slices"
	"time"

	"larder/schema"
)

// A clock reads the timestamps of one field.
type clock struct {
	format schema.TimeFormat
	zone   *time.Location // of times without an offset; nil refuses them

	// The zone's offset that was in force last, in seconds: from start until end.
	start, end, offset int64
}

func newClock(format schema.TimeFormat, zone string) (clock, error) {
	c := clock{format: format}
	if format == "" {
		c.format = schema.TimeRFC3339
	}
	if c.format != schema.TimeRFC3339 && c.unit() == 0 {
		return clock{}, fmt.Errorf("no time format %q; write rfc3339, epoch_s, epoch_ms, epoch_us or epoch_ns", format)
	}
	if zone == "" {
		return c, nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return clock{}, fmt.Errorf("no time zone %q; write an IANA name, as Europe/Berlin", zone)
	}
	c.zone = location
	return c, nil
}

// unit returns how many of the format's units a second has; 0 for texts.
func (c *clock) unit() int64 {
	switch c.format {
	case schema.TimeEpochSecond:
		return 1
	case schema.TimeEpochMilli:
		return 1e3
	case schema.TimeEpochMicro:
		return 1e6
	case schema.TimeEpochNano:
		return 1e9
	}
	return 0
}

// setEpoch sets a timestamp that is n units since 1970; a second has unit of them.
func (f *field) setEpoch(v *value, n, unit int64) error {
	seconds, rest := floorDiv(n, unit)
	return f.setTime(v, seconds, rest*(1e9/unit))
}

// setTime sets a timestamp of seconds since 1970 and nanoseconds of the second.
func (f *field) setTime(v *value, seconds, nanos int64) error {
	if seconds < floor(schema.BeginningOfTime, 1e6) || seconds > floor(schema.EndOfTime, 1e6) {
		return f.bad(OutOfRange, "the time is not between 4714-11-24 BC and the year 9999; is its format %s right?", f.clock.format)
	}
	v.setNum(seconds*1e6 + nanos/1e3)
	return nil
}

// setLocal sets a timestamp of a local time of the field's zone: the seconds from 1970 in
// that zone, as if it had no offset, and nanoseconds of the second.
func (f *field) setLocal(v *value, wall, nanos int64) error {
	if f.clock.zone == nil {
		return f.bad(BadTime, "the time has no offset; send one, as Z or +01:00, or set time_zone")
	}
	first, count := f.clock.instants(wall)
	shown := time.Unix(wall, 0).UTC().Format("2006-01-02T15:04:05")
	switch count {
	case 0:
		return f.bad(AmbiguousTime, "clocks in %s never show %s: they are moved past it; send an offset", f.clock.zone, shown)
	case 1:
		return f.setTime(v, first, nanos)
	}
	return f.bad(AmbiguousTime, "clocks in %s show %s twice; send an offset", f.clock.zone, shown)
}

// widest is more than the offsets of a zone ever differ, in seconds: clocks are between
// 16 hours behind and 16 hours ahead of UTC.
const widest = 32 * 3600

// instants returns an instant when clocks in the zone show a time, and how many such
// instants there are.
func (c *clock) instants(wall int64) (found int64, count int) {
	if at := wall - c.offset; at >= c.start+widest && at < c.end-widest {
		return at, 1 // no other offset is near
	}
	const step = 3600 // no offset is in force for less
	tried := make([]int64, 0, 4)
	for at := wall - widest; at <= wall+widest; at += step {
		offset := c.offsetAt(at)
		if slices.Contains(tried, offset) {
			continue
		}
		tried = append(tried, offset)
		if c.offsetAt(wall-offset) == offset {
			found, count = wall-offset, count+1
		}
	}
	if count == 1 {
		c.enter(found)
	}
	return found, count
}

func (c *clock) offsetAt(at int64) int64 {
	_, offset := time.Unix(at, 0).In(c.zone).Zone()
	return int64(offset)
}

// enter makes the offset that is in force at an instant the clock's. Go may say of the
// last day of a year that its offset ended before (time.ZoneBounds); it is never too late.
func (c *clock) enter(at int64) {
	const ever = 1 << 60
	start, end := time.Unix(at, 0).In(c.zone).ZoneBounds()
	c.start, c.end, c.offset = -ever, ever, c.offsetAt(at)
	if !start.IsZero() {
		c.start = start.Unix()
	}
	if !end.IsZero() {
		c.end = end.Unix()
	}
}

// setRFC3339 sets a timestamp of a text.
func (f *field) setRFC3339(v *value, text []byte) error {
	wall, nanos, rest, ok := parseWall(text)
	if !ok {
		return f.badTime(text)
	}
	if len(rest) == 0 {
		return f.setLocal(v, wall, nanos)
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return f.badTime(text)
	}
	return f.setTime(v, wall-offset, nanos)
}

func (f *field) badTime(text []byte) error {
	return f.bad(BadTime, "%q is not a time; write 2026-01-31T12:00:00Z, or set the field's format", clip(text))
}

// parseWall reads a date and a time of day as seconds from 1970 and nanoseconds, and
// returns what follows it.
func parseWall(text []byte) (wall, nanos int64, rest []byte, ok bool) {
	const form = "0000-00-00T00:00:00"
	if len(text) < len(form) {
		return 0, 0, nil, false
	}
	for i := range len(form) {
		c := text[i]
		switch form[i] {
		case '0':
			ok = c >= '0' && c <= '9'
		case 'T':
			ok = c == 'T' || c == 't' || c == ' '
		default:
			ok = c == form[i]
		}
		if !ok {
			return 0, 0, nil, false
		}
	}
	two := func(at int) int { return int(text[at]-'0')*10 + int(text[at+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, nil, false
	}
	wall = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix()
	nanos, rest, ok = parseFraction(text[len(form):])
	return wall, nanos, rest, ok
}

func daysOf(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseFraction reads .5 as 500,000,000 nanoseconds, and any digits after the ninth as
// nothing.
func parseFraction(text []byte) (nanos int64, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, true
	}
	text = text[1:]
	n := 0
	for unit := int64(1e8); n < len(text) && text[n] >= '0' && text[n] <= '9'; n++ {
		nanos += int64(text[n]-'0') * unit
		unit /= 10
	}
	return nanos, text[n:], n > 0
}

// parseOffset reads Z, +01:00, +0100 and +01 as seconds.
func parseOffset(text []byte) (seconds int64, ok bool) {
	if len(text) == 1 {
		return 0, text[0] == 'Z' || text[0] == 'z'
	}
	var digits [4]byte
	switch copy(digits[:], "0000"); len(text) {
	case len("+01"):
		copy(digits[:], text[1:3])
	case len("+0100"):
		copy(digits[:], text[1:5])
	case len("+01:00"):
		if text[3] != ':' {
			return 0, false
		}
		copy(digits[:2], text[1:3])
		copy(digits[2:], text[4:6])
	default:
		return 0, false
	}
	for i := range digits {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		digits[i] -= '0'
	}
	hours, minutes := int64(digits[0])*10+int64(digits[1]), int64(digits[2])*10+int64(digits[3])
	if hours > 23 || minutes > 59 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// floorDiv returns a/b rounded down, and the rest, which is not negative.
func floorDiv(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

func floor(a, b int64) int64 {
	q, _ := floorDiv(a, b)
	return q
}
