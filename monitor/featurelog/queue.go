package featurelog

import (
	"sync/atomic"
	"time"
)

// maxQueuedEntries bounds the entries that wait, however small.
const maxQueuedEntries = 1 << 14

// drainEvery is how often the writer polls the queue. If the writer waited on the
// queue, each request would have to wake it, which costs more than the rest of the
// log.
const drainEvery = 10 * time.Millisecond

// A queue holds entries for one writer. Any number of goroutines may offer at once.
type queue struct {
	entries chan *entry
	bytes   atomic.Int64
	most    int64 // bytes
	dropped func(rows int)
}

func newQueue(most int64, dropped func(rows int)) *queue {
	return &queue{entries: make(chan *entry, maxQueuedEntries), most: most, dropped: dropped}
}

// offer queues an entry of n bytes, or drops it. It never blocks.
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

// took frees the room of an entry.
func (q *queue) took(e *entry) { q.bytes.Add(-e.MemoryBytes()) }
