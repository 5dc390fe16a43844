package stream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/schema"
	"larder/store"
	"larder/store/row"
	"larder/training"
)

// settled waits until a server serves everything that the log has.
func (s *server) settled(name string) {
	s.t.Helper()
	def, err := s.catalog.Load().Stream(name)
	if err != nil {
		s.t.Fatal(err)
	}
	state, err := s.logs.Log(def).State(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.runner.AwaitServed(ctx, name, state.Seq); err != nil {
		s.t.Fatal(err)
	}
}

// agree waits until servers have the same states.
func agree(t *testing.T, name string, servers ...*server) {
	t.Helper()
	for _, s := range servers {
		s.settled(name)
	}
	want := servers[0].states()
	if len(want) == 0 {
		t.Fatal("there are no states")
	}
	for i, s := range servers[1:] {
		if got := s.states(); !slices.Equal(got, want) {
			t.Fatalf("server %d has other states: %d of them, and %d", i+1, len(got), len(want))
		}
	}
}

// Trap 10: a log that was restored from a backup, and has gone on since, is noticed by the
// stamp of the last batch, and the views are built again from it.
func TestTrap10Restore(t *testing.T) {
	w := newWorld(t, cards)
	dir := t.TempDir()
	s := w.start(dir, nil)
	r := rand.New(rand.NewPCG(1, 10))
	ids := []int64{1, 2, 3}
	var all []*occurrence
	for range 20 {
		push(t, s, r, ids, &all)
	}
	s.push("payments", fmt.Sprintf(`{"id": "lost1", "card_id": 99, "amount": 1, "happened": %d}`, time.Now().UnixMicro()),
		fmt.Sprintf(`{"id": "lost2", "card_id": 1, "amount": 1, "happened": %d}`, time.Now().UnixMicro()))
	time.Sleep(400 * time.Millisecond) // until what was folded is marked
	s.close()
	w.exec("DELETE FROM fraud.payments WHERE larder_seq > 10")
	w.exec("UPDATE larder.streams SET seq = 10, at = (SELECT max(larder_at) FROM fraud.payments)")
	other := w.start(t.TempDir(), nil)
	for range 15 { // past the number of the batch that the first server had
		push(t, other, r, ids, &all)
	}
	s = w.start(dir, nil)
	other.settled("payments")
	s.settled("payments")
	if !slices.Equal(live(s), live(other)) {
		t.Fatal("the states are not those of the restored log")
	}
	sameRows(t, other, s)
	// And while a server runs, to a number below its own.
	w.exec("DELETE FROM fraud.payments WHERE larder_seq > 12")
	w.exec("UPDATE larder.streams SET seq = 12, at = (SELECT max(larder_at) FROM fraud.payments)")
	fresh := w.start(t.TempDir(), nil)
	deadline := time.Now().Add(20 * time.Second)
	fresh.settled("payments")
	for !slices.Equal(live(s), live(fresh)) || !slices.Equal(s.rows(), fresh.rows()) {
		if time.Now().After(deadline) {
			t.Fatal("a running server did not notice that the log was restored")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sameRows checks that servers have the same rows of feature views.
func sameRows(t *testing.T, servers ...*server) {
	t.Helper()
	want := servers[0].rows()
	if len(want) == 0 {
		t.Fatal("there are no rows")
	}
	for i, s := range servers[1:] {
		if got := s.rows(); !slices.Equal(got, want) {
			t.Fatalf("server %d has other rows (- the first one's):\n%s", i+1, cmp.Diff(want, got))
		}
	}
}

// rows returns all rows of feature views but tombstones, as text.
func (s *server) rows() (all []string) {
	s.t.Helper()
	for _, v := range s.catalog.Load().Views() {
		if v.Aggregates != nil {
			continue
		}
		err := s.online.EachRow(s.t.Context(), v.ID, func(key []byte, at int64, stored []byte) error {
			header, err := row.ParseHeader(stored)
			if !header.Tombstone {
				all = append(all, fmt.Sprintf("%x %d %x", key, at, stored))
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

// live returns the states of keys that have events.
func live(s *server) []string {
	empty := len(slices.MinFunc(append(s.states(), strings.Repeat("x", 99)), func(a, b string) int { return len(a) - len(b) }))
	return slices.DeleteFunc(s.states(), func(state string) bool { return len(state) <= min(empty, 40) })
}

// Trap 9: while Postgres is away requests are answered, and afterwards nothing is lost
// and nothing double.
func TestTrap09PostgresAway(t *testing.T) {
	addr := ordersTopic(t, 2)
	w := newWorld(t, orders(addr, ""))
	s := w.startWith(t.TempDir(), fromKafka, 500*time.Millisecond)
	produce(t, addr, 0, 500)
	w.awaitEvents(s, "orders", 500)
	program := w.program("spending")
	name := w.db.DSN[strings.LastIndex(w.db.DSN, "/")+1:]
	name, _, _ = strings.Cut(name, "?")
	for round := range 3 {
		w.away(name, true)
		produce(t, addr, 500*(round+1), 500)
		for until := time.Now().Add(1500 * time.Millisecond); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			got := s.get(program, "user_id", []int64{1, 2}, time.Now().UnixMicro(), false)
			if got[0].Statuses[0] != schema.StatusPresent {
				t.Fatalf("while Postgres is away: %s", got[0].Statuses[0])
			}
		}
		w.away(name, false)
		w.awaitEvents(s, "orders", 500*(round+2))
	}
	fresh := w.startWith(t.TempDir(), nil, time.Minute)
	agree(t, "orders", s, fresh)
}

// away ends all connections to the test's database and refuses others, or lets them in.
func (w *world) away(name string, away bool) {
	w.t.Helper()
	admin := strings.Replace(w.db.DSN, "/"+name, "/postgres", 1)
	for _, sql := range []string{
		fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %v", name, !away),
		fmt.Sprintf("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s' AND %v", name, away),
	} {
		w.execAt(admin, sql)
	}
}

func produce(t testing.TB, addr string, first, n int) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	var records []*kgo.Record
	for i := first; i < first+n; i++ {
		records = append(records, &kgo.Record{Value: fmt.Appendf(nil, `{"user_id": %d, "price": %g, "at": %d}`, i%7, float64(i)/7, time.Now().UnixMicro()-int64(i)*1e6)})
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Three servers follow one stream, and one reads it. When that one ends another takes
// over, and when it dies without a word too, within a lease and a third.
func TestThreeServersOneWriter(t *testing.T) {
	addr := ordersTopic(t, 2)
	w := newWorld(t, orders(addr, ""))
	servers := make([]*server, 3)
	for i := range servers {
		servers[i] = w.startWith(t.TempDir(), fromKafka, time.Second)
	}
	total := 0
	for round := range 4 {
		produce(t, addr, total, 300)
		total += 300
		w.awaitEvents(servers[0], "orders", total)
		agree(t, "orders", servers...)
		var readers []int
		for i, s := range servers {
			if state, _ := s.runner.State("orders"); state == "reading" {
				readers = append(readers, i)
			}
		}
		if len(readers) != 1 {
			t.Fatalf("round %d: servers %v read", round, readers)
		}
		dir := servers[readers[0]].dir
		servers[readers[0]].close()
		servers[readers[0]] = w.startWith(dir, fromKafka, time.Second)
	}
	if rows := w.count("SELECT count(*) FROM shop.orders"); rows != total {
		t.Fatalf("the log has %d events of %d", rows, total)
	}
}

// Trap 16: while a changed view is built, the old one serves, and both follow the log.
func TestTrap16ChangedView(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	r := rand.New(rand.NewPCG(1, 16))
	ids := []int64{1, 2, 3}
	var all []*occurrence
	for range 30 {
		push(t, s, r, ids, &all)
	}
	before := w.catalog.Load()
	next := w.compile(strings.NewReplacer("windows: [10m, 1h,", "windows: [10m, 2h,", "n_1h", "n_2h").Replace(cards))
	old, _ := before.View("card_activity")
	changed, _ := next.View("card_activity")
	if old.ID == changed.ID {
		t.Fatal("a view with other windows must be built anew")
	}
	w.building.Store(next)
	for range 10 {
		push(t, s, r, ids, &all)
	}
	// Watermarks follow within a second of what is applied.
	reaches := func(what string, view *schema.View, batch int64) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			mark, built, err := s.online.Watermark(view.ID)
			if err != nil {
				t.Fatal(err)
			}
			if built && store.BatchOf(mark.Batch) >= batch {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s stands at %+v, and the log at batch %d", what, mark, batch)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	last := int64(w.count("SELECT max(larder_seq) FROM fraud.payments"))
	reaches("the changed view", changed, last)
	reaches("the old view", old, last)
	w.catalog.Store(next)
	w.building.Store(nil)
	for range 10 {
		push(t, s, r, ids, &all)
	}
	agree(t, "payments", s, w.start(t.TempDir(), nil))
}

// A feature view of a stream: the newest event is the row; a retraction deletes it, a
// correction replaces it, and a training set has what was served.
func TestRowsOfAStream(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	program := w.program("both")
	now := time.Now().Add(-time.Hour).UnixMicro()
	event := func(id string, card int, amount float64, at int64) string {
		return fmt.Sprintf(`{"id": %q, "card_id": %d, "amount": %g, "happened": %d}`, id, card, amount, at)
	}
	var told []served
	step := func(want string, events ...string) {
		t.Helper()
		s.push("payments", events...)
		time.Sleep(time.Millisecond)
		at := time.Now().UnixMicro()
		got := s.get(program, "card_id", []int64{7}, at, false)
		told = append(told, served{at: at, columns: got})
		if text := fmt.Sprint(got[1].Value(0), got[1].Statuses[0]); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
	step("1 PRESENT", event("a", 7, 1, now))
	step("1 PRESENT", event("b", 7, 2, now-1))
	step("3 PRESENT", event("c", 7, 3, now+1))
	step("4 PRESENT", event("c", 7, 4, now+1))
	step("<nil> NOT_FOUND", `{"id": "c", "void": true}`)
	step("5 PRESENT", event("d", 7, 5, now+2))
	set, index := w.train("both", []int64{7}, told, training.IngestTime)
	for k, x := range told {
		for f := range x.columns {
			if !set[f].EqualRow(index[k][0], &x.columns[f], 0) {
				t.Errorf("step %d, feature %d: served %v, trained %v", k, f, x.columns[f].Value(0), set[f].Value(index[k][0]))
			}
		}
	}
}

// Events of one event time in one batch: the greatest id is the row, in whatever order
// they came, on the server that took them and on another one, and in a training set.
func TestTiesInABatch(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	program := w.program("both")
	now := time.Now().Add(-time.Hour).UnixMicro()
	ids := []string{"c", "a", "e", "b", "d"}
	r := rand.New(rand.NewPCG(1, 2))
	var told []served
	for round := range int64(6) {
		var events []string
		for i, id := range ids {
			events = append(events, fmt.Sprintf(`{"id": "%s%d", "card_id": 7, "amount": %d, "merchant": %[1]q, "happened": %[4]d}`, id, round, int64(i)+10*round, now+round))
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		s.push("payments", events...)
		time.Sleep(time.Millisecond) // the training row's time is after the stamp
		at := time.Now().UnixMicro()
		got := s.get(program, "card_id", []int64{7}, at, false)
		told = append(told, served{at: at, columns: got})
		if got[2].Value(0) != "e" {
			t.Fatalf("round %d: %v is the row", round, got[2].Value(0))
		}
	}
	// A tombstone wins or loses as an event does.
	s.push("payments", `{"id": "e5", "void": true}`, fmt.Sprintf(`{"id": "d5", "card_id": 7, "amount": 1, "merchant": "d", "happened": %d}`, now+5))
	time.Sleep(time.Millisecond)
	at := time.Now().UnixMicro()
	got := s.get(program, "card_id", []int64{7}, at, false)
	told = append(told, served{at: at, columns: got})
	if got[2].Statuses[0] != schema.StatusNotFound {
		t.Fatalf("the row of the greatest id was deleted, and the answer is %v", got[2].Value(0))
	}
	other := w.start(t.TempDir(), nil)
	other.settled("payments")
	for i, c := range other.get(program, "card_id", []int64{7}, at, false) {
		if !c.EqualRow(0, &got[i], 0) {
			t.Errorf("another server has %v, not %v", c.Value(0), got[i].Value(0))
		}
	}
	for _, asOf := range []training.AsOf{training.IngestTime, training.EventTime} {
		set, index := w.train("both", []int64{7}, told, asOf)
		for k, x := range told {
			if asOf == training.EventTime && k < len(told)-1 {
				continue // it knows what came later
			}
			for f := 1; f < len(x.columns); f++ {
				if !set[f].EqualRow(index[k][0], &x.columns[f], 0) {
					t.Errorf("round %d, feature %d: served %v, trained %v", k, f, x.columns[f].Value(0), set[f].Value(index[k][0]))
				}
			}
		}
	}
}
