package stream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/eventlog"
	"larder/stream"
	"larder/stream/kafka"
	"larder/stream/source"
)

// killedServer names the variable that makes the test binary a server, and says where.
const killedServer = "LARDER_TEST_KILLED_SERVER"

// A killed is what such a process is told.
type killed struct{ DSN, Dir, YAML string }

func TestMain(m *testing.M) {
	if raw := os.Getenv(killedServer); raw != "" {
		serveUntilKilled(raw)
	}
	pgtest.Main(m)
}

// orders is a stream of Kafka without ids: the position of a message is its event's id.
func orders(addr, extra string) string {
	return fmt.Sprintf(`
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - name: orders
    kafka: {brokers: [%q], topic: orders}
    log: {table: shop.orders, create: true}
    timestamp_field: at
    linger: 5ms
    fields: [{name: user_id, type: int64}, {name: price, type: float64}, {name: at, type: timestamp, format: epoch_us}]
%s
aggregate_views:
  - name: spend
    entities: [user]
    stream: orders
    windows: [1h, 24h, lifetime]
    features: [{name: n, count: "*", default: 0}, {name: total, sum: price}, {name: most, max: price}, {name: last_price, last: price}]
feature_services:
  - {name: spending, features: ["spend:*"]}
`, addr, extra)
}

func fromKafka(ctx context.Context, s *schema.Stream, from []source.Position) (stream.Source, error) {
	return kafka.Open(ctx, s, from, kafka.Options{Refresh: time.Second})
}

// serveUntilKilled reads the topic, and brings it into a store.
func serveUntilKilled(raw string) {
	var told killed
	if err := json.Unmarshal([]byte(raw), &told); err != nil {
		panic(err)
	}
	t := &process{}
	w := &world{t: t}
	var err error
	if w.logs, err = eventlog.Open(context.Background(), told.DSN, eventlog.Options{}); err != nil {
		panic(err)
	}
	w.apply(told.YAML)
	w.startWith(told.Dir, fromKafka, 300*time.Millisecond)
	fmt.Println("ready")
	select {}
}

// A process is a testing.TB for a process that isn't a test.
type process struct{ testing.TB }

func (p *process) Helper()                  {}
func (p *process) Cleanup(func())           {}
func (p *process) Context() context.Context { return context.Background() }
func (p *process) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }
func (p *process) Error(args ...any)        { panic(fmt.Sprint(args...)) }

// Trap 1: kills at random moments. Whatever was under way, between COPY, COMMIT, write,
// sync and mark, each message is in the log once, positions are never ahead of the log,
// and the states are those of a server that never died.
func TestTrap01Kills(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	killOften(t, kills)
}

func killOften(t *testing.T, kills int) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	addr := cluster.ListenAddrs()[0]
	yaml := orders(addr, "")
	w := newWorld(t, yaml)
	told, err := json.Marshal(killed{w.db.DSN, t.TempDir(), yaml})
	if err != nil {
		t.Fatal(err)
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	produced := 0
	for range kills {
		var records []*kgo.Record
		for range 50 + r.IntN(100) {
			produced++
			records = append(records, &kgo.Record{Topic: "orders", Partition: r.Int32N(3), Value: fmt.Appendf(nil, `{"user_id": %d, "price": %g, "at": %d}`, r.IntN(40), float64(produced)/7, time.Now().UnixMicro()-r.Int64N(7200e6))})
		}
		if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killedServer+"="+string(told))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 5)); err != nil {
			t.Fatalf("the server said nothing: %v\n%s", err, &errs)
		}
		time.Sleep(time.Duration(r.IntN(700)) * time.Millisecond) // the kill is at a random moment
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	var dir killed
	if err := json.Unmarshal(told, &dir); err != nil {
		t.Fatal(err)
	}
	s := w.startWith(dir.Dir, fromKafka, 300*time.Millisecond)
	w.awaitEvents(s, "orders", produced)
	log := w.logs.Log(&w.catalog.Load().Definitions.Streams[0])
	seen := map[string]bool{}
	_, _, err = log.Read(t.Context(), 0, func(e *eventlog.Events) error {
		for _, id := range e.IDs {
			if seen[id] {
				t.Errorf("message %s is in the log twice", id)
			}
			seen[id] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != produced {
		t.Fatalf("%d messages are in the log; %d were produced", len(seen), produced)
	}
	fresh := w.startWith(t.TempDir(), nil, time.Minute)
	w.awaitEvents(fresh, "orders", produced)
	if a, b := s.states(), fresh.states(); !slices.Equal(a, b) {
		t.Fatalf("the states differ from those of a server that never died:\n%s\n%s", a[:1], b[:1])
	}
}

// awaitEvents waits until the log has a number of events, and the server serves them.
func (w *world) awaitEvents(s *server, name string, n int) {
	w.t.Helper()
	stream, err := w.catalog.Load().Stream(name)
	if err != nil {
		w.t.Fatal(err)
	}
	log := w.logs.Log(stream)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		count := 0
		_, _, err := log.Read(w.t.Context(), 0, func(e *eventlog.Events) error {
			count += e.Len()
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if count >= n {
			break
		}
		if time.Now().After(deadline) {
			state, problem := s.runner.State(name)
			w.t.Fatalf("the log has %d of %d events; the stream is %s: %s", count, n, state, problem)
		}
	}
	state, err := log.State(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	if err := s.runner.AwaitServed(ctx, name, state.Seq); err != nil {
		w.t.Fatal(err)
	}
}

// states returns all states of all aggregate views, as text.
func (s *server) states() (all []string) {
	s.t.Helper()
	for _, v := range s.catalog.Load().Views() {
		if v.Aggregates == nil {
			continue
		}
		err := s.online.EachRow(s.t.Context(), v.ID, func(key []byte, _ int64, state []byte) error {
			all = append(all, fmt.Sprintf("%x %x", key, state))
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}
