//go:build linux

package stream_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"

	"larder/internal/pgtest"
	"larder/internal/smalldisk"
	"larder/schema"
	"larder/stream"
)

// tablespace makes a tablespace on a disk, for the tables of one test.
func tablespace(t *testing.T, disk *smalldisk.Disk) string {
	t.Helper()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	var data string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	dir := filepath.Join(disk.Dir, "tablespace")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	for _, closed := range []string{disk.Dir, filepath.Dir(disk.Dir)} { // to Postgres's user
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const name = "small_disk"
	if _, err := conn.Exec(t.Context(), fmt.Sprintf("CREATE TABLESPACE %s LOCATION '%s'", name, dir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the test's database is gone
		if _, err := conn.Exec(context.Background(), "DROP TABLESPACE "+name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// The disk of Postgres is full: the reason is told, requests are answered, pushes are
// refused, and it goes on by itself; nothing is lost and nothing double.
func TestTheDiskOfPostgresIsFull(t *testing.T) {
	disk := smalldisk.New(t, 16<<20)
	if !disk.Mounted {
		return // a limit on the length of files has another error
	}
	space := tablespace(t, disk)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	addr := cluster.ListenAddrs()[0]
	w := newWorld(t, orders(addr, ""))
	w.exec("ALTER TABLE shop.orders SET TABLESPACE " + space)
	s := w.startWith(t.TempDir(), fromKafka, 500*time.Millisecond)
	produce(t, addr, 0, 500)
	w.awaitEvents(s, "orders", 500)
	program := w.program("spending")
	total := 500
	for range 2 {
		disk.Fill()
		produce(t, addr, total, 10_000)
		const words = "the disk of Postgres is full"
		s.awaitState("orders", words)
		var pushed [][]byte
		for i := range 10_000 {
			pushed = append(pushed, fmt.Appendf(nil, `{"user_id": %d, "price": 1, "at": %d}`, i, time.Now().UnixMicro()))
		}
		if _, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "orders", Messages: pushed, Backfill: true}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("a push: %v", err)
		}
		if got := s.get(program, "user_id", []int64{1}, time.Now().UnixMicro(), false); got[0].Statuses[0] != schema.StatusPresent {
			t.Errorf("a request: %s", got[0].Statuses[0])
		}
		disk.Empty()
		total += 10_000
		w.awaitEvents(s, "orders", total)
		if n := w.count("SELECT count(*) FROM shop.orders"); n != total {
			t.Fatalf("the log has %d events of %d", n, total)
		}
	}
	s.awaitState("orders", "")
	agree(t, "orders", s, w.startWith(t.TempDir(), nil, time.Minute))
}

// The disk of the data folder is full: events are durable in the log, the reason is told,
// requests are answered from what is there, and it goes on by itself.
func TestTheDiskOfTheStatesIsFull(t *testing.T) {
	disk := smalldisk.New(t, 256<<20)
	if !disk.Mounted {
		return // a limit on the length of files stops the store; store/online tests that
	}
	w := newWorld(t, cards)
	s := w.start(filepath.Join(disk.Dir, "data"), nil)
	event := func(id string, card int64) string {
		return fmt.Sprintf(`{"id": %q, "card_id": %d, "amount": 1, "happened": %d}`, id, card, time.Now().UnixMicro())
	}
	s.push("payments", event("a", 1))
	program := w.program("windows")
	for round := range 2 {
		disk.Fill()
		for i := range 20 {
			if _, err := s.runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: [][]byte{[]byte(event(fmt.Sprintf("%d-%d", round, i), int64(i)))}}); err != nil {
				t.Fatalf("a push: %v", err)
			}
		}
		s.awaitState("payments", "free some space on the disk of")
		if got := s.get(program, "card_id", []int64{1}, time.Now().UnixMicro(), false); got[0].Statuses[0] != schema.StatusPresent {
			t.Errorf("a request: %s", got[0].Statuses[0])
		}
		disk.Empty()
		s.settled("payments")
	}
	s.awaitState("payments", "")
	other := w.start(t.TempDir(), nil)
	agree(t, "payments", other, s)
	sameRows(t, other, s)
	dir := s.dir
	s.close()
	agree(t, "payments", other, w.start(dir, nil))
}
