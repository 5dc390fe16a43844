//go:build brokers

package rabbitmq_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"larder/internal/brokers"
	"larder/internal/testcert"
	"larder/schema"
	"larder/stream/rabbitmq"
	"larder/stream/source"
)

// A bench is a broker with a queue.
type bench struct {
	*brokers.RabbitMQ
	t       *testing.T
	ctx     context.Context
	channel *amqp.Channel
	stream  schema.Stream
}

func newBench(t *testing.T, b *brokers.RabbitMQ, queue string, arguments amqp.Table) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	n := &bench{RabbitMQ: b, t: t, ctx: ctx}
	n.stream = schema.Stream{Name: "payments", EventID: "id", RabbitMQ: &schema.RabbitMQSource{URL: b.URL(), Queue: queue}}
	n.connect()
	n.declare(arguments)
	return n
}

// connect gives the bench a channel of its own.
func (b *bench) connect() {
	b.t.Helper()
	connection, err := amqp.Dial(b.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { connection.Close() })
	if b.channel, err = connection.Channel(); err != nil {
		b.t.Fatal(err)
	}
	if err := b.channel.Confirm(false); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) declare(arguments amqp.Table) {
	b.t.Helper()
	if _, err := b.channel.QueueDeclare(b.stream.RabbitMQ.Queue, true, false, false, false, arguments); err != nil {
		b.t.Fatal(err)
	}
}

// publish sends the numbers from first to last-1, with more text behind them.
func (b *bench) publish(first, last int, more string) {
	b.t.Helper()
	var confirmations []*amqp.DeferredConfirmation
	for i := first; i < last; i++ {
		message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(fmt.Sprint(i) + more), Timestamp: time.Now()}
		c, err := b.channel.PublishWithDeferredConfirmWithContext(b.ctx, "", b.stream.RabbitMQ.Queue, true, false, message)
		if err != nil {
			b.t.Fatal(err)
		}
		confirmations = append(confirmations, c)
	}
	for _, c := range confirmations {
		if ok, err := c.WaitContext(b.ctx); err != nil || !ok {
			b.t.Fatalf("not confirmed: %v", err)
		}
	}
}

// A reader is a source and what it has given so far: a log, which drops duplicates by
// value.
type reader struct {
	*rabbitmq.Source
	b        *bench
	values   []string
	has      map[string]bool
	again    int
	position []source.Position
}

func (b *bench) open(from []source.Position) (*reader, error) {
	s, err := rabbitmq.Open(b.ctx, &b.stream, from, rabbitmq.Options{Probe: time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { s.Close() })
	return &reader{Source: s, b: b, has: map[string]bool{}, position: from}, nil
}

func (b *bench) mustOpen(from []source.Position) *reader {
	b.t.Helper()
	r, err := b.open(from)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// fetch fetches one batch into the log and doesn't acknowledge it.
func (r *reader) fetch() (source.Batch, error) {
	batch, err := r.Fetch(r.b.ctx)
	if err != nil {
		return batch, err
	}
	for _, m := range batch.Messages {
		value, _, _ := strings.Cut(string(m.Value), " ")
		if r.has[value] {
			r.again++
			continue
		}
		r.has[value] = true
		r.values = append(r.values, value)
	}
	if len(batch.Positions) > 0 {
		r.position = batch.Positions
	}
	return batch, nil
}

func (r *reader) step() error {
	batch, err := r.fetch()
	if err != nil {
		return err
	}
	return r.Acknowledge(r.b.ctx, batch)
}

func (r *reader) reads(n int) {
	r.b.t.Helper()
	for len(r.values) < n {
		if err := r.step(); err != nil {
			r.b.t.Fatal(err)
		}
	}
}

func (r *reader) holds(want []string) {
	r.b.t.Helper()
	if diff := cmp.Diff(want, r.values); diff != "" {
		r.b.t.Fatalf("(-want +got):\n%s", diff)
	}
}

// fails fetches until an error comes.
func (r *reader) fails() error {
	r.b.t.Helper()
	for {
		if err := r.step(); err != nil {
			if r.b.ctx.Err() != nil {
				r.b.t.Fatal(err)
			}
			return err
		}
	}
}

// reopen opens the source again, as its caller does after an error, and keeps the log.
func (r *reader) reopen() *reader {
	r.b.t.Helper()
	r.Close()
	for {
		again, err := r.b.open(r.position)
		if err == nil {
			again.values, again.has, again.again = r.values, r.has, r.again
			return again
		}
		stopped, lost := &source.Stopped{}, &source.Lost{}
		if errors.As(err, &stopped) || errors.As(err, &lost) || r.b.ctx.Err() != nil {
			r.b.t.Fatal(err)
		}
	}
}

func numbers(first, last int) []string {
	var texts []string
	for i := first; i < last; i++ {
		texts = append(texts, fmt.Sprint(i))
	}
	return texts
}

func (b *bench) lost(err error, words string) {
	b.t.Helper()
	var loss *source.Lost
	if !errors.As(err, &loss) || !strings.Contains(loss.Why, words) || !strings.Contains(loss.Why, "larder stream seek") {
		b.t.Fatalf("got %v, want a *source.Lost with %q", err, words)
	}
}

func TestAgainstABroker(t *testing.T) {
	broker := brokers.NewRabbitMQ(t, "", "")
	for name, test := range map[string]func(*testing.T, *brokers.RabbitMQ){
		"QueuesAreAcknowledged":        queuesAreAcknowledged,
		"ABatchIsBounded":              aBatchIsBounded,
		"AQueueThatIsDeleted":          aQueueThatIsDeleted,
		"StreamsGoOnBehindThePosition": streamsGoOnBehindThePosition,
		"StreamsBeginWithTheLatest":    streamsBeginWithTheLatest,
		"Trap08RetentionUnderOurFeet":  retentionUnderOurFeet,
		"Trap08AnotherQueueOfTheName":  anotherQueueOfTheName,
		"WhatIsNotThere":               whatIsNotThere,
		"Trap08BrokenConnections":      brokenConnections,
	} {
		t.Run(name, func(t *testing.T) { test(t, broker) })
	}
}

// What was not acknowledged comes again, and what was is gone.
func queuesAreAcknowledged(t *testing.T, broker *brokers.RabbitMQ) {
	for _, kind := range []string{"classic", "quorum"} {
		b := newBench(t, broker, "acks-"+kind, amqp.Table{"x-queue-type": kind})
		b.stream.RabbitMQ.Prefetch = 200
		b.publish(0, 1000, "")
		r := b.mustOpen(nil)
		r.reads(500)
		inLog := len(r.values)
		lags, err := r.Lag(b.ctx)
		if err != nil || len(lags) != 1 || lags[0].Events < int64(1000-inLog) {
			t.Fatalf("%s: lag %v, error %v with %d in the log", kind, lags, err, inLog)
		}
		unsure, err := r.fetch() // and it dies before the commit
		if err != nil || len(unsure.Messages) == 0 {
			t.Fatal(err)
		}
		r = r.reopen()
		r.reads(1000)
		for r.again < len(unsure.Messages) {
			if err := r.step(); err != nil {
				t.Fatal(err)
			}
		}
		if r.again > 200 || len(r.position) != 0 {
			t.Fatalf("%s: %d came again, want at most the prefetch; position %v", kind, r.again, r.position)
		}
		// A quorum queue may forget acknowledgements when a connection ends. In the end
		// nothing stays.
		for r.drain(); !b.drained(r); r.drain() {
			r = r.reopen()
		}
	}
}

// drain fetches until nothing comes for a moment.
func (r *reader) drain() {
	r.b.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(r.b.ctx, 300*time.Millisecond)
		batch, err := r.Fetch(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && r.b.ctx.Err() == nil {
			return
		}
		if err == nil {
			err = r.Acknowledge(r.b.ctx, batch)
		}
		if err != nil {
			r.b.t.Fatal(err)
		}
	}
}

// drained closes the reader, and reports whether its queue is empty then.
func (b *bench) drained(r *reader) bool {
	b.t.Helper()
	r.Close()
	for {
		q, err := b.channel.QueueDeclarePassive(b.stream.RabbitMQ.Queue, true, false, false, false, nil)
		if err != nil || b.ctx.Err() != nil {
			b.t.Fatal(err, b.ctx.Err())
		}
		if q.Consumers == 0 {
			return q.Messages == 0
		}
	}
}

func aBatchIsBounded(t *testing.T, broker *brokers.RabbitMQ) {
	b := newBench(t, broker, "bounded", nil)
	b.publish(0, 20, " "+strings.Repeat("x", 900_000))
	r := b.mustOpen(nil)
	for len(r.values) < 20 {
		batch, err := r.fetch()
		if err != nil {
			t.Fatal(err)
		}
		if batch.Bytes() > 4<<20 {
			t.Fatalf("a batch of %d bytes", batch.Bytes())
		}
		if err := r.Acknowledge(b.ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
}

func aQueueThatIsDeleted(t *testing.T, broker *brokers.RabbitMQ) {
	b := newBench(t, broker, "deleted", nil)
	b.publish(0, 10, "")
	r := b.mustOpen(nil)
	r.reads(10)
	if _, err := b.channel.QueueDelete("deleted", false, false, false); err != nil {
		t.Fatal(err)
	}
	r.fails()
	_, err := b.open(nil)
	mustStop(t, err, "create the queue")
}

func streamsGoOnBehindThePosition(t *testing.T, broker *brokers.RabbitMQ) {
	b := newBench(t, broker, "stream", amqp.Table{"x-queue-type": "stream"})
	b.publish(0, 6000, "")
	r := b.mustOpen(nil)
	batch, err := r.fetch()
	if err != nil {
		t.Fatal(err)
	}
	if m := batch.Messages[0]; m.ID != "0" || m.Offset != 0 || m.Time == 0 {
		t.Fatalf("message %+v", m)
	}
	if err := r.Acknowledge(b.ctx, batch); err != nil {
		t.Fatal(err)
	}
	r.reads(6000)
	for round := range 3 {
		r = r.reopen()
		b.publish(6000+round*100, 6100+round*100, "")
		r.reads(6100 + round*100)
	}
	r.holds(numbers(0, 6300))
	if r.again != 0 || r.position[0].Next != 6300 {
		t.Fatalf("%d came again, position %v", r.again, r.position)
	}
}

func streamsBeginWithTheLatest(t *testing.T, broker *brokers.RabbitMQ) {
	b := newBench(t, broker, "latest", amqp.Table{"x-queue-type": "stream"})
	b.stream.RabbitMQ.Start = schema.Latest
	b.publish(0, 300, "")
	r := b.mustOpen(nil)
	if err := r.step(); err != nil {
		t.Fatal(err)
	}
	if len(r.position) != 1 || r.position[0].Next != 300 {
		t.Fatalf("position %v, want 300", r.position)
	}
	r.Close()
	b.publish(300, 320, "") // while nobody reads
	r = r.reopen()
	r.reads(20)
	r.holds(numbers(300, 320))
}

// A stream queue drops segments that were not read. RabbitMQ 3.10.8 sends nothing more to a
// reader in about one of ten runs; then another queue is tried.
func retentionUnderOurFeet(t *testing.T, broker *brokers.RabbitMQ) {
	for attempt := 1; ; attempt++ {
		err := dropUnread(t, broker, fmt.Sprint("retention-", attempt, "-"))
		if err == nil {
			return
		}
		if attempt == 3 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		t.Logf("attempt %d: %v", attempt, err)
	}
}

func dropUnread(t *testing.T, broker *brokers.RabbitMQ, queue string) error {
	t.Helper()
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		b := newBench(t, broker, queue+string(mode), amqp.Table{"x-queue-type": "stream", "x-max-length-bytes": int64(2_000_000), "x-stream-max-segment-size-bytes": int64(500_000)})
		b.stream.OnDataLoss = mode
		more := " " + strings.Repeat("x", 10_000)
		b.publish(0, 20, more)
		r := b.mustOpen(nil)
		r.reads(20)
		r.Close()
		b.publish(20, 1000, more)
		again := r.reopen() // RabbitMQ refuses while it removes segments
		if mode == schema.StopOnDataLoss {
			b.lost(again.fails(), "from 20 to ")
			continue
		}
		for again.position[0].Next < 1000 {
			if err := again.step(); err != nil {
				return fmt.Errorf("at %v, with %d values: %w", again.position, len(again.values), err)
			}
		}
		if n := len(again.values); n >= 980 || n < 20 {
			t.Fatalf("%d values", n)
		}
	}
	return nil
}

// A stream queue that was made again and ends before the position.
func anotherQueueOfTheName(t *testing.T, broker *brokers.RabbitMQ) {
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		kind := amqp.Table{"x-queue-type": "stream"}
		b := newBench(t, broker, "again-"+string(mode), kind)
		b.stream.OnDataLoss = mode
		b.publish(0, 100, "")
		r := b.mustOpen(nil)
		r.reads(100)
		r.Close()
		if _, err := b.channel.QueueDelete(b.stream.RabbitMQ.Queue, false, false, false); err != nil {
			t.Fatal(err)
		}
		b.declare(kind)
		b.publish(1000, 1040, "")
		again := b.mustOpen(r.position)
		if mode == schema.StopOnDataLoss {
			b.lost(again.fails(), "ends before offset 99")
			continue
		}
		again.reads(40)
		again.holds(numbers(1000, 1040))
	}
}

func whatIsNotThere(t *testing.T, broker *brokers.RabbitMQ) {
	url := broker.URL()
	mustStop(t, opened(t, schema.RabbitMQSource{URL: url, Queue: "nowhere"}, nil), "create the queue")
	mustStop(t, opened(t, schema.RabbitMQSource{URL: url + "nowhere", Queue: "q"}, nil), "virtual host")
	secrets := map[string]string{"LARDER_SECRET_Q": "wrong"}
	mustStop(t, opened(t, schema.RabbitMQSource{URL: url, Queue: "q", User: "guest", PasswordEnv: "LARDER_SECRET_Q"}, secrets), "refuses the user or the password")
}

// The broker is killed and started again while messages are read. A classic queue only:
// quorum and stream queues of a single node find no leader after a start in this release.
func TestTrap08KilledBroker(t *testing.T) {
	b := newBench(t, brokers.NewRabbitMQ(t, "", ""), "killed", nil)
	b.stream.RabbitMQ.Prefetch = 500
	b.publish(0, 2000, "")
	r := b.mustOpen(nil)
	r.reads(600)
	b.Kill()
	if err := r.fails(); err == nil {
		t.Fatal("a broken connection is no error")
	}
	b.Start()
	r = r.reopen()
	r.reads(2000)
	b.connect()
	b.publish(2000, 2100, "")
	r.reads(2100)
}

// The connection breaks while messages are read.
func brokenConnections(t *testing.T, broker *brokers.RabbitMQ) {
	for _, kind := range []string{"classic", "quorum", "stream"} {
		b := newBench(t, broker, "broken-"+kind, amqp.Table{"x-queue-type": kind})
		cable := newCable(t, strings.TrimSuffix(strings.TrimPrefix(broker.URL(), "amqp://"), "/"))
		b.stream.RabbitMQ.URL = "amqp://" + cable.Addr().String() + "/"
		b.stream.RabbitMQ.Prefetch = 500
		b.publish(0, 3000, "")
		r := b.mustOpen(nil)
		for round := range 3 {
			r.reads(600 + round*600)
			cable.cut()
			r.fails()
			r = r.reopen()
		}
		r.reads(3000)
		if kind == "stream" {
			r.holds(numbers(0, 3000))
			if r.again != 0 {
				t.Errorf("%d messages came again", r.again)
			}
		}
	}
}

// A cable passes connections on until it is cut.
type cable struct {
	net.Listener
	mu   sync.Mutex
	ends []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Listener: l}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			c.mu.Lock()
			c.ends = append(c.ends, near, far)
			c.mu.Unlock()
			running.Go(func() { io.Copy(near, far); near.Close() })
			running.Go(func() { io.Copy(far, near); far.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); c.cut(); running.Wait() })
	return c
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ends {
		end.Close()
	}
	c.ends = nil
}

func TestCertificates(t *testing.T) {
	pair, ca := testcert.New(t)
	_, otherCA := testcert.New(t)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	broker := brokers.NewRabbitMQ(t, certificate, testcert.KeyPEM(t, pair))
	with := func(settings *schema.SourceTLS) error {
		t.Helper()
		return opened(t, schema.RabbitMQSource{URL: broker.TLSURL(), Queue: "nowhere", TLS: settings}, nil)
	}
	mustStop(t, with(&schema.SourceTLS{CA: ca}), "create the queue") // past the certificate
	mustStop(t, with(&schema.SourceTLS{CA: otherCA}), "not signed by an authority")
	mustStop(t, with(nil), "not signed by an authority")
	mustStop(t, with(&schema.SourceTLS{CA: ca, ServerName: "rabbitmq.example.com"}), "server_name")
}
