package stream_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/vector"
)

// busy is a stream whose duplicates are removed, and 4 windows of 5 aggregates.
func busy(addr string) string {
	return fmt.Sprintf(`
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - name: orders
    kafka: {brokers: [%q], topic: orders}
    log: {table: shop.orders, create: true}
    event_id: id
    timestamp_field: at
    fields: [{name: id, type: string}, {name: user_id, type: int64}, {name: price, type: float64}, {name: shop, type: string}, {name: at, type: timestamp, format: epoch_us}]
aggregate_views:
  - name: spend
    entities: [user]
    stream: orders
    windows: [10m, 1h, 24h, 30d]
    features: [{name: n, count: "*", default: 0}, {name: total, sum: price}, {name: mean, mean: price}, {name: most, max: price}, {name: least, min: price}]
feature_services:
  - {name: spending, features: ["spend:*"]}
`, addr)
}

// BenchmarkKafkaToServed is how many events a second go from a topic that has them into
// the log and into states that answer: keys are those of the events.
func BenchmarkKafkaToServed(b *testing.B) {
	for _, keys := range []int64{1, 10_000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			const events = 200_000
			for range b.N {
				b.StopTimer()
				cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "orders"))
				if err != nil {
					b.Fatal(err)
				}
				produceOrders(b, cluster.ListenAddrs()[0], events, keys)
				w := newWorld(b, busy(cluster.ListenAddrs()[0]))
				b.StartTimer()
				began := time.Now()
				s := w.startWith(b.TempDir(), fromKafka, time.Second)
				w.awaitEvents(s, "orders", events)
				b.ReportMetric(events/time.Since(began).Seconds(), "events/s")
				b.StopTimer()
				s.close()
				cluster.Close()
			}
		})
	}
}

func produceOrders(t testing.TB, addr string, n int, keys int64) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	r := rand.New(rand.NewPCG(5, 6))
	now := time.Now().UnixMicro()
	for i := range n {
		producer.Produce(t.Context(), &kgo.Record{Value: fmt.Appendf(nil, `{"id": "o%d", "user_id": %d, "price": %.2f, "shop": "shop %d", "at": %d}`, i, r.Int64N(keys), r.Float64()*100, r.IntN(50), now-r.Int64N(3600e6))}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkServe is a read of window features: cached states, decoded and evaluated.
func BenchmarkServe(b *testing.B) {
	w := newWorld(b, cards)
	s := w.start(b.TempDir(), nil)
	r := rand.New(rand.NewPCG(7, 8))
	now := time.Now().UnixMicro()
	var lines []string
	for i := range 4000 {
		lines = append(lines, fmt.Sprintf(`{"id": "e%d", "card_id": %d, "amount": %.2f, "units": %d, "merchant": "m%d", "happened": %d}`, i, r.IntN(40), r.Float64()*100, r.IntN(10), r.IntN(20), now-r.Int64N(86400e6)))
	}
	s.push("payments", lines...)
	program := w.program("windows")
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d/features=60", rows), func(b *testing.B) {
			b.ReportAllocs()
			ids := make([]int64, rows)
			for i := range ids {
				ids[i] = int64(i % 40)
			}
			batch := program.NewBatch()
			for range b.N {
				read(b, s, batch, ids)
			}
		})
	}
}

func read(b *testing.B, s *server, batch *vector.Batch, ids []int64) {
	batch.Reset(len(ids), time.Now().UnixMicro())
	if err := batch.BindKeys(keyColumn("card_id", ids)); err != nil {
		b.Fatal(err)
	}
	if err := batch.BindRequest(keyColumn("", nil)); err != nil {
		b.Fatal(err)
	}
	batch.WantColumns()
	if err := s.online.Read(b.Context(), batch.Keys(), len(ids), batch.Visit); err != nil {
		b.Fatal(err)
	}
	if err := batch.Finish(); err != nil {
		b.Fatal(err)
	}
}
