package stream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"larder/schema"
	"larder/store/eventlog"
	"larder/stream"
	"larder/stream/source"
)

// A script is a source that gives what a test says.
type script struct {
	mu     sync.Mutex
	steps  []func() (source.Batch, error)
	failed error // stays until it is opened again
}

func (s *script) Fetch(ctx context.Context) (source.Batch, error) {
	s.mu.Lock()
	if s.failed != nil || len(s.steps) > 0 {
		defer s.mu.Unlock()
		if s.failed != nil {
			return source.Batch{}, s.failed
		}
		step := s.steps[0]
		s.steps = s.steps[1:]
		b, err := step()
		s.failed = err
		return b, err
	}
	s.mu.Unlock()
	<-ctx.Done()
	return source.Batch{}, ctx.Err()
}

func (s *script) Acknowledge(context.Context, source.Batch) error { return nil }

func (s *script) Lag(context.Context) ([]source.Lag, error) { return nil, nil }

func (s *script) Close() error { return nil }

// batch returns a step that gives messages from an offset on.
func batch(from int64, messages ...[]byte) func() (source.Batch, error) {
	return func() (source.Batch, error) {
		b := source.Batch{Positions: []source.Position{{Part: "0", Next: from + int64(len(messages))}}}
		for i, m := range messages {
			at := from + int64(i)
			b.Messages = append(b.Messages, source.Message{Part: "0", Offset: at, ID: source.PositionID("0", at), Value: m})
		}
		return b, nil
	}
}

func (s *script) open(context.Context, *schema.Stream, []source.Position) (stream.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = nil
	return s, nil
}

func order(user int) []byte {
	return fmt.Appendf(nil, `{"user_id": %d, "price": 1, "at": %d, "nobody": "knows this field"}`, user, time.Now().UnixMicro())
}

// The metric says how old the newest message of a batch was when it came to the log.
func TestBrokerLagSeconds(t *testing.T) {
	w := newWorld(t, orders("nowhere:1", ""))
	src := &script{steps: []func() (source.Batch, error){func() (source.Batch, error) {
		b, err := batch(0, order(1), order(2))()
		for i, age := range []time.Duration{90 * time.Second, time.Hour} {
			b.Messages[i].Time = time.Now().Add(-age).UnixMicro()
		}
		return b, err
	}}}
	s := w.startWith(t.TempDir(), src.open, 500*time.Millisecond)
	w.awaitEvents(s, "orders", 2)
	var lag float64
	for deadline := time.Now().Add(20 * time.Second); lag == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		lag = s.counter("larder_stream_broker_lag_seconds", map[string]string{"stream": "orders"})
	}
	if lag < 90 || lag > 900 {
		t.Errorf("the newest message was %g s old, want 90 or a little more", lag)
	}
}

// A loss of data and a source that a person must mend stop the stream, with the remedy,
// until somebody resumes it or seeks. What was read before stays.
func TestLostAndStoppedSources(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{&source.Lost{Part: "0", Why: "partition 0: offsets 200 to 349 were deleted before they were read"}, []string{
			"the source has lost messages that were not read: partition 0: offsets 200 to 349 were deleted before they were read",
			"larder stream seek orders", "on_data_loss: continue",
		}},
		{&source.Stopped{Why: `topic "orders": the user may not read it; grant Read and Describe on the topic`}, []string{
			`topic "orders": the user may not read it; grant Read and Describe on the topic`,
		}},
	} {
		w := newWorld(t, orders("nowhere:1", ""))
		src := &script{steps: []func() (source.Batch, error){
			batch(0, order(1)),
			func() (source.Batch, error) { return source.Batch{}, c.err },
			batch(1, order(2)),
		}}
		s := w.startWith(t.TempDir(), src.open, 500*time.Millisecond)
		def, err := w.catalog.Load().Stream("orders")
		if err != nil {
			t.Fatal(err)
		}
		log := w.logs.Log(def)
		failed := ""
		for deadline := time.Now().Add(20 * time.Second); failed == ""; time.Sleep(20 * time.Millisecond) {
			state, err := log.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if failed = state.Failed; time.Now().After(deadline) {
				t.Fatalf("%v: the stream was not stopped", c.err)
			}
		}
		for _, words := range c.want {
			if !strings.Contains(failed, words) {
				t.Errorf("failed: %s\nwant %s", failed, words)
			}
		}
		// What was fetched before is in the log: whoever seeks past the loss loses none of it.
		if n := w.count("SELECT count(*) FROM shop.orders"); n != 1 {
			t.Errorf("the log has %d events of 1", n)
		}
		if err := log.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); w.count("SELECT coalesce(max(next), 0) FROM larder.stream_offsets") != 2; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the stream was not resumed")
			}
		}
		s.close()
	}
}

// A schema that the registry doesn't have, and a registry that is away, make the stream
// wait and say so. They are never dead letters.
func TestUnknownSchemasWait(t *testing.T) {
	const card = `{"type":"record","name":"Order","fields":[{"name":"user_id","type":"long"},{"name":"price","type":"double"},{"name":"at","type":"long"}]}`
	registry := srfake.New()
	defer registry.Close()
	w := newWorld(t, strings.Replace(orders("nowhere:1", ""), "    linger: 5ms\n", fmt.Sprintf("    linger: 5ms\n    format: {type: avro, registry: %q}\n", registry.URL()), 1))
	body, err := avro.MustParse(card).Encode(map[string]any{"user_id": int64(3), "price": 2.5, "at": time.Now().UnixMicro()})
	if err != nil {
		t.Fatal(err)
	}
	header, err := new(sr.ConfluentHeader).AppendEncode(nil, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	src := &script{steps: []func() (source.Batch, error){batch(0, append(header, body...))}}
	s := w.startWith(t.TempDir(), src.open, time.Minute)
	s.awaitState("orders", "has no schema 7; register it there")
	if state, _ := s.runner.State("orders"); state != "retrying" {
		t.Errorf("the stream is %s", state)
	}
	registry.SeedSchema("orders-value", 1, 7, sr.Schema{Schema: card})
	w.awaitEvents(s, "orders", 1)
	s.awaitState("orders", "")
	if n := w.count("SELECT count(*) FROM larder.dead_letters"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// Pushes that wait for Postgres are bounded: those past it are refused at once, and taken
// when there is room.
func TestFullQueueOfPushes(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	release := w.holdLog(t, "fraud.payments")
	pad := strings.Repeat("x", 1<<20-200)
	var messages [][]byte
	for i := range 40 { // 40 MiB
		messages = append(messages, fmt.Appendf(nil, `{"id": "a%d", "card_id": 1, "happened": %d, "pad": %q}`, i, time.Now().UnixMicro(), pad))
	}
	first := make(chan error, 1)
	go func() {
		for {
			_, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: messages})
			if err == nil || !strings.Contains(err.Error(), "try again") { // refused because of the other one
				first <- err
				return
			}
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: append([][]byte{[]byte("{}")}, messages...)})
		if err != nil && strings.Contains(err.Error(), "pushes of 64 MiB wait to be committed to Postgres already; try again") {
			break
		}
		if err == nil || !strings.Contains(err.Error(), "MISSING_FIELD") || time.Now().After(deadline) {
			t.Fatalf("a push past the limit: %v", err)
		}
	}
	release()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	s.push("payments", fmt.Sprintf(`{"id": "b", "card_id": 1, "happened": %d}`, time.Now().UnixMicro()))
	if n := w.count("SELECT count(*) FROM fraud.payments"); n != 41 {
		t.Errorf("the log has %d events of 41", n)
	}
	// A retraction of an id that nobody knows is counted.
	s.push("payments", `{"id": "nobody", "void": true}`)
	if got := s.counter("larder_stream_events_total", map[string]string{"stream": "payments", "result": "unknown"}); got != 1 {
		t.Errorf("%g retractions of unknown ids were counted", got)
	}
}

// Every row of the table of bad input: what becomes of each message, in which words.
func TestBadMessages(t *testing.T) {
	addr := ordersTopic(t, 1)
	w := newWorld(t, strings.Replace(orders(addr, ""), "timestamp_field: at", "timestamp_field: at\n    max_age: 30d\n    max_bad_share: 0.05", 1))
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).UnixMicro() }
	bad := []struct{ message, reason, words string }{
		{`not json`, "UNDECODABLE", ""},
		{`{"user_id": 1, "price": 2}`, "MISSING_FIELD", `"at"`},
		{`{"user_id": "x", "price": 2, "at": 1}`, "WRONG_TYPE", `field "user_id"`},
		{`{"user_id": 1e99, "price": 2, "at": 1}`, "OUT_OF_RANGE", `field "user_id"`},
		{`{"user_id": 1, "user_id": 2, "price": 2, "at": 1}`, "DUPLICATE_KEY", `user_id`},
		{fmt.Sprintf(`{"user_id": 1, "price": 2, "at": %d}`, at(time.Minute)), "FUTURE", "ahead of the clock"},
		{fmt.Sprintf(`{"user_id": 1, "price": 2, "at": %d}`, at(-31*24*time.Hour)), "TOO_OLD", "older than 30d"},
		{`{"user_id": null, "price": 2, "at": 1}`, "MISSING_FIELD", `"user_id"`},
		{strings.Repeat("x", 1<<20+1), "TOO_LARGE", "1048577 bytes"},
	}
	s := w.startWith(t.TempDir(), fromKafka, time.Second)
	good := fmt.Sprintf(`{"user_id": 1, "price": 2, "at": %d}`, at(-time.Minute))
	var messages []string
	for _, b := range bad {
		messages = append(messages, b.message, good)
	}
	send(t, addr, messages...)
	w.awaitEvents(s, "orders", len(bad))
	def, err := w.catalog.Load().Stream("orders")
	if err != nil {
		t.Fatal(err)
	}
	log := w.logs.Log(def)
	dead, err := log.Dead(t.Context(), 0, 100, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != len(bad) {
		t.Fatalf("%d dead letters, want %d", len(dead), len(bad))
	}
	slices.Reverse(dead)
	for i, b := range bad {
		d := dead[i]
		if d.Reason != b.reason || !strings.Contains(d.Detail, b.words) || d.Part != "0" || d.Offset != int64(2*i) || len(d.Message) > eventlog.MaxDeadBytes || d.Bytes != int64(len(b.message)) {
			t.Errorf("%.60s: %s at %s:%d: %s; want %s", b.message, d.Reason, d.Part, d.Offset, d.Detail, b.reason)
		}
	}
	// A letter that is an event now is appended once.
	w.exec("UPDATE larder.dead_letters SET message = $1, bytes = $2 WHERE reason = 'WRONG_TYPE'", []byte(good), len(good))
	stale, err := log.Dead(t.Context(), 0, 100, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{1, 0} {
		if dead, err = log.Dead(t.Context(), 0, 100, true); err != nil {
			t.Fatal(err)
		}
		if added, err := s.runner.Retry(t.Context(), log, dead); err != nil || added.Appended != want {
			t.Fatalf("%d letters were appended: %v; want %d", added.Appended, err, want)
		}
	}
	if _, err := s.runner.Retry(t.Context(), log, stale); err == nil || !strings.Contains(err.Error(), "another call has retried some of the dead letters") {
		t.Errorf("two retries at once: %v", err)
	}
	// Too many bad ones stop the source, and the batch with the one too many is not committed.
	before := w.count("SELECT count(*) FROM larder.dead_letters")
	send(t, addr, slices.Repeat([]string{`{"user_id": "x"}`}, 60)...)
	deadline := time.Now().Add(20 * time.Second)
	for {
		state, err := log.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if state.Failed != "" {
			if !strings.Contains(state.Failed, "WRONG_TYPE") || !strings.Contains(state.Failed, "larder stream resume orders") {
				t.Errorf("failed: %s", state.Failed)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the source was not stopped")
		}
		time.Sleep(20 * time.Millisecond)
	}
	const most = 50 // 0.05 of 1,000
	if after := w.count("SELECT count(*) FROM larder.dead_letters"); after > most {
		t.Errorf("%d dead letters, and %d before; at most %d may be committed", after, before, most)
	}
}

func send(t *testing.T, addr string, messages ...string) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"), kgo.ProducerBatchMaxBytes(4<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, m := range messages {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: []byte(m)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// What a push is refused for, in which words: nothing of it is appended.
func TestRefusedPushes(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	f := func(p stream.Pushed, want string) {
		t.Helper()
		_, err := s.runner.Push(t.Context(), &p)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	one := func(text string) stream.Pushed {
		return stream.Pushed{Stream: "payments", Messages: [][]byte{[]byte(text)}}
	}
	f(stream.Pushed{Stream: "payment"}, `no stream "payment"; did you mean "payments"?`)
	f(one(`{"id": "a"}`), `stream "payments" took none of the 1 events, since 1 of them are bad: event 0: MISSING_FIELD: field "happened" is missing`)
	f(one(`{"id": "", "happened": 1}`), `BAD_ID: field "id", the event's id, has 0 bytes; it must have 1 to 256`)
	f(one(`{"id": "a", "happened": 1}`), `NULL_KEY: the join keys of every view of the stream are null`)
	f(one(fmt.Sprintf(`{"id": "a", "card_id": 1, "happened": %d}`, time.Now().Add(time.Minute).UnixMicro())), `FUTURE: field "happened" is `)
	f(stream.Pushed{Stream: "payments", Key: strings.Repeat("k", 300)}, "the idempotency key has 300 bytes (limit 256)")
	f(stream.Pushed{Stream: "payments", Messages: make([][]byte, stream.MaxPushEvents+1)}, "the push has 50001 events (limit 50000); send several")
	if n := w.count("SELECT count(*) FROM fraud.payments"); n != 0 {
		t.Errorf("%d events were appended", n)
	}
}
