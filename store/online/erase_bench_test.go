package online_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"larder/store"
	"larder/store/online"
)

// BenchmarkErase erases keys of a store of three million rows, and reports the longest
// that an uncached read took meanwhile.
func BenchmarkErase(b *testing.B) {
	const rows = 3_000_000
	s := open(b, b.TempDir(), online.Options{CacheBytes: -1, MinFreeBytes: 1 << 20})
	defer closed(b, s)
	w := s.NewWriter(plainView, store.WriterOptions{})
	for id := range int64(rows) {
		add(b, w, keyOf(plainView, id), 1, rowOf(0, id, 100))
	}
	flush(b, w)
	w.Close()
	if err := s.Flatten(); err != nil {
		b.Fatal(err)
	}
	var longest atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			_ = s.Read(ctx(), keysOf(keyOf(plainView, rand.Int64N(rows))), 1, func(int, int64, []byte) error { return nil })
			longest.Store(max(longest.Load(), int64(time.Since(began))))
		}
	}()
	for _, keys := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			longest.Store(0)
			for b.Loop() {
				gone := map[string]bool{}
				for range keys {
					gone[string(keyOf(plainView, rand.Int64N(rows)))] = true
				}
				_, err := s.Erase(ctx(), func(uint32) online.Verdict {
					return online.Verdict{Until: func(key []byte) (int64, bool) { return math.MaxInt64, gone[string(key)] }}
				}, nil)
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(longest.Load())/1e6, "longest-read-ms")
		})
	}
	close(stop)
	<-done
}
