package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"larder/schema"
	"larder/stream/source"
)

// Retention takes records that were not read: while the source is closed, and while it is
// open.
func TestTrap08RetentionUnderOurFeet(t *testing.T) {
	c := newCluster(t)
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		t.Run("closed/"+string(mode), func(t *testing.T) {
			b := newBench(t, c, 2)
			b.stream.OnDataLoss = mode
			b.produce(0, 0, 200)
			r := b.mustOpen(nil)
			r.until(func() bool { return r.count() == 200 })
			log := r.log()
			r.Close()
			b.produce(0, 200, 500)
			b.deleteBefore(0, 350)
			if mode == schema.StopOnDataLoss {
				_, err := b.open(log)
				b.lost(err, "from 200 to 349")
				return
			}
			r = b.mustOpen(log)
			r.until(func() bool { return r.count() == 150 })
			r.holds("0", numbers(350, 500))
		})
		t.Run("open/"+string(mode), func(t *testing.T) {
			b := newBench(t, c, 1)
			b.stream.OnDataLoss = mode
			b.produce(0, 0, 200)
			r := b.mustOpen(nil)
			if err := r.step(); err != nil { // the positions: it reads from offset 0 now
				t.Fatal(err)
			}
			b.deleteBefore(0, 150)
			b.produce(0, 200, 210)
			if mode == schema.ContinueOnDataLoss {
				r.until(func() bool { return r.positions["0"].Next == 210 })
				got := r.values["0"]
				if want := numbers(150, 210); !slices.Equal(got, want) && !slices.Equal(got, numbers(0, 210)) {
					t.Fatalf("got %d values from %s on, want those from 150 on, or all where they were fetched before", len(got), got[0])
				}
				return
			}
			for r.positions["0"].Next < 210 {
				if err := r.step(); err != nil {
					b.lost(err, "from 0 to 149")
					if _, again := r.Fetch(b.ctx); again != err {
						t.Fatalf("told again as %v", again)
					}
					return
				}
			}
			r.holds("0", numbers(0, 210)) // they were fetched before
		})
	}
}

// lost fails unless err is a loss with these words.
func (b *bench) lost(err error, words string) {
	b.t.Helper()
	loss, ok := asError[*source.Lost](err)
	if !ok {
		b.t.Fatalf("got %v, want a *source.Lost", err)
	}
	if !strings.Contains(loss.Why, words) || !strings.Contains(loss.Why, b.topic) || !strings.Contains(loss.Why, "larder stream seek") {
		b.t.Fatalf("the loss is %q, want %q in it, the topic and the remedy", loss.Why, words)
	}
}

// A position past what retention left is told while it is being read: nothing was fetched
// ahead.
func TestTrap08RetentionAheadOfAReader(t *testing.T) {
	c := newCluster(t)
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		t.Run(string(mode), func(t *testing.T) {
			b := newBench(t, c, 1)
			b.stream.OnDataLoss = mode
			large := strings.Repeat("x", 500_000)
			for range 100 { // 50 MB: more than the client fetches ahead
				if err := b.client.ProduceSync(b.ctx, &kgo.Record{Topic: b.topic, Value: []byte(large)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			r := b.mustOpen(nil)
			r.until(func() bool { return r.count() > 0 })
			b.deleteBefore(0, 90)
			if mode == schema.ContinueOnDataLoss {
				r.until(func() bool { return r.positions["0"].Next == 100 })
				if n := r.count(); n < 11 || n > 80 {
					t.Fatalf("%d records, want the last ten and some of the first", n)
				}
				return
			}
			b.lost(fails[*source.Lost](r), "to 89 were deleted")
		})
	}
}

// A topic is deleted and made again, and grows past our position: its id tells.
func TestTrap08AnotherTopicOfTheSameName(t *testing.T) {
	c := newCluster(t)
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		t.Run("closed/"+string(mode), func(t *testing.T) {
			b := newBench(t, c, 1)
			b.stream.OnDataLoss = mode
			b.produce(0, 0, 500)
			r := b.mustOpen(nil)
			r.until(func() bool { return r.count() == 500 })
			log := r.log()
			r.Close()
			b.again(1)
			b.produce(0, 1000, 1600)
			if mode == schema.StopOnDataLoss {
				_, err := b.open(log)
				b.lost(err, "deleted and made again")
				return
			}
			r = b.mustOpen(log)
			r.until(func() bool { return r.count() == 600 })
			r.holds("0", numbers(1000, 1600))
			if r.positions["0"].Incarnation == log[0].Incarnation {
				t.Fatal("the position has the id of the old topic")
			}
		})
		t.Run("open/"+string(mode), func(t *testing.T) {
			b := newBench(t, c, 1)
			b.stream.OnDataLoss = mode
			b.produce(0, 0, 500)
			r := b.mustOpen(nil)
			r.until(func() bool { return r.count() == 500 })
			b.again(1)
			b.produce(0, 1000, 1600)
			for r.step() == nil { // an error comes, and nothing of the new topic before it
			}
			r.holds("0", numbers(0, 500))
			log := r.log()
			again, err := b.open(log)
			if mode == schema.StopOnDataLoss {
				b.lost(err, "deleted and made again")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again.until(func() bool { return again.count() == 600 })
			again.holds("0", numbers(1000, 1600))
		})
	}
}

// A topic that was read and is deleted may come back, as with brokers that start.
func TestADeletedTopicIsAnErrorThatGoesAway(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	b.produce(0, 0, 10)
	r := b.mustOpen(nil)
	r.until(func() bool { return r.count() == 10 })
	if _, err := b.admin.DeleteTopic(b.ctx, b.topic); err != nil {
		t.Fatal(err)
	}
	for r.step() == nil {
	}
	_, err := b.open(r.log())
	if _, stopped := asError[*source.Stopped](err); err == nil || stopped || !strings.Contains(err.Error(), "create the topic") {
		t.Fatalf("got %v, want an error that goes away", err)
	}
}

// Partitions are added while the source is open, and while it is closed.
func TestTrap08NewPartitions(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	b.produce(0, 0, 10)
	r := b.mustOpen(nil)
	r.until(func() bool { return r.count() == 10 })
	b.addPartitions(3)
	b.produce(2, 0, 20)
	b.produce(0, 10, 15)
	r.until(func() bool { return r.count() == 35 })
	r.holds("0", numbers(0, 15))
	r.holds("2", numbers(0, 20))
	if _, ok := r.positions["1"]; !ok {
		t.Fatal("the empty new partition has no position")
	}
	log := r.log()
	r.Close()
	b.addPartitions(4)
	b.produce(3, 0, 7)
	b.stream.Kafka.Start = schema.Latest // of what was never read; partition 3 is part of what was
	r = b.mustOpen(log)
	r.until(func() bool { return r.count() == 7 })
	r.holds("3", numbers(0, 7))
}

// addPartitions makes it n partitions, and returns when the brokers have them.
func (b *bench) addPartitions(n int) {
	b.t.Helper()
	answers, err := b.admin.UpdatePartitions(b.ctx, n, b.topic)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for { // each look is a request
		topics, err := b.admin.ListTopics(b.ctx, b.topic)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(topics[b.topic].Partitions) == n {
			b.connect()
			return
		}
	}
}

// Records of aborted transactions are not given, and positions pass them and the markers.
func TestTrap08AbortedTransactions(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.TransactionalID(b.topic), kgo.DefaultProduceTopic(b.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	transaction := func(word string, end kgo.TransactionEndTry) {
		t.Helper()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := producer.ProduceSync(b.ctx, &kgo.Record{Value: fmt.Append(nil, word, i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(b.ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	r := b.mustOpen(nil)
	transaction("aborted", kgo.TryAbort)
	transaction("committed", kgo.TryCommit)
	transaction("aborted", kgo.TryAbort)
	const end = 303 // 300 records and 3 markers
	for b.end(0) != end {
		if b.ctx.Err() != nil {
			t.Fatalf("the partition ends at %d, want %d", b.end(0), end)
		}
	}
	r.until(func() bool { return r.positions["0"].Next == end })
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("committed", i))
	}
	r.holds("0", want)
	lags, err := r.Lag(b.ctx)
	if err != nil || lags[0].Events != 0 {
		t.Fatalf("lag %v, error %v; want none", lags, err)
	}
	// Retention that takes only what was passed is no loss.
	log := r.log()
	r.Close()
	b.deleteBefore(0, end)
	b.produce(0, 0, 3)
	r = b.mustOpen(log)
	r.until(func() bool { return r.count() == 3 })
}

func (b *bench) end(partition int32) int64 {
	b.t.Helper()
	ends, err := b.admin.ListEndOffsets(b.ctx, b.topic)
	if err != nil {
		b.t.Fatal(err)
	}
	end, _ := ends.Lookup(b.topic, partition)
	return end.Offset
}

// Compaction removes records in the middle; the source passes the gaps.
func TestTrap08GapsOfCompaction(t *testing.T) {
	b := newBench(t, newCluster(t), 1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001", "segment.ms", "100",
		"min.compaction.lag.ms", "0", "max.compaction.lag.ms", "100", "delete.retention.ms", "0")
	for round := range 20 { // each key 20 times
		var records []*kgo.Record
		for key := range 10 {
			records = append(records, &kgo.Record{Topic: b.topic, Key: fmt.Append(nil, key), Value: fmt.Append(nil, round*10+key)})
		}
		if err := b.client.ProduceSync(b.ctx, records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	b.compacted()
	r := b.mustOpen(nil)
	end := b.end(0)
	r.until(func() bool { return r.positions["0"].Next == end })
	got := r.values["0"]
	if len(got) >= 200 || !slices.IsSortedFunc(got, byNumber) {
		t.Fatalf("%d values, sorted %v; want fewer than 200 in their order", len(got), slices.IsSortedFunc(got, byNumber))
	}
	newest := map[string]bool{}
	for _, value := range got {
		newest[value] = true
	}
	for _, value := range numbers(190, 200) {
		if !newest[value] {
			t.Fatalf("the newest value %s is missing", value)
		}
	}
}

// compacted returns when records are gone. Kafka compacts what is in closed segments, and
// closes one that is old enough when another record comes.
func (b *bench) compacted() {
	b.t.Helper()
	for {
		if err := b.client.ProduceSync(b.ctx, &kgo.Record{Topic: b.topic, Key: []byte("9"), Value: []byte("199")}).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
		b.compact(b.topic)
		client, err := kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.ConsumeTopics(b.topic))
		if err != nil {
			b.t.Fatal(err)
		}
		end, n := b.end(0), 0
		for last := int64(-1); last < end-1 && b.ctx.Err() == nil; {
			client.PollFetches(b.ctx).EachRecord(func(r *kgo.Record) { last, n = r.Offset, n+1 })
		}
		client.Close()
		if b.ctx.Err() != nil {
			b.t.Fatal("nothing was compacted")
		}
		if int64(n) < end {
			return
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// The broker is killed and started again while records are written and read.
func TestTrap08KilledBroker(t *testing.T) {
	b := newBench(t, newCluster(t), 2)
	const each = 900
	written := make(chan error, 1)
	go func() { // retries until the broker is back
		defer close(written)
		for i := range each {
			for p := range int32(2) {
				record := &kgo.Record{Topic: b.topic, Partition: p, Value: fmt.Append(nil, i)}
				if err := b.client.ProduceSync(b.ctx, record).FirstErr(); err != nil {
					written <- err
					return
				}
			}
		}
	}()
	r := b.mustOpen(nil)
	kills := 0
	for r.count() < 2*each {
		if err := r.step(); err != nil {
			if b.ctx.Err() != nil {
				t.Fatal(err)
			}
			r = b.reopen(r)
			continue
		}
		if kills < 3 && r.count() > (kills+1)*each/2 {
			kills++
			b.kill()
			b.start()
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if kills != 3 {
		t.Fatalf("killed %d times", kills)
	}
	r.holds("0", numbers(0, each))
	r.holds("1", numbers(0, each))
}

// reopen opens the source again, as its caller does after an error, and keeps the log.
func (b *bench) reopen(r *reader) *reader {
	b.t.Helper()
	r.Close()
	for {
		again, err := b.open(r.log())
		if err == nil {
			again.values, again.ids = r.values, r.ids
			return again
		}
		if _, stopped := asError[*source.Stopped](err); stopped || b.ctx.Err() != nil {
			b.t.Fatal(err)
		}
		if _, lost := asError[*source.Lost](err); lost {
			b.t.Fatal(err)
		}
	}
}

// A broker that stays away is an error, so that the source's state shows it.
func TestABrokerThatStaysAwayIsAnError(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	b.produce(0, 0, 10)
	r := b.mustOpen(nil)
	r.until(func() bool { return r.count() == 10 })
	b.kill()
	began := time.Now()
	err := r.step()
	for err == nil {
		err = r.step()
	}
	if b.ctx.Err() != nil || time.Since(began) > 30*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	if _, stopped := asError[*source.Stopped](err); stopped || !strings.Contains(err.Error(), "cannot reach") {
		t.Fatalf("got %v, want an error that goes away", err)
	}
}
