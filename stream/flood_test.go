package stream_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
	"larder/stream"
	"larder/stream/source"
)

// A flood is a source whose messages are nearly as large as they may be, and have no events.
type flood struct {
	batches int

	mu      sync.Mutex
	given   int // batches
	waiting int // bytes that were given and not acknowledged
	most    int
	full    func() // called once, when 48 MiB wait
}

const floodBatch = 3 // messages

func (f *flood) Fetch(ctx context.Context) (source.Batch, error) {
	f.mu.Lock()
	if f.given == f.batches {
		f.mu.Unlock()
		<-ctx.Done()
		return source.Batch{}, ctx.Err()
	}
	defer f.mu.Unlock()
	var b source.Batch
	for i := range floodBatch {
		n := f.given*floodBatch + i
		b.Messages = append(b.Messages, source.Message{Part: "0", Offset: int64(n), ID: source.PositionID("0", int64(n)), Value: bytes.Repeat([]byte{'x'}, 1<<20-1)})
	}
	f.given++
	b.Positions = []source.Position{{Part: "0", Next: int64(f.given * floodBatch)}}
	f.waiting += b.Bytes()
	f.most = max(f.most, f.waiting)
	if f.full != nil && f.waiting > 48<<20 {
		f.full()
		f.full = nil
	}
	return b, nil
}

func (f *flood) Acknowledge(_ context.Context, b source.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting -= b.Bytes()
	return nil
}

func (f *flood) Lag(context.Context) ([]source.Lag, error) { return nil, nil }

func (f *flood) Close() error { return nil }

// While a batch fills, and while the log takes none, the bytes of messages between the
// source and the log are bounded. Messages without events take no memory of the batch, and
// wait for its commit all the same.
func TestFloodIsBounded(t *testing.T) {
	f := func(name string, blocked bool) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(orders("nowhere:1", "    max_bad_share: 1"), "linger: 5ms", "linger: 10s", 1))
			src := &flood{batches: 24}
			if blocked {
				src.full = w.holdLog(t, "larder.dead_letters")
			}
			s := w.startWith(t.TempDir(), func(context.Context, *schema.Stream, []source.Position) (stream.Source, error) { return src, nil }, time.Minute)
			for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				if w.count("SELECT coalesce(max(next), 0) FROM larder.stream_offsets") == src.batches*floodBatch {
					break
				}
				if time.Now().After(deadline) {
					state, problem := s.runner.State("orders")
					t.Fatalf("the source was not read to its end; the stream is %s: %s", state, problem)
				}
			}
			src.mu.Lock()
			defer src.mu.Unlock()
			if limit := 64<<20 + floodBatch<<20; src.most > limit {
				t.Errorf("%d MiB waited between the source and the log (limit %d)", src.most>>20, limit>>20)
			}
		})
	}
	f("a batch that may take all", false)
	f("a log that is held", true)
}

// holdLog keeps anything from being added to a log, until the function that it returns is
// called.
func (w *world) holdLog(t *testing.T, table string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+table+" IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
