package cdc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"larder/schema"
	"larder/stream/source"
)

func TestTrap08Truncate(t *testing.T) {
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		t.Run(string(mode), func(t *testing.T) {
			b := newTable(t)
			b.stream.OnDataLoss = mode
			r := b.mustOpen(nil)
			r.reads(0)
			b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
			b.exec("TRUNCATE TABLE_")
			b.exec("INSERT INTO TABLE_ VALUES (2, 'b')")
			if mode == schema.ContinueOnDataLoss {
				r.reads(2)
				r.holds(`{"id":1,"note":"a"}`, `{"id":2,"note":"b"}`)
				return
			}
			b.lost(r.fails(), "was truncated")
			r.holds(`{"id":1,"note":"a"}`)
			again := b.mustOpen(r.position)
			b.lost(again.fails(), "was truncated") // until someone decides
		})
	}
}

func TestTrap08SlotIsGone(t *testing.T) {
	for _, mode := range []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss} {
		t.Run(string(mode), func(t *testing.T) {
			b := newTable(t)
			b.stream.OnDataLoss = mode
			b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
			r := b.mustOpen(nil)
			r.reads(1)
			r.Close()
			b.dropSlot()
			b.exec("INSERT INTO TABLE_ VALUES (2, 'b')")
			again, err := b.open(r.position)
			if mode == schema.StopOnDataLoss {
				b.lost(err, "is gone")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again.reads(2)
			again.holds(`{"id":1,"note":"a"}`, `{"id":2,"note":"b"}`)
		})
	}
}

// dropSlot drops the slot once its reader is off.
func (b *bench) dropSlot() {
	b.t.Helper()
	b.await(func() bool {
		_, err := b.pool.Exec(b.ctx, "SELECT pg_drop_replication_slot($1)", b.slot)
		return err == nil
	})
}

// Postgres gives up a slot that kept more of the log than it may.
func TestTrap08SlotIsInvalidated(t *testing.T) {
	c := newCluster(t, true)
	b := newBench(t, c)
	b.exec("CREATE TABLE TABLE_ (id bigint PRIMARY KEY, note text)")
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY FULL")
	r := b.mustOpen(nil)
	r.reads(0)
	r.Close()
	b.exec("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
	b.exec("SELECT pg_reload_conf()")
	b.exec("CREATE TABLE TABLE__other (x text)")
	b.await(func() bool {
		b.exec("INSERT INTO TABLE__other SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
		b.exec("SELECT pg_switch_wal()")
		b.exec("CHECKPOINT")
		var lost bool
		if err := b.pool.QueryRow(b.ctx, "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = $1", b.slot).Scan(&lost); err != nil {
			t.Fatal(err)
		}
		return lost
	})
	_, err := b.open(r.position)
	b.lost(err, "gave up the slot")
}

// Someone else moved the slot.
func TestTrap08SlotIsPastThePosition(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	r.Close()
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	b.await(func() bool {
		_, err := b.pool.Exec(b.ctx, "SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", b.slot)
		return err == nil
	})
	_, err := b.open(r.position)
	b.lost(err, "past the position")
}

func TestTrap08AnotherTableOfTheSameName(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	r.Close()
	b.exec("DROP TABLE TABLE_; CREATE TABLE TABLE_ (id bigint PRIMARY KEY, note text)")
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY FULL")
	_, err := b.open(r.position)
	b.stops(err, "ADD TABLE") // the publication lost it with the table
	b.exec("ALTER PUBLICATION " + b.slot + " ADD TABLE TABLE_")
	_, err = b.open(r.position)
	b.lost(err, "another table of the same name")
}

// A restore to an older backup: the log ends before the position.
func TestTrap08PositionPastTheLog(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	r.Close()
	r.position[0].Next += 1 << 40
	_, err := b.open(r.position)
	b.lost(err, "Postgres was restored")
}

// Postgres is killed and started again while changes are made and read.
func TestTrap08KilledPostgres(t *testing.T) {
	c := newCluster(t, true)
	b := newBench(t, c)
	b.exec("CREATE TABLE TABLE_ (id bigint PRIMARY KEY, note text)")
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY FULL")
	r := b.mustOpen(nil)
	r.reads(0)
	for round := range 3 {
		b.exec(fmt.Sprintf("INSERT INTO TABLE_ SELECT g, 'x' FROM generate_series(%d, %d) g", round*3000, round*3000+2999))
		for len(r.values) <= round*3000 {
			if err := r.step(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := r.fails(); err == nil {
			t.Fatal("a broken connection is no error")
		}
		if err := c.Restart(b.ctx); err != nil {
			t.Fatal(err)
		}
		b.pool.Reset()
		r = r.reopen()
	}
	seen := map[string]bool{}
	for len(seen) < 9000 {
		if err := r.step(); err != nil {
			t.Fatal(err)
		}
		for _, v := range r.values {
			seen[v] = true
		}
	}
	// What was read twice is of transactions that had no position yet; each id once is the
	// log's work.
}

func TestWhatIsNotReady(t *testing.T) {
	f := func(words string, statements ...string) {
		t.Helper()
		b := newBench(t, shared)
		for _, sql := range statements {
			b.exec(strings.ReplaceAll(sql, "PUB_", b.slot))
		}
		_, err := b.open(nil)
		b.stops(err, words)
	}
	const table = "CREATE TABLE TABLE_ (id bigint PRIMARY KEY, note text)"
	const full = "ALTER TABLE TABLE_ REPLICA IDENTITY FULL"
	f("create the table")
	f("REPLICA IDENTITY FULL; run ALTER TABLE", table)
	f("plain tables", "CREATE VIEW TABLE_ AS SELECT 1 AS id")
	f("plain tables", "CREATE TABLE TABLE_ (id bigint) PARTITION BY RANGE (id)")
	f("SET LOGGED", "CREATE UNLOGGED TABLE TABLE_ (id bigint)")
	f("leaves out changes", table, full, "CREATE PUBLICATION PUB_ FOR TABLE TABLE_ WITH (publish = 'insert')")
	f("ADD TABLE", table, full, "CREATE PUBLICATION PUB_")
	f("of another kind", table, full, "SELECT pg_create_physical_replication_slot('PUB_')")
}

func TestAnIdentityThatIsTakenAwayStopsTheSource(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	b.exec("ALTER TABLE TABLE_ REPLICA IDENTITY DEFAULT")
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	b.stops(r.fails(), "not REPLICA IDENTITY FULL any more")
}

func TestAPostgresWithoutLogicalDecodingStopsTheSource(t *testing.T) {
	b := newBench(t, newCluster(t, false))
	b.exec("CREATE TABLE TABLE_ (id bigint PRIMARY KEY)")
	_, err := b.open(nil)
	b.stops(err, "wal_level = replica; run ALTER SYSTEM")
}

// A role without the right is told what to grant; one with it is no superuser.
func TestRights(t *testing.T) {
	b := newTable(t)
	role := b.slot + "_role"
	b.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'secret'")
	b.exec("ALTER TABLE TABLE_ OWNER TO " + role)
	b.exec("GRANT CREATE ON DATABASE larder TO " + role)
	config, err := pgx.ParseConfig(b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	b.dsn = fmt.Sprintf("postgres://%s:secret@%s:%d/%s?sslmode=disable", role, config.Host, config.Port, config.Database)
	_, err = b.open(nil)
	b.stops(err, "REPLICATION")
	b.exec("ALTER ROLE " + role + " REPLICATION")
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	r := b.mustOpen(nil)
	r.reads(1)
}

// Two servers must not read at once: the second is told to wait, and may try again.
func TestASlotInUseIsAnErrorThatGoesAway(t *testing.T) {
	b := newTable(t)
	r := b.mustOpen(nil)
	r.reads(0)
	for _, from := range [][]source.Position{nil, r.position} {
		_, err := b.open(from)
		stopped, lost := &source.Stopped{}, &source.Lost{}
		if err == nil || errors.As(err, &stopped) || errors.As(err, &lost) {
			t.Fatalf("from %v: got %v", from, err)
		}
	}
	b.exec("INSERT INTO TABLE_ VALUES (1, 'a')")
	r.reads(1) // undisturbed
}
