package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/schema"
	"larder/stream/kafka"
	"larder/stream/source"
)

// A cluster is a Kafka that a test may treat badly.
type cluster struct {
	seeds   []string
	kill    func()
	start   func() // again, with what it had
	compact func(topic string)
}

var topics atomic.Int64

// A bench is a topic of a cluster, and what a test needs around it.
type bench struct {
	*cluster
	t      *testing.T
	ctx    context.Context
	topic  string
	client *kgo.Client
	admin  *kadm.Client
	stream schema.Stream
}

func newBench(t *testing.T, c *cluster, partitions int32, configs ...string) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	b := &bench{cluster: c, t: t, ctx: ctx, topic: fmt.Sprintf("t%d", topics.Add(1))}
	b.connect()
	b.create(partitions, configs...)
	b.stream = schema.Stream{Name: "payments", Kafka: &schema.KafkaSource{Brokers: c.seeds, Topic: b.topic}}
	return b
}

// connect gives the bench a client of its own. A new one has no memory of topics.
func (b *bench) connect() {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	b.client, b.admin = client, kadm.NewClient(client)
}

// create makes the topic; configs are names and values in turn.
func (b *bench) create(partitions int32, configs ...string) {
	b.t.Helper()
	settings := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		settings[configs[i]] = &configs[i+1]
	}
	answer, err := b.admin.CreateTopic(b.ctx, partitions, 1, settings, b.topic)
	if err == nil {
		err = answer.Err
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// again deletes the topic and makes another one of the same name.
func (b *bench) again(partitions int32) {
	b.t.Helper()
	if _, err := b.admin.DeleteTopic(b.ctx, b.topic); err != nil {
		b.t.Fatal(err)
	}
	b.connect()
	b.create(partitions)
}

// produce writes the numbers from first to last-1 to a partition.
func (b *bench) produce(partition int32, first, last int) {
	b.t.Helper()
	var records []*kgo.Record
	for i := first; i < last; i++ {
		records = append(records, &kgo.Record{Topic: b.topic, Partition: partition, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)})
	}
	if err := b.client.ProduceSync(b.ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// deleteBefore does what retention does.
func (b *bench) deleteBefore(partition int32, offset int64) {
	b.t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(b.topic, partition, offset, -1)
	answers, err := b.admin.DeleteRecords(b.ctx, offsets)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A reader is a source and what it has given so far: a log.
type reader struct {
	*kafka.Source
	b         *bench
	values    map[string][]string // of each part, in order; "-" is a tombstone
	ids       map[string]int      // how often each came
	positions map[string]source.Position
}

func (b *bench) open(from []source.Position) (*reader, error) {
	s, err := kafka.Open(b.ctx, &b.stream, from, kafka.Options{Refresh: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { s.Close() })
	r := &reader{Source: s, b: b, values: map[string][]string{}, ids: map[string]int{}, positions: map[string]source.Position{}}
	for _, p := range from {
		r.positions[p.Part] = p
	}
	return r, nil
}

func (b *bench) mustOpen(from []source.Position) *reader {
	b.t.Helper()
	r, err := b.open(from)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (r *reader) log() []source.Position {
	var log []source.Position
	for _, p := range r.positions {
		log = append(log, p)
	}
	return log
}

// step fetches one batch into the log.
func (r *reader) step() error {
	batch, err := r.Fetch(r.b.ctx)
	if err != nil {
		return err
	}
	for _, m := range batch.Messages {
		value := string(m.Value)
		if m.Value == nil {
			value = "-"
		}
		r.values[m.Part] = append(r.values[m.Part], value)
		r.ids[m.ID]++
	}
	for _, p := range batch.Positions {
		r.positions[p.Part] = p
	}
	return r.Acknowledge(r.b.ctx, batch)
}

// until fetches until done holds.
func (r *reader) until(done func() bool) {
	r.b.t.Helper()
	for !done() {
		if err := r.step(); err != nil {
			r.b.t.Fatal(err)
		}
	}
}

func (r *reader) count() int {
	n := 0
	for _, values := range r.values {
		n += len(values)
	}
	return n
}

// fails fetches until an error of the type E comes.
func fails[E error](r *reader) E {
	r.b.t.Helper()
	for {
		err := r.step()
		if err == nil {
			continue
		}
		want, ok := asError[E](err)
		if !ok {
			r.b.t.Fatalf("got %T %v, want %T", err, err, want)
		}
		return want
	}
}
