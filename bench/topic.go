package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topicParts    = 4
	topicPatience = 30 * time.Second // for a broker to make or remove a topic
	maxBuffered   = 1 << 20          // records that wait for the broker, so that senders don't
)

// A topic is one of our own at a broker, and a producer for it.
type topic struct {
	name, broker string
	client       *kgo.Client
	admin        *kadm.Client
}

// makeTopic makes a topic of a new name. The caller removes it.
func makeTopic(ctx context.Context, broker string) (*topic, error) {
	t := &topic{name: "larder-bench-" + strings.ToLower(rand.Text()[:12]), broker: broker}
	var err error
	t.client, err = kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(t.name), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerLinger(time.Millisecond), kgo.MaxBufferedRecords(maxBuffered), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, fmt.Errorf("kafka at %s: %w", broker, err)
	}
	t.admin = kadm.NewClient(t.client)
	ctx, cancel := context.WithTimeout(ctx, topicPatience)
	defer cancel()
	if _, err := t.admin.CreateTopic(ctx, topicParts, -1, nil, t.name); err != nil {
		t.client.Close()
		return nil, fmt.Errorf("kafka at %s: make topic %s: %w", broker, t.name, err)
	}
	return t, nil
}

// remove removes the topic, and the group of its name that a server told offsets to; also
// when ctx has ended.
func (t *topic) remove(ctx context.Context) error {
	defer t.client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), topicPatience)
	defer cancel()
	_, err := t.admin.DeleteTopic(ctx, t.name)
	if _, groupErr := t.admin.DeleteGroup(ctx, t.name); !errors.Is(groupErr, kerr.GroupIDNotFound) {
		err = errors.Join(err, groupErr)
	}
	if err != nil {
		return fmt.Errorf("kafka at %s: remove topic %s: %w", t.broker, t.name, err)
	}
	return nil
}

// fill sends n messages and waits until the broker has them.
func (t *topic) fill(ctx context.Context, n int, message func(i int) []byte) error {
	failed := make(chan error, 1)
	for i := range n {
		t.client.Produce(ctx, &kgo.Record{Value: message(i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := t.client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("send to topic %s: %w", t.name, err)
	default:
		return nil
	}
}

// consume calls visit with the messages from certain offsets on, until it returns false.
// Nil means from the start.
func (t *topic) consume(ctx context.Context, from map[int32]kgo.Offset, visit func(*kgo.Record) bool) error {
	if from == nil {
		from = map[int32]kgo.Offset{}
		for p := range int32(topicParts) {
			from[p] = kgo.NewOffset().AtStart()
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(t.broker), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.name: from}))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topic %s: %w", t.name, err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if !visit(records.Next()) {
				return nil
			}
		}
	}
}

// ends returns the offsets after the last messages.
func (t *topic) ends(ctx context.Context) (map[int32]kgo.Offset, error) {
	listed, err := t.admin.ListEndOffsets(ctx, t.name)
	if err != nil {
		return nil, err
	}
	ends := map[int32]kgo.Offset{}
	listed.Each(func(o kadm.ListedOffset) {
		ends[o.Partition] = kgo.NewOffset().At(o.Offset)
		err = errors.Join(err, o.Err)
	})
	return ends, err
}
