package cdc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/stream/source"
)

func TestRowsThenChanges(t *testing.T) {
	b := newTable(t)
	b.exec("INSERT INTO TABLE_ VALUES (1, 'one'), (2, 'two'), (3, NULL)")
	r := b.mustOpen(nil)
	r.reads(3)
	r.holds(`{"id":1,"note":"one"}`, `{"id":2,"note":"two"}`, `{"id":3,"note":null}`)
	before := time.Now().Add(-time.Second).UnixMicro()
	b.exec("INSERT INTO TABLE_ VALUES (4, 'four')")
	b.exec("UPDATE TABLE_ SET note = 'ONE' WHERE id = 1")
	b.exec("DELETE FROM TABLE_ WHERE id = 2")
	b.exec("UPDATE TABLE_ SET id = 30 WHERE id = 3") // another event_id
	r.values = nil
	r.reads(5)
	r.holds(`{"id":4,"note":"four"}`, `{"id":1,"note":"ONE"}`, `-{"id":2,"note":"two"}`, `-{"id":3,"note":null}`, `{"id":30,"note":null}`)
	last := r.batches[len(r.batches)-1].Messages
	if m := last[len(last)-1]; m.Part != "" || m.ID != "" || m.Offset == 0 || m.Time < before {
		t.Errorf("message %+v", m)
	}
	if p := r.position[0]; p.Next <= last[0].Offset || p.Incarnation == "" {
		t.Errorf("position %+v", p)
	}
}

// The rows of the snapshot and the changes after it meet without a gap and without an
// overlap, while others write.
func TestRowsAndChangesMeetExactly(t *testing.T) {
	b := newTable(t)
	const n = 2000
	written := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < n && err == nil; i++ {
			_, err = b.pool.Exec(b.ctx, fmt.Sprintf("INSERT INTO %s VALUES (%d, 'x')", b.table, i))
		}
		written <- err
	}()
	for rows := 0; rows < 50; {
		if err := b.pool.QueryRow(b.ctx, "SELECT count(*) FROM "+b.table).Scan(&rows); err != nil {
			t.Fatal(err)
		}
	}
	r := b.mustOpen(nil)
	r.reads(n)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range r.values {
		seen[v] = true
	}
	if len(r.values) != n || len(seen) != n {
		t.Fatalf("%d messages, %d different; want %d", len(r.values), len(seen), n)
	}
}

func TestOpenedAgainItGoesOn(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	var want []string
	for i := range 5 {
		b.exec(fmt.Sprintf("INSERT INTO TABLE_ VALUES (%d, 'x')", i))
		want = append(want, fmt.Sprintf(`{"id":%d,"note":"x"}`, i))
		r.reads(i + 1)
		r = r.reopen()
	}
	r.holds(want...)
}

// A first read that breaks off begins again: nothing of it has a position.
func TestABrokenFirstReadBeginsAgain(t *testing.T) {
	b := newTable(t)
	b.exec("INSERT INTO TABLE_ SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g")
	r := b.mustOpen(nil)
	if err := r.step(); err != nil {
		t.Fatal(err)
	}
	if r.position != nil {
		t.Fatalf("a part of the rows has the position %v", r.position)
	}
	r.Close()
	b.exec("INSERT INTO TABLE_ VALUES (0, 'new')")
	r = b.mustOpen(nil)
	r.reads(20001)
	if len(r.values) != 20001 {
		t.Fatalf("%d messages, want 20001", len(r.values))
	}
}

// A transaction may take many batches; only its end is a position.
func TestAPositionIsTheEndOfATransaction(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	begin := r.position
	b.exec("INSERT INTO TABLE_ SELECT g, repeat('x', 100) FROM generate_series(1, 12000) g")
	for len(r.values) < 12000 {
		if err := r.step(); err != nil {
			t.Fatal(err)
		}
		last := r.batches[len(r.batches)-1]
		if len(last.Messages) > 5000 || last.Bytes() > 4<<20 {
			t.Fatalf("a batch of %d messages, %d bytes", len(last.Messages), last.Bytes())
		}
		if len(r.values) < 12000 && len(last.Messages) > 0 && len(last.Positions) > 0 && last.Positions[0].Next > begin[0].Next && last.Positions[0].Next > last.Messages[0].Offset {
			t.Fatalf("a position %v inside of a transaction", last.Positions)
		}
	}
}

// Values that an update didn't change come too, also large ones.
func TestLargeValuesThatAnUpdateLeftAlone(t *testing.T) {
	b := newTable(t)
	b.exec("ALTER TABLE TABLE_ ADD COLUMN big text")
	b.exec("ALTER TABLE TABLE_ ALTER COLUMN big SET STORAGE EXTERNAL")
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a', repeat('x', 50000))")
	r := b.mustOpen(nil)
	r.reads(1)
	b.exec("UPDATE TABLE_ SET note = 'b' WHERE id = 1")
	r.reads(2)
	if want := fmt.Sprintf(`{"id":1,"note":"b","big":"%s"}`, strings.Repeat("x", 50000)); r.values[1] != want {
		t.Fatalf("got %.100s", r.values[1])
	}
}

func TestEachTypeAsJSON(t *testing.T) {
	b := newBench(t, shared)
	b.exec("CREATE DOMAIN " + b.slot + "_money AS numeric CHECK (VALUE >= 0)")
	b.exec("CREATE DOMAIN " + b.slot + "_fee AS " + b.slot + "_money")
	b.exec(`CREATE TABLE TABLE_ (id bigint PRIMARY KEY, yes boolean, small smallint, n numeric, d ` + b.slot + `_fee, f real, g double precision, h double precision,
		at timestamptz, local timestamp, day date, raw bytea, doc jsonb, who uuid, words text, list int[], far timestamptz, "odd ""name""" int,
		twice bigint GENERATED ALWAYS AS (id * 2) STORED)`)
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY FULL")
	row := ` VALUES (%d, true, -3, 12345678901234567890.5, 7.25, 0.1, 1e300, 'NaN', '2026-01-31 12:00:00.5+02', '2026-01-31 12:00:00', '2026-01-31',
		'\x00ff', '{"a": [1, null]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', E'<a> & "b"\n\u00e9', '{1,2}', 'infinity', 1)`
	b.exec("INSERT INTO TABLE_" + fmt.Sprintf(row, 1))
	r := b.mustOpen(nil)
	r.reads(1)
	b.exec("INSERT INTO TABLE_" + fmt.Sprintf(row, 2))
	r.reads(2)
	want := `{"id":%d,"yes":true,"small":-3,"n":12345678901234567890.5,"d":7.25,"f":0.1,"g":1e+300,"h":"NaN",` +
		`"at":"2026-01-31T10:00:00.500000Z","local":"2026-01-31T12:00:00.000000","day":"2026-01-31","raw":"AP8=","doc":{"a": [1, null]},` +
		`"who":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","words":"<a> & \"b\"\n` + "\u00e9" + `","list":"{1,2}","far":"infinity","odd \"name\"":1}`
	r.holds(fmt.Sprintf(want, 1), fmt.Sprintf(want, 2))
	for _, v := range r.values {
		if !json.Valid([]byte(v)) {
			t.Errorf("not JSON: %s", v)
		}
	}
}

// A column that is added comes from then on, and other tables don't disturb.
func TestAnAddedColumn(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	b.exec("ALTER TABLE TABLE_ ADD COLUMN extra int; INSERT INTO TABLE_ VALUES (2, 'b', 7)")
	b.exec("ALTER TABLE TABLE_ DROP COLUMN note; INSERT INTO TABLE_ VALUES (3, 8)")
	b.exec("CREATE TABLE TABLE__other (id int); INSERT INTO TABLE__other VALUES (1)")
	b.exec("ALTER TABLE TABLE_ RENAME TO " + strings.TrimPrefix(b.table, "public.") + "_renamed")
	b.exec("INSERT INTO TABLE__renamed VALUES (4, 9)")
	r.reads(4)
	r.holds(`{"id":1,"note":"a"}`, `{"id":2,"note":"b","extra":7}`, `{"id":3,"extra":8}`, `{"id":4,"extra":9}`)
}

// The slot follows what is in the log, and no further.
func TestTheSlotIsConfirmedToWhatIsInTheLog(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	var batch source.Batch
	for len(batch.Messages) == 0 {
		var err error
		if batch, err = r.Fetch(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	for len(batch.Positions) == 0 {
		t.Fatal("a committed row without a position")
	}
	next := batch.Positions[0].Next
	b.await(func() bool { lag, err := r.Lag(b.ctx); return err == nil && lag[0].Bytes > 0 && lag[0].Events == -1 })
	if at := b.confirmed(); at >= next {
		t.Fatalf("confirmed %d before the commit, which is at %d", at, next)
	}
	if err := r.Acknowledge(b.ctx, batch); err != nil {
		t.Fatal(err)
	}
	b.await(func() bool { return b.confirmed() >= next }) // though nobody fetches
	// Other tables move the position.
	b.exec("CREATE TABLE TABLE__other (id int); INSERT INTO TABLE__other SELECT generate_series(1, 10000)")
	for r.step() == nil && r.position[0].Next < next+100_000 {
	}
	b.await(func() bool { return b.confirmed() >= next+100_000 })
}

// await asks until it holds.
func (b *bench) await(holds func() bool) {
	b.t.Helper()
	for !holds() {
		if b.ctx.Err() != nil {
			b.t.Fatal(b.ctx.Err())
		}
	}
}

// Nobody fetches for longer than Postgres waits for a sign of life.
func TestAConnectionStaysWhileNobodyFetches(t *testing.T) {
	b := newTable(t)
	b.dsn += "&options=-c%20wal_sender_timeout%3D1s"
	r := b.mustOpen(nil)
	r.reads(0)
	b.exec("INSERT INTO TABLE_ SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g") // more than waits for Fetch
	var pid, after int
	const sql = "SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = $1"
	if err := b.pool.QueryRow(b.ctx, sql, b.slot).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pool.Exec(b.ctx, "SELECT pg_sleep(3)"); err != nil {
		t.Fatal(err)
	}
	if err := b.pool.QueryRow(b.ctx, sql, b.slot).Scan(&after); err != nil || after != pid || pid == 0 {
		t.Fatalf("the connection was %d and is %d, error %v", pid, after, err)
	}
	r.reads(20000)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	for {
		_, err := r.Fetch(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	r.reads(1)
}
