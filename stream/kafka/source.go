package kafka

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/source"
)

// Options configure a source.
type Options struct {
	// Secrets looks up the variables that the definition names. Required where it names one.
	Secrets source.Secrets
	// Hosts are those that may be connected to. Nil allows all but link-local addresses.
	Hosts *egress.Hosts
	// Refresh is how often the topic is looked at, for new partitions and for another topic
	// of the same name. Defaults to 5 seconds.
	Refresh time.Duration
	// Again is how long to wait before a topic that is missing, or a password that is
	// refused, is tried again; the fifth try counts. Defaults to 1 second.
	Again time.Duration
	// Logger gets losses that are accepted, and failures to write the group's offsets.
	// Defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Refresh = cmp.Or(o.Refresh, 5*time.Second)
	o.Again = cmp.Or(o.Again, time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Source reads a topic. Fetch is for one goroutine; Acknowledge and Lag may be called
// beside it.
type Source struct {
	opts   Options
	topic  string
	group  string
	goesOn bool // on_data_loss: continue
	known  bool // the topic was read before
	client *kgo.Client
	admin  *kadm.Client

	// Of Fetch.
	id      kadm.TopicID
	next    map[int32]int64  // the offset after what Fetch has returned, of every partition
	pending []*kgo.Record    // polled, not yet returned
	faults  []kgo.FetchError // what the client said after pending
	untold  bool             // next has positions that no batch has told
	lookAt  time.Time        // when the topic is looked at next
	checked bool             // the client reads the topic whose id we know
	failed  error            // what Fetch returns from now on

	mu     sync.Mutex
	logged map[int32]int64 // the offset after what is in the log
	commit committed
}

// Open connects to the brokers and finds where each partition is read from: behind the
// positions of the log, or at the definition's start when there are none.
func Open(ctx context.Context, stream *schema.Stream, from []source.Position, opts Options) (*Source, error) {
	s := &Source{
		opts: opts.withDefaults(), topic: stream.Kafka.Topic, group: cmp.Or(stream.Kafka.Group, "larder-"+stream.Name),
		goesOn: stream.OnDataLoss == schema.ContinueOnDataLoss, known: len(from) > 0,
		next: map[int32]int64{}, logged: map[int32]int64{},
	}
	settings, err := clientOptions(stream.Kafka, opts)
	if err != nil {
		return nil, err
	}
	if s.client, err = kgo.NewClient(settings...); err != nil {
		return nil, &source.Stopped{Why: fmt.Sprintf("kafka: %v", err)}
	}
	s.admin = kadm.NewClient(s.client)
	if err := s.begin(ctx, stream.Kafka, from); err != nil {
		s.client.Close()
		return nil, s.explain(err)
	}
	return s, nil
}

// begin finds the position of every partition and starts to read there.
func (s *Source) begin(ctx context.Context, definition *schema.KafkaSource, from []source.Position) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	topic, err := s.find(ctx)
	if err != nil {
		return err
	}
	s.id = topic.ID
	ranges, err := s.ranges(ctx)
	if err != nil {
		return err
	}
	if err := s.place(definition.Start, from, ranges); err != nil {
		return err
	}
	s.lookAt = time.Now().Add(s.opts.Refresh)
	for p, next := range s.next {
		s.logged[p] = next
	}
	s.read(s.next)
	return nil
}

// read starts to read partitions at offsets.
func (s *Source) read(at map[int32]int64) {
	offsets := make(map[int32]kgo.Offset, len(at))
	for p, offset := range at {
		offsets[p] = kgo.NewOffset().At(offset)
	}
	s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: offsets})
}

// Close ends the connections. The group gets its last offsets if the brokers answer within
// a second.
func (s *Source) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.writeGroup(ctx, true)
	s.client.Close()
	return nil
}
