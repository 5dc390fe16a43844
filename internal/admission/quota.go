package admission

import (
	"sync"
	"time"
)

// A Quota bounds what a caller may ask for. All requests of the caller share it by
// pointer. Up to a second of it may be used at once. Safe for concurrent use once its
// fields are set.
type Quota struct {
	RequestsPerSecond float64 // 0: unbounded
	RowsPerSecond     float64 // 0: unbounded

	requests, rows bucket
}

// TakeRequest takes a request of the quota. It returns 0, or how long until there is one.
func (q *Quota) TakeRequest() time.Duration {
	if q == nil {
		return 0
	}
	return q.requests.take(1, q.RequestsPerSecond)
}

// TakeRows takes rows of the quota. It returns 0, or how long until there are some. A
// request may have more rows than are left: those are owed, and others wait until then.
func (q *Quota) TakeRows(n int) time.Duration {
	if q == nil {
		return 0
	}
	return q.rows.take(float64(n), q.RowsPerSecond)
}

// A bucket fills with time and empties with use. The zero bucket is full.
type bucket struct {
	mu   sync.Mutex
	used float64 // tokens that are missing from a full bucket
	at   time.Time
}

func (b *bucket) take(n, perSecond float64) time.Duration {
	if perSecond <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !b.at.IsZero() {
		b.used = max(0, b.used-now.Sub(b.at).Seconds()*perSecond)
	}
	b.at = now
	room := max(perSecond, 1)
	// What is there decides, not what is asked for: otherwise a request of more than a
	// second's rows would never be answered.
	least := min(n, 1)
	if missing := b.used + least - room; missing > 0 {
		return max(time.Duration(missing/perSecond*float64(time.Second)), time.Millisecond)
	}
	b.used += n
	return 0
}
