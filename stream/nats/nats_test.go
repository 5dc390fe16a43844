package nats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/schema"
	"larder/stream/nats"
	"larder/stream/source"
)

// A bench is a server of NATS in this process, and what a test needs around it.
type bench struct {
	t      *testing.T
	ctx    context.Context
	server *server.Server
	opts   server.Options
	js     jetstream.JetStream
	stream schema.Stream
}

func newBench(t *testing.T, config jetstream.StreamConfig) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	b := &bench{t: t, ctx: ctx, opts: server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	b.start()
	b.stream = schema.Stream{Name: "payments", NATS: &schema.NATSSource{Servers: []string{b.server.ClientURL()}, Stream: "EV"}}
	b.make(config)
	return b
}

// start starts the server, again on its port and with what it had.
func (b *bench) start() {
	b.t.Helper()
	opts := b.opts
	b.server = startServer(b.t, &opts)
	address, err := url.Parse(b.server.ClientURL())
	if err != nil {
		b.t.Fatal(err)
	}
	if b.opts.Port, err = strconv.Atoi(address.Port()); err != nil {
		b.t.Fatal(err)
	}
	connection, err := natsgo.Connect(b.server.ClientURL())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(connection.Close)
	if b.js, err = jetstream.New(connection); err != nil {
		b.t.Fatal(err)
	}
}

func startServer(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server of NATS isn't ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// make makes the stream, with the subjects ev.>.
func (b *bench) make(config jetstream.StreamConfig) {
	b.t.Helper()
	config.Name, config.Subjects = "EV", []string{"ev.>"}
	if _, err := b.js.CreateOrUpdateStream(b.ctx, config); err != nil {
		b.t.Fatal(err)
	}
}

// publish sends the numbers from first to last-1.
func (b *bench) publish(subject string, first, last int) {
	b.t.Helper()
	for i := first; i < last; i++ {
		if _, err := b.js.PublishAsync(subject, fmt.Append(nil, i)); err != nil {
			b.t.Fatal(err)
		}
		if b.js.PublishAsyncPending() >= 1000 || i == last-1 {
			select {
			case <-b.js.PublishAsyncComplete():
			case <-b.ctx.Done():
				b.t.Fatal("the server of NATS didn't take what was published")
			}
		}
	}
}

// A reader is a source and what it has given so far: a log, which drops duplicates by id.
type reader struct {
	*nats.Source
	b        *bench
	values   []string
	ids      map[string]bool
	again    int // messages that came again
	position []source.Position
}

func (b *bench) open(from []source.Position) (*reader, error) {
	s, err := nats.Open(b.ctx, &b.stream, from, nats.Options{Refresh: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { s.Close() })
	return &reader{Source: s, b: b, ids: map[string]bool{}, position: from}, nil
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
		if r.ids[m.ID] {
			r.again++
			continue
		}
		r.ids[m.ID] = true
		r.values = append(r.values, string(m.Value))
	}
	r.position = batch.Positions
	return batch, nil
}

func (r *reader) step() error {
	batch, err := r.fetch()
	if err != nil {
		return err
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

func (r *reader) reads(n int) {
	r.b.t.Helper()
	r.until(func() bool { return len(r.values) >= n })
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
			again.values, again.ids, again.again = r.values, r.ids, r.again
			return again
		}
		stopped, lost := &source.Stopped{}, &source.Lost{}
		if errors.As(err, &stopped) || errors.As(err, &lost) || r.b.ctx.Err() != nil {
			r.b.t.Fatal(err)
		}
	}
}

// numbers returns the texts of first to last-1.
func numbers(first, last int) []string {
	var texts []string
	for i := first; i < last; i++ {
		texts = append(texts, fmt.Sprint(i))
	}
	return texts
}
