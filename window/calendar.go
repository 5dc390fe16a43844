package window

import "time"

// A calendar cuts time into units of one zone. A unit begins at the first instant whose
// local clock has reached it, so that units follow one another without gap or overlap
// whatever the clocks do: a day has 23 or 25 hours, and one that the zone skips is empty
// and no unit at all. An hour also ends where the clocks move by a part of an hour.
type calendar struct {
	unit Unit
	loc  *time.Location
}

// A unitSpan is one unit, from its start until before its end.
type unitSpan struct{ start, end, previous int64 }

// start returns when the unit of t begins.
func (c calendar) start(t int64) int64 {
	at := time.UnixMicro(t).In(c.loc)
	if c.unit == Hour {
		return c.startOfHour(at)
	}
	local := c.date(at, 0)
	if next := c.first(c.date(at, 1)); next <= t { // the clocks went back over its start
		return next
	}
	return c.first(local)
}

// span returns the unit of t.
func (c calendar) span(t int64) unitSpan {
	s := unitSpan{start: c.start(t)}
	s.previous = c.start(s.start - 1)
	at := time.UnixMicro(t).In(c.loc)
	if c.unit == Hour {
		s.end = s.start + 1
		if next := c.start(t + 3600*second); next > s.start {
			s.end = max(s.end, min(next, t+1))
		}
		return s
	}
	for k := 1; ; k++ {
		if s.end = c.first(c.date(at, k)); s.end > t {
			return s
		}
	}
}

// startOfHour truncates the local clock.
func (c calendar) startOfHour(at time.Time) int64 {
	_, offset := at.Zone()
	local := at.UnixMicro() + int64(offset)*second
	start := floor(local, 3600*second) - int64(offset)*second
	if from, _ := at.ZoneBounds(); !from.IsZero() && from.UnixMicro() > start {
		_, before := from.Add(-time.Microsecond).Zone()
		if (before-offset)%3600 != 0 {
			return from.UnixMicro()
		}
	}
	return start
}

// date returns the start of the unit that the local date of at lies in, or of one k units
// later, as the local clock shows it: in microseconds, as if it were UTC.
func (c calendar) date(at time.Time, k int) int64 {
	y, m, d := at.Date()
	switch c.unit {
	case Day:
		d += k
	case Week:
		d += 7*k - (int(at.Weekday())+6)%7
	case Month:
		m, d = m+time.Month(k), 1
	case Year:
		y, m, d = y+k, 1, 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).UnixMicro()
}

// first returns the first instant at which the local clock shows local or later.
func (c calendar) first(local int64) int64 {
	const widest = 26 * 3600 * second // no zone is further from UTC
	at := time.UnixMicro(local - widest).In(c.loc)
	for {
		_, offset := at.Zone()
		from, until := zoneBounds(at)
		u := local - int64(offset)*second
		if !from.IsZero() {
			u = max(u, from.UnixMicro())
		}
		if until.IsZero() || u < until.UnixMicro() {
			return u
		}
		at = until
	}
}

// zoneBounds returns when the zone's offset at a time began and ends, or times between at
// which nothing changes. Time.ZoneBounds ends a leap year of a zone's last rule a day
// early, so that it can end before at; the year ends with the day then.
func zoneBounds(at time.Time) (from, until time.Time) {
	from, until = at.ZoneBounds()
	if !until.IsZero() && !until.After(at) {
		const day = 24 * 3600
		until = time.Unix(floor(at.Unix(), day)+day, 0).In(at.Location())
	}
	return from, until
}

// floor returns the greatest multiple of unit that is at most t.
func floor(t, unit int64) int64 {
	r := t % unit
	if r < 0 {
		r += unit
	}
	return t - r
}
