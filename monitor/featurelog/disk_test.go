//go:build unix

package featurelog_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/smalldisk"
	"larder/monitor/featurelog"
	"larder/schema"
)

// failing is the alarm of a log's files.
func (r *running) failing(t testing.TB) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "larder_feature_log_failing" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no alarm")
	return 0
}

// until waits for something that the log does by itself.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

// noFloor lets a log write until the disk itself refuses.
var noFloor = featurelog.Options{MinFreeBytes: 1}

// TestAFullDiskCostsRowsOnly: whenever the disk fills, rows are dropped and counted, the
// alarm says so, and the log goes on by itself once there is room.
func TestAFullDiskCostsRowsOnly(t *testing.T) {
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	offer := func(r *running, requests int) (rows int) {
		for i := range requests {
			r.Offer(entry(plan, uint64(i), 10))
			rows += 10
		}
		return rows
	}
	dropped := func(t testing.TB, r *running) int { return int(r.dropped(t, "write") + r.dropped(t, "disk")) }

	t.Run("when a file is begun", func(t *testing.T) {
		disk := smalldisk.New(t, 4<<20)
		r := start(t, disk.Dir, noFloor)
		disk.Fill()
		lost := offer(r, 3)
		until(t, "the rows are dropped", func() bool { _ = r.Flush(t.Context()); return dropped(t, r) == lost })
		if r.failing(t) != 1 {
			t.Error("no alarm")
		}
		disk.Empty()
		written := 0
		until(t, "a row is written", func() bool {
			written += offer(r, 1)
			return r.Flush(t.Context()) == nil && r.failing(t) == 0
		})
		r.end()
		if _, rows := read(t, disk.Dir); rows == 0 || int(rows)+dropped(t, r) != lost+written {
			t.Errorf("%d rows in files and %d dropped, of %d", rows, dropped(t, r), lost+written)
		}
	})
	t.Run("while a file is open", func(t *testing.T) {
		disk := smalldisk.New(t, 4<<20)
		r := start(t, disk.Dir, noFloor)
		all := offer(r, 3)
		until(t, "a file is open", func() bool {
			names, _ := filepath.Glob(filepath.Join(disk.Dir, "*", "*.unfinished"))
			return len(names) == 1
		})
		disk.Fill()
		all += offer(r, 1500)    // more than a row group
		_ = r.Flush(t.Context()) // an error, unless all was dropped before
		if dropped(t, r) != all || r.failing(t) != 1 {
			t.Errorf("%d rows dropped of %d; the alarm is %v", dropped(t, r), all, r.failing(t))
		}
		if left, _ := filepath.Glob(filepath.Join(disk.Dir, "*", "*")); len(left) != 0 {
			t.Errorf("left in the folder: %q", left)
		}
		disk.Empty()
	})
	t.Run("at the end", func(t *testing.T) {
		disk := smalldisk.New(t, 4<<20)
		r := start(t, disk.Dir, noFloor)
		all := offer(r, 3)
		disk.Fill()
		r.end() // without an error: the server has stopped as it should
		if dropped(t, r) != all {
			t.Errorf("%d rows dropped of %d", dropped(t, r), all)
		}
		disk.Empty()
	})
}

// TestALogWhoseFolderCannotBeMade starts a server whose log has no place yet.
func TestALogWhoseFolderCannotBeMade(t *testing.T) {
	disk := smalldisk.New(t, 1<<20)
	for i := 0; ; i++ { // no inode is left
		if err := os.Mkdir(filepath.Join(disk.Dir, strings.Repeat("x", 200)+string(rune('a'+i%26))+strings.Repeat("y", i/26)), 0o700); err != nil {
			break
		}
		if i > 2000 {
			break // a disk with room for all names: the log is opened at once
		}
	}
	disk.Fill()
	dir := filepath.Join(disk.Dir, "log")
	r := start(t, dir, noFloor)
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r.Offer(entry(plan, 1, 5))
	until(t, "the rows are dropped", func() bool {
		_ = r.Flush(t.Context())
		return r.dropped(t, "write")+r.dropped(t, "disk") == 5
	})
	disk.Empty()
	left, err := os.ReadDir(disk.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		if l.Name() != "log" {
			_ = os.Remove(filepath.Join(disk.Dir, l.Name()))
		}
	}
	until(t, "a row is written", func() bool {
		r.Offer(entry(plan, 2, 1))
		return r.Flush(t.Context()) == nil && r.failing(t) == 0
	})
}

// TestAFloorOfFreeSpace: the log leaves the rest of the disk to others.
func TestAFloorOfFreeSpace(t *testing.T) {
	disk := smalldisk.New(t, 8<<20)
	least := int64(4 << 20)
	if !disk.Mounted {
		least = 1 << 60
	}
	said, metrics := new(bytes.Buffer), prometheus.NewRegistry()
	log, err := featurelog.Open(disk.Dir, featurelog.Options{MinFreeBytes: least, Logger: slog.New(slog.NewTextHandler(said, nil)), Registerer: metrics})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Log: log, registry: metrics}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	if disk.Mounted {
		if err := os.WriteFile(filepath.Join(disk.Dir, "other"), make([]byte, 5<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	until(t, "rows are dropped", func() bool {
		log.Offer(entry(plan, 1, 1))
		_ = log.Flush(t.Context())
		return r.dropped(t, "disk") > 0
	})
	if r.failing(t) != 1 {
		t.Error("no alarm")
	}
	if disk.Mounted {
		if err := os.Remove(filepath.Join(disk.Dir, "other")); err != nil {
			t.Fatal(err)
		}
		until(t, "the alarm ends, without a request", func() bool { return r.failing(t) == 0 })
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "are to stay free (--min-free-bytes)") {
		t.Errorf("the log says\n%s", said)
	}
}

// TestAFolderThatIsRemoved is made again; rows of the file that was open are counted.
func TestAFolderThatIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	r := start(t, dir, noFloor)
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r.Offer(entry(plan, 1, 3))
	until(t, "a file is open", func() bool {
		names, _ := filepath.Glob(filepath.Join(dir, "*", "*.unfinished"))
		return len(names) == 1
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err == nil || r.dropped(t, "write") != 3 || r.failing(t) != 1 {
		t.Errorf("%v; %v rows dropped, the alarm is %v", err, r.dropped(t, "write"), r.failing(t))
	}
	r.Offer(entry(plan, 2, 4))
	if err := r.Flush(t.Context()); err != nil || r.failing(t) != 0 {
		t.Errorf("%v; the alarm is %v", err, r.failing(t))
	}
	if _, rows := read(t, dir); rows != 4 {
		t.Errorf("%d rows in the new folder", rows)
	}
}

// TestAReadOnlyFolder refuses to start with a folder of somebody else's, whose setting is
// wrong, and not with a disk that is mounted read-only, which may pass.
func TestAReadOnlyFolder(t *testing.T) {
	disk := smalldisk.New(t, 1<<20)
	if !disk.Mounted {
		return // where nothing can be mounted, TestALogWhoseFolderCannotBeMade takes the same way
	}
	disk.ReadOnly(true)
	r := start(t, filepath.Join(disk.Dir, "log"), noFloor)
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r.Offer(entry(plan, 1, 3))
	until(t, "the rows are dropped", func() bool { _ = r.Flush(t.Context()); return r.dropped(t, "write") == 3 })
	disk.ReadOnly(false)
	r.Offer(entry(plan, 2, 4))
	if err := r.Flush(t.Context()); err != nil || r.failing(t) != 0 {
		t.Errorf("%v; the alarm is %v", err, r.failing(t))
	}
}
