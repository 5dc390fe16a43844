package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
	"larder/store"
	"larder/store/eventlog"
	"larder/store/online"
	"larder/stream"
	"larder/training"
)

// Trap 5: events from ahead of the clock, and servers whose clocks differ by five seconds:
// an event counts from its own time on, and none is missing then.
func TestTrap05FutureEvents(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	program, view := w.program("windows"), w.catalog.Load().Views()[1]
	now := time.Now().UnixMicro()
	var times []int64
	var events []string
	for i := range int64(14) {
		at := now - 4e6 + i*6e5 // four seconds ago to almost four ahead
		times = append(times, at)
		events = append(events, fmt.Sprintf(`{"id": "f%d", "card_id": 1, "amount": 1, "happened": %d}`, i, at))
	}
	s.push("payments", events...)
	_, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: [][]byte{fmt.Appendf(nil, `{"id": "g", "card_id": 1, "amount": 1, "happened": %d}`, time.Now().UnixMicro()+7e6)}})
	if err == nil || !strings.Contains(err.Error(), "FUTURE") || !strings.Contains(err.Error(), "more than 5s ahead of the clock") {
		t.Errorf("an event from seven seconds ahead: %v", err)
	}
	var told []served
	for clock := now - 5e6; clock <= now+5e6; clock += 25e4 {
		x, err := s.ask(program, view, []int64{1}, clock)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, x)
		want := int64(0)
		for _, at := range times {
			if at <= clock {
				want++
			}
		}
		lifetime := x.columns[5] // of n
		if got := lifetime.Int64s[0]; got != want {
			t.Errorf("%s from now: %d events count, want %d", time.Duration(clock-now)*time.Microsecond, got, want)
		}
	}
	set, index := w.train("windows", []int64{1}, told, training.IngestTime)
	for k, x := range told {
		for f := range x.columns {
			if !set[f].EqualRow(index[k][0], &x.columns[f], 0) {
				t.Errorf("at %d, feature %d: served %v, trained %v", x.at, f, x.columns[f].Value(0), set[f].Value(index[k][0]))
			}
		}
	}
}

// A gate is a way to Postgres that can be shut at a chosen word.
type gate struct {
	t        testing.TB
	listener net.Listener
	network  string
	addr     string
	done     sync.WaitGroup

	mu    sync.Mutex
	shut  bool
	word  string // that a client sends, at which the gate shuts; empty for none
	place place
	hit   chan struct{}
	conns map[net.Conn]bool
}

// A place is where the gate shuts.
type place int

const (
	beforeIt    place = iota // the word does not arrive
	afterIt                  // Postgres has answered it, and nobody hears of it
	afterAnswer              // the client has the answer
	always                   // it does not arrive, and other connections go on
)

// newGate returns a gate to the database of a DSN, and a DSN through it.
func newGate(t testing.TB, dsn string) (*gate, string) {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, conns: map[net.Conn]bool{}}
	g.network, g.addr = pgNetwork(config)
	if g.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	g.done.Go(g.accept)
	t.Cleanup(func() {
		g.listener.Close()
		g.set(true)
		g.done.Wait()
	})
	host, port, err := net.SplitHostPort(g.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return g, fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable", host, port, config.User, config.Password, config.Database)
}

func pgNetwork(config *pgx.ConnConfig) (network, addr string) {
	if strings.HasPrefix(config.Host, "/") {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	return "tcp", fmt.Sprintf("%s:%d", config.Host, config.Port)
}

// set shuts the gate, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut = shut; shut {
		for c := range g.conns {
			c.Close()
		}
	}
}

// arm lets the gate shut at a word, and returns what is closed then.
func (g *gate) arm(word string, at place) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.word, g.place, g.hit = word, at, make(chan struct{})
	return g.hit
}

func (g *gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(g.network, g.addr)
		g.mu.Lock()
		if err != nil || g.shut {
			client.Close()
			if err == nil {
				server.Close()
			}
			g.mu.Unlock()
			continue
		}
		g.conns[client], g.conns[server] = true, true
		g.mu.Unlock()
		heard := make(chan bool, 1) // that the client has sent the word
		g.done.Go(func() { g.pass(client, server, heard, true) })
		g.done.Go(func() { g.pass(server, client, heard, false) })
	}
}

// pass copies what one side sends to the other.
func (g *gate) pass(from, to net.Conn, heard chan bool, fromClient bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !g.forward(to, buffer[:n], heard, fromClient) {
			return
		}
		if err != nil {
			return
		}
	}
}

// forward reports whether the connection goes on.
func (g *gate) forward(to net.Conn, data []byte, heard chan bool, fromClient bool) bool {
	g.mu.Lock()
	word, at := g.word, g.place
	g.mu.Unlock()
	if fromClient {
		if word == "" || !bytes.Contains(data, []byte(word)) {
			_, err := to.Write(data)
			return err == nil
		}
		if at == always {
			return false
		}
		if at == beforeIt {
			g.trip()
			return false
		}
		heard <- true
		_, err := to.Write(data)
		return err == nil
	}
	select {
	case <-heard:
		if at == afterAnswer {
			_, _ = to.Write(data)
		}
		g.trip()
		return false
	default:
		_, err := to.Write(data)
		return err == nil
	}
}

// trip shuts the gate, once.
func (g *gate) trip() {
	g.mu.Lock()
	if g.word == "" {
		g.mu.Unlock()
		return
	}
	g.word = ""
	close(g.hit)
	g.mu.Unlock()
	g.set(true)
}

// A markedStore tells of each mark.
type markedStore struct {
	stream.Store
	told func()
}

type markedFolder struct {
	stream.Folder
	told func()
}

func (s markedStore) Folder(ctx context.Context, viewID uint32) (stream.Folder, error) {
	f, err := s.Store.Folder(ctx, viewID)
	return markedFolder{f, s.told}, err
}

func (f markedFolder) Mark(at store.Watermark, newest int64) error {
	f.told()
	return f.Folder.Mark(at, newest)
}

// Trap 9: Postgres goes away before COPY, between COPY and COMMIT, after COMMIT with and
// without an answer, and when the store is synced.
func TestTrap09PostgresAwayAtEachStep(t *testing.T) { awayAtEachStep(t, 300*time.Millisecond) }

func awayAtEachStep(t *testing.T, away time.Duration) {
	addr := ordersTopic(t, 2)
	w := newWorld(t, orders(addr, ""))
	gate, dsn := newGate(t, w.db.DSN)
	serverLogs, err := eventlog.Open(t.Context(), dsn, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.serverLogs = serverLogs
	t.Cleanup(w.serverLogs.Close)
	var atMark sync.Map // holds "sync" while the gate is to shut at a mark
	w.wrap = func(s stream.Store) stream.Store {
		return markedStore{s, func() {
			if _, armed := atMark.LoadAndDelete("sync"); armed {
				gate.trip()
			}
		}}
	}
	s := w.startWith(t.TempDir(), fromKafka, 500*time.Millisecond)
	total := 300
	produce(t, addr, 0, total)
	w.awaitEvents(s, "orders", total)
	program := w.program("spending")
	step := func(name, word string, at place) {
		t.Helper()
		shut := gate.arm(word, at)
		if name == "sync" {
			atMark.Store("sync", true)
		}
		produce(t, addr, total, 300)
		total += 300
		select {
		case <-shut:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: the gate did not shut", name)
		}
		for until := time.Now().Add(away); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			if got := s.get(program, "user_id", []int64{1}, time.Now().UnixMicro(), false); got[0].Statuses[0] != schema.StatusPresent {
				t.Fatalf("%s: while Postgres is away: %s", name, got[0].Statuses[0])
			}
		}
		gate.set(false)
		w.awaitEvents(s, "orders", total)
		if n := w.count("SELECT count(*) FROM shop.orders"); n != total {
			t.Fatalf("%s: the log has %d events of %d", name, n, total)
		}
	}
	step("before COPY", "COPY ", beforeIt)
	step("between COPY and COMMIT", "commit\x00", beforeIt)
	step("after COMMIT, without an answer", "commit\x00", afterIt)
	step("after COMMIT", "commit\x00", afterAnswer)
	step("sync", "no such word", beforeIt)
	w.wrap, w.serverLogs = nil, nil
	agree(t, "orders", s, w.startWith(t.TempDir(), nil, time.Minute))
}

// Trap 11: a deploy that breaks the schema stops the source. What it broke stays in the
// topic, and is read once the definition is mended.
func TestTrap11MassBreakStopsTheSource(t *testing.T) {
	addr := ordersTopic(t, 1)
	w := newWorld(t, orders(addr, ""))
	s := w.startWith(t.TempDir(), fromKafka, 500*time.Millisecond)
	produce(t, addr, 0, 1500)
	w.awaitEvents(s, "orders", 1500)
	broken := make([]string, 400)
	for i := range broken {
		broken[i] = fmt.Sprintf(`{"user": %d, "price": 1, "at": %d}`, i%7, time.Now().UnixMicro())
	}
	send(t, addr, broken...)
	def, err := w.catalog.Load().Stream("orders")
	if err != nil {
		t.Fatal(err)
	}
	log := w.logs.Log(def)
	var failed string
	for deadline := time.Now().Add(20 * time.Second); failed == ""; time.Sleep(20 * time.Millisecond) {
		state, err := log.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if failed = state.Failed; time.Now().After(deadline) {
			t.Fatal("the source was not stopped")
		}
	}
	for _, words := range []string{"more than 0.01 of the last 1000 messages are bad, and nothing of them was committed", `MISSING_FIELD: field "user_id"`, "run larder stream resume orders"} {
		if !strings.Contains(failed, words) {
			t.Errorf("failed: %s\nwant %s", failed, words)
		}
	}
	dead := w.count("SELECT count(*) FROM larder.dead_letters")
	if dead > 10 { // 0.01 of 1,000
		t.Errorf("%d dead letters", dead)
	}
	w.apply(strings.Replace(orders(addr, ""), "{name: user_id, type: int64}, {name: price", "{name: user_id, type: int64, path: user}, {name: price", 1))
	for deadline := time.Now().Add(20 * time.Second); w.count("SELECT sum(next) FROM larder.stream_offsets") < 1900; time.Sleep(20 * time.Millisecond) {
		if err := log.Resume(t.Context()); err != nil { // again, if the definition was not here yet
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the messages are not read with the definition that is mended")
		}
	}
	w.awaitEvents(s, "orders", 1900-dead)
	if n := w.count("SELECT count(*) FROM shop.orders"); n != 1900-dead {
		t.Errorf("the log has %d events of %d", n, 1900-dead)
	}
}

// Trap 13: a snapshot of a running server has entries of batches after its watermark. Who
// loads it replays these batches, and they count once.
func TestTrap13SnapshotOfARunningServer(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	stop := make(chan struct{})
	var pushing sync.WaitGroup
	pushing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			var messages [][]byte
			for k := range 20 {
				messages = append(messages, fmt.Appendf(nil, `{"id": "%d-%d", "card_id": %d, "amount": %d.5, "merchant": "m%d", "happened": %d}`, i, k, k%5, i, i%9, time.Now().UnixMicro()-int64(k)*1e6))
			}
			if _, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: messages, Served: true}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var dirs []string
	for range 5 {
		time.Sleep(70 * time.Millisecond) // between two marks
		var saved bytes.Buffer
		if err := s.online.Save(t.Context(), &saved); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, t.TempDir()+"/loaded")
		if err := online.Load(t.Context(), dirs[len(dirs)-1], &saved); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	pushing.Wait()
	for _, dir := range dirs {
		loaded := w.start(dir, nil)
		agree(t, "payments", s, loaded)
		sameRows(t, s, loaded)
		loaded.close()
	}
	fresh := w.start(t.TempDir(), nil)
	agree(t, "payments", s, fresh)
}

// Trap 15: half of all events are of one key, and many keys are null: each counts once
// where it has a key, and is counted where it has none.
func TestTrap15HotKeyAndNullKeys(t *testing.T) {
	w := newWorld(t, strings.NewReplacer(
		"entities:\n", "entities:\n  - {name: shop, join_keys: [{name: merchant, type: string}]}\n",
		"feature_views:\n", `  - name: shop_activity
    entities: [shop]
    stream: payments
    windows: [lifetime]
    features: [{name: sold, count: "*", default: 0}]
  - name: pair_activity
    entities: [card, shop]
    stream: payments
    windows: [lifetime]
    features: [{name: pairs, count: "*", default: 0}]
feature_views:
`).Replace(cards))
	s := w.start(t.TempDir(), nil)
	const batches, size = 10, 4000
	want, skipped, pairs := map[int64]int64{}, 0, 0
	n := 0
	for range batches {
		var events []string
		for range size {
			n++
			card, merchant := "1", fmt.Sprintf(`"m%d"`, n%3)
			switch n % 8 {
			case 0, 1:
				card = fmt.Sprint(2 + n%500)
			case 2:
				card = "null"
			case 3:
				merchant = "null"
			}
			if card == "null" {
				skipped++
			} else {
				var id int64
				fmt.Sscan(card, &id)
				want[id]++
				if merchant != "null" {
					pairs++
				}
			}
			events = append(events, fmt.Sprintf(`{"id": "%d", "card_id": %s, "merchant": %s, "amount": 0.1, "happened": %d}`, n, card, merchant, time.Now().UnixMicro()))
		}
		s.push("payments", events...)
	}
	program := w.program("windows")
	for id, events := range want {
		got := s.get(program, "card_id", []int64{id}, time.Now().UnixMicro(), false)
		if got[5].Int64s[0] != events {
			t.Errorf("card %d: %d events count, want %d", id, got[5].Int64s[0], events)
		}
	}
	for view, null := range map[string]int{"card_activity": skipped, "shop_activity": n / 8, "pair_activity": n - pairs} {
		if got := s.counter("larder_stream_skipped_events_total", map[string]string{"view": view, "reason": "null_key"}); got != float64(null) {
			t.Errorf("%s: %g events with null keys were counted, want %d", view, got, null)
		}
	}
	_, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: [][]byte{fmt.Appendf(nil, `{"id": "x", "happened": %d}`, time.Now().UnixMicro())}})
	if err == nil || !strings.Contains(err.Error(), "NULL_KEY: the join keys of every view of the stream are null") {
		t.Errorf("an event without any key: %v", err)
	}
	agree(t, "payments", s, w.start(t.TempDir(), nil))
}

// Trap 17: a server that never hears of new batches finds them by looking.
func TestTrap17NotifyIsLost(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	gate, dsn := newGate(t, w.db.DSN)
	gate.arm("LISTEN ", always)
	deaf, err := eventlog.Open(t.Context(), dsn, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(deaf.Close)
	if err := deaf.Listen(t.Context(), func(string) {}); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("it hears: %v", err)
	}
	w.serverLogs = deaf
	other := w.start(t.TempDir(), nil)
	for i := range 5 {
		s.push("payments", fmt.Sprintf(`{"id": "n%d", "card_id": 1, "amount": 1, "happened": %d}`, i, time.Now().UnixMicro()))
		agree(t, "payments", s, other)
	}
}
