package online_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"larder/store"
	"larder/store/online"
	"larder/store/row"
)

const benchEntities = 200_000

// benchStore holds a row of 10 float64 features for each entity and view.
func benchStore(b *testing.B, views int, opts online.Options) *online.Store {
	b.Helper()
	opts.MinFreeBytes = 1 << 20
	s := open(b, b.TempDir(), opts)
	for view := range views {
		w := s.NewWriter(uint32(view), store.WriterOptions{})
		for id := range int64(benchEntities) {
			add(b, w, keyOf(uint32(view), id), 1, rowOf(0, id, 72))
		}
		flush(b, w)
		w.Close()
	}
	b.Cleanup(func() { closed(b, s) })
	return s
}

// BenchmarkRead reads all views of some entities: hot from the cache, cold from
// Badger's tables in the page cache.
func BenchmarkRead(b *testing.B) {
	for _, views := range []int{5, 25} {
		for _, cold := range []bool{false, true} {
			opts, name := online.Options{}, "hot"
			if cold {
				opts.CacheBytes, name = -1, "cold"
			}
			b.Run(fmt.Sprintf("views=%d/%s", views, name), func(b *testing.B) {
				s := benchStore(b, views, opts)
				for _, rows := range []int{1, 100} {
					b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) { benchRead(b, s, views, rows, cold) })
				}
			})
		}
	}
}

func benchRead(b *testing.B, s *online.Store, views, rows int, cold bool) {
	entities := int64(benchEntities)
	if !cold {
		entities = 5_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	keys, found := new(row.Keys), 0
	visit := func(int, int64, []byte) error { found++; return nil }
	ids := make([]int64, rows)
	request := func() {
		keys.Reset()
		for r := range ids {
			ids[r] = rng.Int64N(entities)
		}
		for view := range views {
			for _, id := range ids {
				keys.Append(func(dst []byte) []byte { return row.AppendInt64(row.AppendView(dst, uint32(view)), id) })
			}
		}
		if err := s.Read(ctx(), keys, rows, visit); err != nil {
			b.Fatal(err)
		}
	}
	for range 50_000 / rows {
		request()
	}
	b.ReportAllocs()
	found = 0
	for b.Loop() {
		request()
	}
	if found == 0 {
		b.Error("nothing was read")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows*views), "ns/key")
}

// BenchmarkWriter writes a million rows at a time: into an empty view, newer rows
// of keys that are there, the same rows once more, and rows of random age.
func BenchmarkWriter(b *testing.B) {
	const rows = 1_000_000
	for _, what := range []string{"new", "newer", "same", "random"} {
		b.Run(what, func(b *testing.B) {
			s := open(b, b.TempDir(), online.Options{MinFreeBytes: 1 << 20})
			defer closed(b, s)
			rng := rand.New(rand.NewPCG(3, 4))
			write := func(view uint32, eventTime func() int64) {
				w := s.NewWriter(view, store.WriterOptions{})
				defer w.Close()
				for i := range int64(rows) {
					add(b, w, keyOf(view, i*7919%rows), eventTime(), rowOf(0, 1, 72))
				}
				flush(b, w)
			}
			fixed := func(t int64) func() int64 { return func() int64 { return t } }
			if what != "new" {
				write(1, fixed(0))
			}
			b.ReportAllocs()
			round := int64(0)
			for b.Loop() {
				round++
				switch what {
				case "new":
					write(uint32(round), fixed(0))
				case "newer":
					write(1, fixed(round))
				case "same":
					write(1, fixed(0))
				case "random":
					write(1, func() int64 { return rng.Int64N(round * 1000) })
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkCommit stores newer rows and a watermark: in one step, and one after the
// other.
func BenchmarkCommit(b *testing.B) {
	for _, rows := range []int64{1, 1_000, 30_000} {
		for _, steps := range []int{1, 2} {
			b.Run(fmt.Sprintf("rows=%d/steps=%d", rows, steps), func(b *testing.B) {
				s := open(b, b.TempDir(), online.Options{MinFreeBytes: 1 << 20})
				defer closed(b, s)
				w := s.NewWriter(plainView, store.WriterOptions{})
				defer w.Close()
				for round := int64(0); b.Loop(); round++ {
					if err := addRange(w, plainView, 0, rows, round); err != nil {
						b.Fatal(err)
					}
					if steps > 1 {
						flush(b, w)
					}
					if err := w.Commit(ctx(), store.Watermark{Time: round}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkReadBesideWriter reads 5 views of one entity, past the cache, while
// nothing else happens and while a writer writes over other rows as fast as it
// can. Reads begin a millisecond after one another, as requests would.
func BenchmarkReadBesideWriter(b *testing.B) {
	const views = 5
	for _, writing := range []bool{false, true} {
		b.Run(fmt.Sprintf("writing=%v", writing), func(b *testing.B) {
			s := benchStore(b, views, online.Options{CacheBytes: -1})
			rng := rand.New(rand.NewPCG(1, 2))
			keys, found := new(row.Keys), 0
			visit := func(int, int64, []byte) error { found++; return nil }
			stop, written := make(chan struct{}), make(chan int64, 1)
			if writing {
				go func() { written <- writeOver(b, s, stop) }()
			}
			var took []time.Duration
			ticks := time.NewTicker(time.Millisecond)
			defer ticks.Stop()
			for b.Loop() {
				<-ticks.C
				began := time.Now()
				keys.Reset()
				id := rng.Int64N(benchEntities)
				for view := range views {
					keys.Append(func(dst []byte) []byte { return row.AppendInt64(row.AppendView(dst, uint32(view)), id) })
				}
				if err := s.Read(ctx(), keys, 1, visit); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			if found != len(took)*views {
				b.Errorf("%d rows; want %d", found, len(took)*views)
			}
			if writing {
				close(stop)
				b.ReportMetric(float64(<-written)/b.Elapsed().Seconds(), "rows/s")
			}
			slices.Sort(took)
			for _, p := range []int{500, 990, 999} {
				b.ReportMetric(float64(took[len(took)*p/1000].Nanoseconds())/1000, fmt.Sprintf("p%g-µs", float64(p)/10))
			}
		})
	}
}

// writeOver writes newer rows of one view until stop is closed.
func writeOver(b *testing.B, s *online.Store, stop <-chan struct{}) int64 {
	const view = 100
	w := s.NewWriter(view, store.WriterOptions{})
	defer w.Close()
	for round := int64(0); ; round++ {
		for id := range int64(benchEntities) {
			select {
			case <-stop:
				return w.Written()
			default:
			}
			add(b, w, keyOf(view, id*7919%benchEntities), round, rowOf(0, round, 72))
		}
	}
}

// BenchmarkOpen opens a store that was closed, and reads a row.
func BenchmarkOpen(b *testing.B) {
	for _, rows := range []int64{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			dir := b.TempDir()
			opts := online.Options{MinFreeBytes: 1 << 20}
			s := open(b, dir, opts)
			w := s.NewWriter(plainView, store.WriterOptions{})
			for id := range rows {
				add(b, w, keyOf(plainView, id), 5, rowOf(0, id, 80))
			}
			flush(b, w)
			w.Close()
			closed(b, s)
			for b.Loop() {
				s := open(b, dir, opts)
				read(b, s, keyOf(plainView, rows/2))
				b.StopTimer()
				closed(b, s)
				b.StartTimer()
			}
		})
	}
}
