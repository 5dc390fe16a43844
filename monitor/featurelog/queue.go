package featurelog

import (
	"sync/atomic"
	"time"
)

// maxQueuedEntries bounds the entries that wait, however small.
const maxQueuedEntries = 1 << 14

// drainEvery is how often who writes looks at what waits. Whoever waited at the queue
// itself would have to be woken by each request, which takes it longer than all
// else about the log.
const drainEvery = 10 * time.Millisecond

// A queue holds what waits for one that writes. Any number may offer at once.
type queue struct {
	entries chan *entry
	bytes   atomic.Int64
	most    int64 // bytes
	dropped func(rows int)
}

func newQueue(most int64, dropped func(rows int)) *queue {
	return &queue{entries: make(chan *entry, maxQueuedEntries), most: most, dropped: dropped}
}

// offer takes an entry of n bytes, or drops it. It never waits.
func (q *queue) offer(e *entry, n int64) {
	if q.bytes.Add(n) <= q.most {
		select {
		case q.entries <- e:
			return
		default:
		}
	}
	q.bytes.Add(-n)
	q.dropped(e.Rows)
}

// took makes room again for what an entry had.
func (q *queue) took(e *entry) { q.bytes.Add(-e.MemoryBytes()) }
