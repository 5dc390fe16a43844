package eventlog_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/store/eventlog"
	"larder/stream/source"
)

func TestEventsComeBackAsTheyWere(t *testing.T) {
	s := payments()
	w := newWorld(t, s)
	want := events(s, event{id: "a", card: 7, amount: math.Inf(-1), at: -60 * 365 * 24 * time.Hour}, event{id: "b\x01ü", card: -1, amount: math.Copysign(0, -1)})
	want.Fields[2].Valid[0] = false
	want.Fields[2].Float64s[0] = 0
	want.Fields[4].Valid[1], want.Fields[4].Bytes[1] = false, nil
	added := w.append(eventlog.Addition{Events: want})
	if added.Seq != 1 || added.Appended != 2 {
		t.Fatalf("added %+v", added)
	}
	n := 0
	seq, at, err := w.log.Read(t.Context(), 0, func(got *eventlog.Events) error {
		for f := range want.Fields {
			for i := range want.Len() {
				if !got.Fields[f].EqualRow(i, &want.Fields[f], i) {
					t.Errorf("field %s of event %d: %v, want %v", s.Fields[f].Name, i, got.Fields[f].Value(i), want.Fields[f].Value(i))
				}
			}
		}
		if !slices.Equal(got.IDs, want.IDs) || got.Ats[0] != added.At {
			t.Errorf("ids %q at %d, want %q at %d", got.IDs, got.Ats[0], want.IDs, added.At)
		}
		n += got.Len()
		return nil
	})
	if err != nil || seq != 1 || at != added.At || n != 2 {
		t.Fatalf("read %d events up to batch %d at %d: %v", n, seq, at, err)
	}
}

func TestDuplicatesRetractionsAndCorrections(t *testing.T) {
	type step struct {
		events []event
		want   string // the rows of the batch
		counts eventlog.Added
	}
	run := func(name string, on schema.OnDuplicate, steps []step) {
		t.Run(name, func(t *testing.T) {
			s := payments()
			s.OnDuplicate = on
			w := newWorld(t, s)
			last := int64(0)
			for i, st := range steps {
				got := w.append(eventlog.Addition{Events: events(s, st.events...)})
				rows := strings.Join(w.read(last), "; ")
				if rows != st.want {
					t.Fatalf("step %d: rows\n%s\nwant\n%s", i, rows, st.want)
				}
				last = got.Seq
				got.Seq, got.At, got.Rows = 0, 0, nil
				if got != st.counts {
					t.Fatalf("step %d: %+v, want %+v", i, got, st.counts)
				}
			}
		})
	}
	run("first wins", schema.FirstWins, []step{
		{[]event{{id: "a", amount: 1}, {id: "b", amount: 2}, {id: "a", amount: 9}}, "1 +a card=0 amount=1; 1 +b card=0 amount=2", eventlog.Added{Appended: 2, Duplicate: 1}},
		{[]event{{id: "a", amount: 5}, {id: "c", amount: 3}}, "2 +c card=0 amount=3", eventlog.Added{Appended: 1, Duplicate: 1}},
		{[]event{{id: "a", retract: true}, {id: "nobody", retract: true}}, "3 xa card=0 amount=1", eventlog.Added{Retracted: 1, Unknown: 1}},
		{[]event{{id: "a", amount: 1}}, "", eventlog.Added{Duplicate: 1}}, // a redelivery brings nothing back
		// An event that is retracted in the same batch: a redelivery brings it not back either.
		{[]event{{id: "d", amount: 1}, {id: "d", retract: true}, {id: "d", amount: 2}}, "4 +d card=0 amount=1; 5 xd card=0 amount=1", eventlog.Added{Appended: 1, Retracted: 1, Duplicate: 1}},
		{[]event{{id: "d", amount: 1}, {id: "e", amount: 1}}, "6 +e card=0 amount=1", eventlog.Added{Appended: 1, Duplicate: 1}},
		{[]event{{id: "d", retract: true}, {id: "e", retract: true}, {id: "e", retract: true}}, "7 xe card=0 amount=1", eventlog.Added{Retracted: 1, Unknown: 2}},
	})
	run("corrections", schema.ReplaceWith, []step{
		{[]event{{id: "a", amount: 1}}, "1 +a card=0 amount=1", eventlog.Added{Appended: 1}},
		{[]event{{id: "a", amount: 2}}, "2 -a card=0 amount=1; 2 +a card=0 amount=2", eventlog.Added{Appended: 1, Corrected: 1}},
		{[]event{{id: "a", amount: 2}}, "", eventlog.Added{Duplicate: 1}}, // the same once more
		{[]event{{id: "a", amount: 3}, {id: "a", amount: 4}}, "3 -a card=0 amount=2; 3 +a card=0 amount=4", eventlog.Added{Appended: 2, Corrected: 2}},
		{[]event{{id: "a", amount: 5}, {id: "a", retract: true}}, "4 xa card=0 amount=4", eventlog.Added{Appended: 1, Corrected: 1, Retracted: 1}},
		{[]event{{id: "a", amount: 6}}, "5 +a card=0 amount=6", eventlog.Added{Appended: 1}},
		{[]event{{id: "a", retract: true}, {id: "a", amount: 7}}, "6 -a card=0 amount=6; 6 +a card=0 amount=7", eventlog.Added{Appended: 1, Retracted: 1}},
		{[]event{{id: "b", amount: 1}, {id: "b", retract: true}}, "", eventlog.Added{Appended: 1, Retracted: 1}},
	})
}

// Batches of several clients at once become visible in the order of their numbers, with
// rising stamps and without gaps, and each id counts once.
func TestConcurrentAppendsAreOneOrder(t *testing.T) {
	s := payments()
	w := newWorld(t, s)
	const clients, batches = 6, 40
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 1))
			for range batches {
				var all []event
				for range 1 + r.IntN(5) {
					all = append(all, event{id: fmt.Sprint(r.IntN(400)), card: int64(c)})
				}
				if _, err := w.log.Append(t.Context(), &eventlog.Addition{Events: events(s, all...)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { // a reader that is behind sees no gap that is filled later
		after := int64(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_, _, err := w.log.Read(t.Context(), after, func(e *eventlog.Events) error {
				for i := range e.Len() {
					if e.Seqs[i] != after && e.Seqs[i] != after+1 {
						return fmt.Errorf("batch %d after %d", e.Seqs[i], after)
					}
					after = e.Seqs[i]
				}
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	group.Wait()
	close(stop)
	reader.Wait()
	seen, last, stamp := map[string]bool{}, int64(0), int64(0)
	_, _, err := w.log.Read(t.Context(), 0, func(e *eventlog.Events) error {
		for i := range e.Len() {
			if seen[e.IDs[i]] {
				t.Errorf("event %s is there twice", e.IDs[i])
			}
			seen[e.IDs[i]] = true
			if e.Seqs[i] != last && (e.Seqs[i] != last+1 || e.Ats[i] <= stamp) {
				t.Errorf("batch %d at %d after batch %d at %d", e.Seqs[i], e.Ats[i], last, stamp)
			}
			last, stamp = e.Seqs[i], e.Ats[i]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAKeyAddsOnce(t *testing.T) {
	s := payments()
	w := newWorld(t, s)
	first := w.append(eventlog.Addition{Events: events(s, event{id: "a"}, event{id: "b"}), Key: "k"})
	again := w.append(eventlog.Addition{Events: events(s, event{id: "b"}, event{id: "a"}), Key: "k"})
	first.Rows, first.Repeated = nil, true
	if diff := cmp.Diff(first, again); diff != "" {
		t.Fatal(diff)
	}
	for _, others := range [][]event{{{id: "a"}}, {{id: "a"}, {id: "c"}}, {{id: "a"}, {id: "b"}, {id: "b"}}, {}} {
		_, err := w.log.Append(t.Context(), &eventlog.Addition{Events: events(s, others...), Key: "k"})
		var said *schema.Error
		if !errors.As(err, &said) || said.Reason != schema.IdempotencyKeyReused {
			t.Fatalf("other events with the same key: %v", err)
		}
	}
	if rows := w.read(0); len(rows) != 2 {
		t.Fatalf("the log has %v", rows)
	}
	// A key is kept for a day.
	for _, age := range []time.Duration{eventlog.KeepKeys - time.Minute, eventlog.KeepKeys + time.Minute} {
		want := age < eventlog.KeepKeys
		w.exec("UPDATE larder.stream_pushes SET at = clock_timestamp() - $1::interval", age)
		if err := w.log.Upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again := w.append(eventlog.Addition{Events: events(s, event{id: "a"}, event{id: "b"}), Key: "k"}); again.Repeated != want {
			t.Errorf("a key that is %s old: repeated=%v, want %v", age, again.Repeated, want)
		}
	}
}

// Trap 7: a writer that was paused past its lease commits nothing.
func TestTrap07FencedWriter(t *testing.T) {
	s := payments()
	w := newWorld(t, s)
	a, b := eventlog.Holder{ID: "a", Server: "one"}, eventlog.Holder{ID: "b", Server: "two"}
	first, err := w.log.Acquire(t.Context(), a, time.Minute)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if other, err := w.log.Acquire(t.Context(), b, time.Minute); err != nil || other != nil {
		t.Fatalf("two holders: %v %v", other, err)
	}
	w.exec("UPDATE larder.streams SET until = clock_timestamp() - interval '1 second'") // the pause
	second, err := w.log.Acquire(t.Context(), b, time.Minute)
	if err != nil || second == nil || second.Epoch <= first.Epoch {
		t.Fatal(second, err)
	}
	position := []source.Position{{Part: "0", Incarnation: "x", Next: 10}}
	_, err = w.log.Append(t.Context(), &eventlog.Addition{Events: events(s, event{id: "a"}), Positions: position, Epoch: first.Epoch})
	if !errors.Is(err, eventlog.ErrFenced) {
		t.Fatalf("a fenced writer got %v", err)
	}
	if err := w.log.Renew(t.Context(), first.Epoch, time.Minute, true, nil); !errors.Is(err, eventlog.ErrFenced) {
		t.Fatalf("a fenced renewal got %v", err)
	}
	if rows := w.read(0); rows != nil {
		t.Fatalf("a fenced writer wrote %v", rows)
	}
	w.append(eventlog.Addition{Events: events(s, event{id: "a"}), Positions: position, Epoch: second.Epoch, Dead: []eventlog.DeadLetter{eventlog.NewDeadLetter("WRONG_TYPE", "why", "0", 9, []byte("{}"))}})
	third, err := w.log.Acquire(t.Context(), b, time.Minute)
	if err != nil || third.Epoch != second.Epoch {
		t.Fatalf("the holder's own lease: %+v %v", third, err)
	}
	if diff := cmp.Diff(position, third.Positions); diff != "" {
		t.Fatal(diff)
	}
	dead, err := w.log.Dead(t.Context(), 0, 10, true)
	if err != nil || len(dead) != 1 || dead[0].Reason != "WRONG_TYPE" || string(dead[0].Message) != "{}" {
		t.Fatalf("dead letters %+v %v", dead, err)
	}
}

func TestLogOfAnotherShapeIsRefused(t *testing.T) {
	s := payments()
	w := newWorld(t, s)
	w.exec("ALTER TABLE fraud.payments ALTER COLUMN amount TYPE text; ALTER TABLE fraud.payments DROP COLUMN larder_seq")
	err := w.log.Check(t.Context())
	const want = `stream "payments": the table fraud.payments can't be its log: column amount is text, not double precision; it has no column larder_seq of type bigint; change the table, or name another one in log:`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v\nwant %s", err, want)
	}
	s.Log = schema.StreamLog{Table: "fraud.other"}
	err = w.store.Log(s).Create(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "write create: true in log: to have it created") {
		t.Fatal(err)
	}
}

// A log with a retention has a partition for each day, and drops old ones.
func TestRetentionDropsOldDays(t *testing.T) {
	s := payments()
	s.Log.Retention = schema.Duration(48 * time.Hour)
	w := newWorld(t, s)
	w.append(eventlog.Addition{Events: events(s, event{id: "new"})})
	old := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -5)
	w.exec(fmt.Sprintf("CREATE TABLE fraud.payments%s PARTITION OF fraud.payments FOR VALUES FROM ('%s') TO ('%s')", old.Format("_20060102"), old.Format(time.RFC3339), old.AddDate(0, 0, 1).Format(time.RFC3339)))
	w.exec("INSERT INTO fraud.payments (id, larder_seq, larder_at, larder_sign, larder_id, larder_deleted) VALUES ('old', 1, $1, 1, 'old', false)", old.Add(time.Hour))
	if n := len(w.read(0)); n != 2 {
		t.Fatalf("%d events before", n)
	}
	if err := w.log.Upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := w.read(0); len(rows) != 1 || !strings.Contains(rows[0], "new") {
		t.Fatalf("left: %v", rows)
	}
}
